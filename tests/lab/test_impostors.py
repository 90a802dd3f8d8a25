"""Impostors on real hosts behind a real router: none of them passes for the service."""

import json
from collections.abc import Iterator

import pytest

from tests.lab import Lab
from tests.lab.anchor import STATE
from tests.lab.topology import Host
from tests.oracle import Json

pytestmark = pytest.mark.lab

INVENTORY = """
[hosts.vbr1]
address = "10.77.1.10"
roles = ["backup-server"]

[hosts.pve1]
address = "10.77.2.10"
roles = ["proxmox-ve", "ntp-server"]
{pin}

[hosts.pve2]
address = "10.77.1.20"
roles = ["proxmox-ve"]

[hosts.worker1]
address = "10.77.1.30"
roles = ["worker"]
stand_in = "vbr1"

[hosts.worker2]
address = "10.77.1.31"
roles = ["worker"]
stand_in = "pve2"

[[exclude]]
source = "*"
target = "pve2"
reason = "only probes"
"""
SSH = "backup-server-pve-ssh@vbr1>pve1"
API = "backup-server-pve-api@vbr1>pve1"
TIME = "worker-ntp-server-time@worker1>pve1"
HOLE = """
table ip hole {
    chain forward {
        type filter hook forward priority 0
        WHICH tcp flags & syn == 0 ip length > 60 drop
    }
}
"""
"""The handshake passes, and no data after it."""


def redirect(which: str, port: int) -> str:
    """The router itself takes what vbr1 sends: a transparent proxy."""
    return f"""
table ip proxy {{
    chain in {{
        type nat hook prerouting priority dstnat
        ip saddr 10.77.1.10 {which} redirect to :{port}
    }}
}}
"""


class Site:
    def __init__(self, lab: Lab) -> None:
        near, far = lab.network("10.77.1.0/24"), lab.network("10.77.2.0/24")
        self.router = lab.router("router", near, far)
        self.vbr1 = lab.host("vbr1", "10.77.1.10", near)
        self.pve2 = lab.host("pve2", "10.77.1.20", near)
        self.pve1 = lab.host("pve1", "10.77.2.10", far)

    def flows(self, *options: str, pin: str = "", vantage: Host | None = None) -> dict[str, Json]:
        report = self.report(*options, pin=pin, vantage=vantage)
        return {flow["id"]: flow for flow in report["flows"]}

    def report(self, *options: str, pin: str = "", vantage: Host | None = None) -> Json:
        probed_from = vantage or self.vbr1
        return probed_from.report(
            INVENTORY.format(pin=pin), "--host", "pve1", "--pace", "fast", *options
        )


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    with Lab() as lab:
        yield Site(lab)


@pytest.fixture
def site(shared: Site) -> Iterator[Site]:
    before = list(shared.router.lab.processes)
    yield shared
    for process in shared.router.lab.processes[len(before) :]:
        process.stop()
    shared.router.nft("flush ruleset")


def code(flow: Json) -> str:
    return f"{flow['verdict']} {flow['reason_code']}"


def real(site: Site) -> None:
    """What should stand on pve1."""
    site.pve1.sshd()
    site.pve1.nginx_tls(8006)
    site.pve1.chronyd()


def test_the_real_services_pass_and_are_known(site: Site) -> None:
    real(site)
    flows = site.flows()
    for each in (SSH, API, TIME):
        assert code(flows[each]) == "pass open", flows[each]["reason"]
        assert all(row["proven"] for row in flows[each]["evidence"])
    (ssh,) = flows[SSH]["evidence"]
    assert ssh["detail"]["banner"].startswith("SSH-2.0-OpenSSH")
    assert ssh["detail"]["host_keys"] == "ed25519"
    (api,) = flows[API]["evidence"]
    assert (api["detail"]["status"], api["detail"]["issuer"]) == (200, "pve1")


def test_services_on_each_others_ports(site: Site) -> None:
    site.pve1.sshd(8006)
    site.pve1.nginx_tls(22)
    flows = site.flows("--rule", "backup-*")
    assert code(flows[SSH]) == code(flows[API]) == "fail wrong-service"
    assert "an SSH server (SSH-2.0-OpenSSH" in flows[API]["reason"]
    assert "an HTTP server (400 Bad Request" in flows[SSH]["reason"]


@pytest.mark.parametrize(
    ("which", "ssh"),
    [
        ("", "accepts the connection and then stays silent"),
        ("ip saddr 10.77.1.10", "and does not answer: what it is sent is lost"),
    ],
)
def test_a_black_hole_behind_the_handshake(site: Site, which: str, ssh: str) -> None:
    real(site)
    site.router.nft(HOLE.replace("WHICH", which))
    flows = site.flows("--rule", "backup-*")
    assert code(flows[SSH]) == code(flows[API]) == "fail wrong-service"
    assert ssh in flows[SSH]["reason"]
    assert "accepts the connection and then stays silent" in flows[API]["reason"]


@pytest.mark.parametrize("hold", [True, False])
def test_a_transparent_proxy_that_accepts_everything(site: Site, hold: bool) -> None:
    real(site)
    site.router.listen_tcp(9, hold=hold)
    site.router.nft(redirect("meta l4proto tcp", 9))
    flows = site.flows("--rule", "backup-*")
    assert code(flows[SSH]) == code(flows[API]) == "unproven accepts-all"


def intercept(site: Site) -> None:
    """The router opens TLS to pve1 for vbr1, with a certificate of its own."""
    site.router.nginx_tls(9443)
    site.router.nft(redirect("tcp dport 8006", 9443))


def test_an_interceptor_of_tls_has_not_the_pinned_certificate(site: Site) -> None:
    real(site)
    pin = 'tls = { issuer = "pve1" }'
    assert code(site.flows("--rule", "*-api", pin=pin)[API]) == "pass open"
    intercept(site)
    flow = site.flows("--rule", "*-api", pin=pin)[API]
    assert code(flow) == "fail wrong-service"
    assert "shows another certificate than the inventory pins" in flow["reason"]
    assert "its issuer is router" in flow["reason"]


def test_without_a_pin_two_vantages_that_are_shown_two_certificates_are_told(site: Site) -> None:
    real(site)
    intercept(site)
    files = site.router.lab.anchor.state
    for vantage in (site.vbr1, site.pve2):
        report = site.report("--rule", "worker-pve-api", vantage=vantage)
        (files / f"{vantage.name}.json").write_text(json.dumps(report))
    merged = site.vbr1.veeamcheck(
        *("merge", "-o", "json"), *(f"{STATE}/{name}.json" for name in ("vbr1", "pve2"))
    )
    warnings = json.loads(merged.stdout)["warnings"]
    assert any("“router” to vbr1, “pve1” to pve2" in each for each in warnings), warnings


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        ("false-stratum", "stratum 1 is a reference clock, but it follows the server 10.0.0.1"),
        ("false-times", "answers, but contradicts itself: it took -3600"),
        ("unsynchronised", "is not synchronised itself"),
    ],
)
def test_time_servers_that_lie(site: Site, behaviour: str, says: str) -> None:
    site.pve1.ntp_fake(behaviour)  # type: ignore[arg-type]
    flow = site.flows("--rule", "worker-ntp*")[TIME]
    assert code(flow) == "fail wrong-service"
    assert says in flow["reason"]
