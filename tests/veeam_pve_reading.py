"""The Proxmox VE document read a second time, as plain Python and without the rule set.

Slow and blunt on purpose: it looks at every pair of hosts and shares nothing with the package
but the inventory, so that a slip in the rules or in their expansion shows as a difference.
"""

from collections.abc import Iterator
from typing import Any

from veeamcheck.model import Host, Inventory

Needed = tuple[str, int, str, str, str, str]
"""Section, row, source, target, ports, failover ports."""

RANGE = "2500-3300"


def documented(site: Inventory) -> Iterator[Needed]:
    for source in site.hosts.values():
        for target in site.hosts.values():
            for section, row, ports, failover in _between(site, source, target):
                if source is not target or ports == "6172":
                    yield section, row, source.name, target.name, ports, failover


def _between(site: Inventory, source: Host, target: Host) -> Iterator[tuple[str, int, str, str]]:
    def has(host: Host, name: str, default: Any = False) -> Any:
        return host.attributes.get(name, default)

    def option(name: str, default: bool | str) -> bool | str:
        return site.options.get(name, default)

    def pair(source_role: str, target_role: str) -> bool:
        return source_role in source.roles and target_role in target.roles

    hosts = site.hosts.values()
    in_front = {name for h in hosts if "repository" in h.roles for name in has(h, "gateway", ())}
    direct = "repository" in target.roles and not has(target, "gateway", ())
    smb1 = option("smb1", False)

    # Workers
    if pair("worker", "proxmox-ve"):
        yield "Workers", 1, "8006", ""
        yield "Workers", 2, "22", ""
    if pair("worker", "backup-server"):
        yield "Workers", 3, "10006", ""
        if option("ransomware_index", True):
            yield "Workers", 4, RANGE, ""
    if pair("worker", "repository") and direct:
        yield "Workers", 5, "6162", RANGE
    if "worker" in source.roles and target.name in in_front:
        yield "Workers", 5, "6162", RANGE
    if (
        pair("worker", "update-repository")
        and option("online_updates", True)
        and not option("update_proxy", "")
    ):
        yield "Workers", 6, "443", ""
    if pair("worker", "ntp-server"):
        yield "Workers", 7, "123", ""

    # Backup Server
    if pair("backup-server", "worker"):
        yield "Backup Server", 1, "19000", ""
        yield "Backup Server", 2, "443", ""
    if source is target and "backup-server" in source.roles:
        yield "Backup Server", 3, "6172", ""
    if pair("backup-server", "proxmox-ve"):
        yield "Backup Server", 4, "8006", ""
        yield "Backup Server", 5, "22", ""
    if pair("backup-server", "flr-helper"):
        yield "Backup Server", 6, "22", ""

    # Guest processing
    if pair("backup-server", "guest-interaction-proxy"):
        if has(target, "deployment_kit"):
            yield "Guest Interaction Proxies", 2, "6160", ""
        elif has(target, "os") == "windows":
            yield "Guest Interaction Proxies", 1, "135,445", ""
        else:
            yield "Guest Interaction Proxies", 3, "22", ""
        if any("vm-guest" in h.roles and has(h, "runtime") != "persistent" for h in hosts):
            yield "Guest Interaction Proxies", 4, "6190", ""

    persistent = has(target, "runtime") == "persistent"
    windows = has(target, "os") == "windows"
    networked = not has(target, "networkless")
    by_agent = has(target, "control_channel") == "management-agent"
    deployable = not persistent and networked and not has(target, "deployment_kit")

    section = "Protected Workloads"
    if pair("guest-interaction-proxy", "vm-guest"):
        if not persistent and networked:
            yield section, 1, RANGE, ""
            if windows:
                yield section, 2, "135,445", ""
                yield section, 3, "6173", ""
            else:
                yield section, 4, "22", ""
        if persistent and windows:
            yield section, 9, "6160", "11731"
            yield section, 10, "6173", ""
        if persistent and not windows:
            yield section, 7, "6160", ""
            if by_agent:
                yield section, 8, "6162", ""
    if (
        pair("backup-server", "vm-guest")
        and persistent
        and not windows
        and option("agent_installation", False)
    ):
        yield section, 5, "22", ""
        yield section, 6, RANGE, ""

    if pair("guest-interaction-proxy", "gateway"):
        yield "Guest processing / Gateway Servers", 1, "6162", RANGE
    if pair("guest-interaction-proxy", "esxi") and not has(target, "legacy_vcenter"):
        yield "Guest processing / Hypervisors", 1, "443", ""

    # Log shipping
    section = "Log Shipping Servers"
    if pair("backup-server", "log-shipping-server"):
        if not has(target, "deployment_kit") and has(target, "os") != "linux":
            yield section, 1, "135,445", ""
            if smb1:
                yield section, 1, "137", ""
                yield section, 1, "139", ""
        yield section, 2, "6160", ""
        yield section, 3, "6162", ""
    if pair("hyper-v", "backup-server") and has(source, "powershell_direct"):
        yield section, 4, "6162", RANGE
    if pair("vm-guest", "log-shipping-server") and has(source, "databases"):
        yield section, 5, "6162", RANGE

    databases = has(target, "databases", ()) if pair("guest-interaction-proxy", "vm-guest") else ()
    if "mssql" in databases:
        section = "MS SQL Guest OS"
        if deployable:
            yield section, 1, "135,445", ""
            if smb1:
                yield section, 1, "137", ""
                yield section, 1, "139", ""
        if networked:
            yield section, 2, RANGE, ""
        yield section, 3, "6173", ""
        if persistent:
            yield section, 4, "6160", "11731"
        yield section, 5, "6167", ""
    if "oracle" in databases:
        section = "Oracle Guest OS"
        if networked:
            yield section, 1, RANGE, ""
        if windows:
            if deployable:
                yield section, 2, "135,445", ""
            yield section, 3, "6173", ""
            if persistent:
                yield section, 4, "6160", "11731"
            yield section, 5, "6167", ""
        else:
            if not persistent and networked:
                yield section, 6, "22", ""
            if persistent and by_agent:
                yield section, 7, "6162", ""
    if "postgresql" in databases:
        section = "PostgreSQL Guest OS"
        if not persistent and networked:
            yield section, 1, "22", ""
        if persistent and by_agent:
            yield section, 2, "6162", ""
        if networked:
            yield section, 3, RANGE, ""

    if pair("log-shipping-server", "repository") and direct:
        yield "Backup Repositories", 1, "6162", RANGE
    shipped = any("log-shipping-server" in h.roles for h in hosts)
    if pair("vm-guest", "repository") and direct and has(source, "databases") and not shipped:
        yield "Backup Repositories", 2, "6162", RANGE
    if pair("log-shipping-server", "gateway"):
        yield "Log shipping / Gateway Servers", 1, "6162", RANGE
    if pair("backup-server", "hyper-v") and has(target, "powershell_direct"):
        yield "Log shipping / Hypervisors", 1, "6162", RANGE
    if pair("log-shipping-server", "esxi"):
        yield "Log shipping / Hypervisors", 2, "443", ""
