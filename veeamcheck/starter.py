"""The text of a first inventory, from nothing but addresses by role."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping

from veeamcheck.model import RuleSet
from veeamcheck.toml.writer import toml_string

NAMES = {
    "backup-server": "vbr",
    "proxmox-ve": "pve",
    "repository": "repo",
    "worker": "worker",
    "ntp-server": "ntp",
}
"""The roles that nearly every deployment has, and what their hosts are called."""

_UPDATES = """
[hosts.updates]               # where workers download their packages from
address = "repository.veeam.com"
roles = ["update-repository"]
"""


def starting_inventory(
    addresses: Mapping[str, Iterable[str]], rule_set: RuleSet, *, online_updates: bool = True
) -> str:
    """An inventory for these addresses by role (a key of NAMES); one address is one host.

    Addresses are written as they are: whether they are any is for `parse_inventory` to say.
    """
    roles_of: dict[str, list[str]] = {}
    for role, of_role in addresses.items():
        for address in dict.fromkeys(of_role):
            roles_of.setdefault(address, []).append(role)
    names = _names(roles_of)
    pve = next((names[each] for each, roles in roles_of.items() if "proxmox-ve" in roles), None)

    text = _HEAD.format(
        rule_set=json.dumps(rule_set.id), options=_options(rule_set, online_updates)
    )
    for address, roles in roles_of.items():
        text += f"\n[hosts.{names[address]}]\naddress = {toml_string(address)}\n"
        text += f"roles = [{', '.join(map(toml_string, roles))}]\n"
        if roles == ["worker"] and pve:
            text += (
                f'stand_in = "{pve}"  # lives only during jobs: probe from its network instead\n'
            )
    if online_updates and "worker" in addresses:
        text += _UPDATES
    return text + _further_roles(
        rule_set, {role for of_one in roles_of.values() for role in of_one}
    )


def _names(roles_of: Mapping[str, list[str]]) -> dict[str, str]:
    """A name for each address: after its first role, numbered."""
    names: dict[str, str] = {}
    count: dict[str, int] = {}
    for address, roles in roles_of.items():
        stem = NAMES[roles[0]]
        count[stem] = count.get(stem, 0) + 1
        names[address] = f"{stem}{count[stem]}"
    return names


def _options(rule_set: RuleSet, online_updates: bool) -> str:
    lines = []
    for option in rule_set.options.values():
        if option.name == "online_updates":
            lines.append(f"# {option.help}\nonline_updates = {json.dumps(online_updates)}")
        else:
            lines.append(f"# {option.help}\n# {option.name} = {json.dumps(option.default)}")
    return "\n".join(lines)


def _further_roles(rule_set: RuleSet, used: Collection[str]) -> str:
    others = [role for role in rule_set.roles.values() if role.name not in used]
    width = max((len(role.name) for role in others), default=0)
    return "\n# Further roles, for hosts that have them (a host can have several):\n" + "".join(
        f"#   {role.name:<{width}}  {role.title}\n" for role in others
    )


_HEAD = """\
# Who takes part in this deployment, for veeamcheck:
#   veeamcheck validate   says whether this file is right
#   veeamcheck plan       lists every connection that must work
#   veeamcheck run        tests those that start at the host it runs on
# For completion in an editor: veeamcheck schema inventory > inventory.schema.json

[audit]
rule_sets = [{rule_set}]
phase = "live"  # "predeploy": the product is not installed yet

[options]
{options}
"""
