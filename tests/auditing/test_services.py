"""Audits that ask what answers: on real connections over loopback."""

import asyncio

import pytest

from tests.impostors import SERVICES, serve
from veeamcheck.auditing.audit import audit
from veeamcheck.auditing.services import Expected, Services
from veeamcheck.auditing.settings import Settings
from veeamcheck.inventory import parse_inventory
from veeamcheck.model import Observation, Outcome, Report, Signal
from veeamcheck.net.system import SystemNetwork
from veeamcheck.ports import PortSet
from veeamcheck.probes import _talk

SITE = """
[audit]
phase = "{phase}"

[hosts.vbr1]
address = "127.0.0.1"
roles = ["backup-server"]

[hosts.pve1]
address = {address}
roles = ["proxmox-ve"]
ports = {{ "22" = "{ssh}", "8006" = "{https}" }}
{more}
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_talk, "_PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(_talk, "_PATIENCE", (1.0, 1.0))


async def audited(
    ssh: str,
    https: str,
    *,
    more: str = "",
    address: str = '"127.0.0.2"',
    phase: str = "live",
    checks: str = "service",
) -> Report:
    """The report where these stand on pve1's ports for SSH and HTTPS."""
    first, second = SERVICES[ssh], SERVICES[https]
    with (
        serve(first.protocol, "0.0.0.0", tls=first.tls()) as one,
        serve(second.protocol, "0.0.0.0", tls=second.tls()) as two,
    ):
        text = SITE.format(ssh=one, https=two, more=more, address=address, phase=phase)
        inventory = parse_inventory(text, "site.toml")
        return await audit(inventory, Settings(vantage="vbr1", checks=checks))


def flows(report: Report) -> dict[str, Outcome]:
    wanted = ("ssh", "api")
    return {
        what: flow
        for flow in report.flows
        for what in wanted
        if flow.rule == f"backup-server-pve-{what}"
    }


async def test_services_are_recognised_and_their_facts_kept() -> None:
    found = flows(await audited("ssh", "https"))
    ssh, api = found["ssh"].evidence[0], found["api"].evidence[0]
    assert [flow.verdict for flow in found.values()] == ["pass", "pass"]
    assert ssh.proven and api.proven
    assert ssh.rtt_ms is not None
    assert ssh.attributed
    assert (ssh.detail or {})["host_keys"] == "ed25519, rsa"
    assert (api.detail or {})["issuer"] == "veeamcheck demo"


async def test_services_that_changed_places() -> None:
    found = flows(await audited("https", "ssh"))
    assert {(flow.verdict, flow.reason_code) for flow in found.values()} == {
        ("fail", "wrong-service")
    }
    assert "an SSH server (SSH-2.0-Demo_1.0)" in found["api"].reason


async def test_a_handshake_is_enough_where_only_connections_are_checked() -> None:
    found = flows(await audited("mute", "hang-up", checks="connect"))
    assert {(flow.verdict, flow.reason_code) for flow in found.values()} == {("pass", "open")}
    assert not any(row.proven for flow in found.values() for row in flow.evidence)


async def test_an_impostor_is_no_installed_service_before_the_installation_either() -> None:
    report = await audited("ssh", "http", phase="predeploy")
    assert flows(report)["api"].reason_code == "wrong-service"


async def test_a_pinned_certificate() -> None:
    right = flows(await audited("ssh", "https", more='tls = { issuer = "veeamcheck demo" }'))
    assert right["api"].verdict == "pass"
    wrong = flows(await audited("ssh", "https", more='tls = { issuer = "my own" }'))
    assert (wrong["api"].verdict, wrong["api"].reason_code) == ("fail", "wrong-service")
    assert "its issuer is veeamcheck demo" in wrong["api"].reason
    assert wrong["ssh"].verdict == "pass"


async def test_each_address_of_a_host_is_asked() -> None:
    found = flows(await audited("ssh", "https", address='["127.0.0.2", "127.0.0.3"]'))
    assert {row.address: row.proven for row in found["api"].evidence} == {
        "127.0.0.2": True,
        "127.0.0.3": True,
    }


async def test_two_flows_may_expect_different_services_on_one_port() -> None:
    """Each is judged by its own; whoever accepts is enough for the third."""
    network = SystemNetwork()
    with serve(SERVICES["ssh"].protocol) as port:
        services = Services(network, "127.0.0.1", no_turn, asyncio.Semaphore(9))
        contacted = {port: Observation(Signal.OPEN, attributed=True, rtt=0.5)}
        ports = PortSet.of([port])
        wanted = [(Expected(name, None), ports) for name in ("ssh", "https", "tcp")]
        await services.ask(wanted, contacted)
    network.close()
    seen = {each.service: services.overlaid(contacted, each)[port] for each, _ in wanted}
    assert {name: (each.signal, each.proven) for name, each in seen.items()} == {
        "ssh": (Signal.OPEN, True),
        "https": (Signal.INVALID, False),
        "tcp": (Signal.OPEN, False),
    }
    assert {each.rtt for each in seen.values()} == {0.5}


async def test_a_run_that_was_interrupted_says_nothing_of_what_it_did_not_ask() -> None:
    services = Services(SystemNetwork(), "127.0.0.1", no_turn, asyncio.Semaphore(9))
    contacted = {
        1: Observation(Signal.OPEN),
        2: Observation(Signal.REFUSED),
        3: Observation(Signal.OPEN, proven=True),  # by our listener
    }
    assert set(services.overlaid(contacted, Expected("ssh", None))) == {2, 3}
    assert set(services.overlaid(contacted, Expected("tcp", None))) == {1, 2, 3}


@pytest.mark.parametrize(
    ("there", "signal"),
    [("hang-up", Signal.OPEN), ("reset", Signal.OPEN), ("http", Signal.INVALID)],
)
async def test_who_accepts_for_everybody_and_hangs_up_was_not_the_service(
    there: str, signal: Signal
) -> None:
    network = SystemNetwork()
    with serve(SERVICES[there].protocol) as port:
        services = Services(network, "127.0.0.1", no_turn, asyncio.Semaphore(9))
        contacted = {port: Observation(Signal.OPEN)}
        expected = Expected("ssh", None)
        await services.ask([(expected, PortSet.of([port]))], contacted)
    network.close()
    alone = services.overlaid(contacted, expected)[port]
    among_all = services.overlaid(contacted, expected, accepts_all=True)[port]
    assert alone.signal is Signal.INVALID
    assert (among_all.signal, among_all.proven) == (signal, False)


async def no_turn() -> None:
    pass
