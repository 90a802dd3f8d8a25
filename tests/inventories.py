"""Inventories for tests, straight from the model's types."""

from collections.abc import Iterable, Mapping

from veeamcheck.model import Exclude, Host, Inventory, RuleSet, Value, Waiver
from veeamcheck.ports import PortSet


def host(
    name: str,
    *roles: str,
    stand_in: str | None = None,
    ports: Mapping[str, str] | None = None,
    **attributes: Value,
) -> Host:
    return Host(
        name=name,
        address=(f"{name}.example.com",),
        roles=roles,
        attributes=attributes,
        stand_in=stand_in,
        ports={documented: PortSet.parse(own) for documented, own in (ports or {}).items()},
    )


def inventory(
    rule_set: RuleSet,
    hosts: Iterable[Host],
    *,
    options: Mapping[str, bool | str] | None = None,
    exclude: Iterable[Exclude] = (),
    waive: Iterable[Waiver] = (),
    warnings: Iterable[str] = (),
) -> Inventory:
    return Inventory(
        file="inventory.toml",
        rule_sets=(rule_set,),
        options=options or {},
        hosts={host.name: host for host in hosts},
        exclude=tuple(exclude),
        waive=tuple(waive),
        warnings=tuple(warnings),
    )
