"""The lab itself: what it builds is real, and nothing of it outlives its test."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from random import Random

import pytest

from tests.lab import Action, Lab, LabError, Policy, Rule, count, loss, reset_limit
from tests.lab.inside.look import ask_ntp, look
from tests.lab.process import wait_until
from tests.lab.topology import CHECKOUT
from veeamcheck.ports import PortSet

pytestmark = pytest.mark.lab


class Site:
    """Two hosts with a firewall between them; `repo1` listens on 2500-2504."""

    def __init__(self, lab: Lab) -> None:
        backup, storage = lab.network("10.77.1.0/24"), lab.network("10.77.2.0/24")
        self.firewall = lab.router("firewall", backup, storage)
        self.vbr1 = lab.host("vbr1", "10.77.1.10", backup)
        self.repo1 = lab.host("repo1", "10.77.2.10", storage)
        # One ICMP error a second to each peer, as by default, would make most rejects look silent.
        for host in (self.firewall, self.repo1):
            host.sysctl("net.ipv4.icmp_ratelimit", 0)
            host.sysctl("net.ipv6.icmp.ratelimit", 0)
        self.repo1.listen_tcp("2500-2504")

    def addresses(self, family: int) -> tuple[str, str]:
        """Of vbr1 and repo1."""
        if family == 4:
            return self.vbr1.address, self.repo1.address
        return self.vbr1.address6, self.repo1.address6


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    with Lab() as lab:
        yield Site(lab)


@pytest.fixture
def site(shared: Site) -> Iterator[Site]:
    """The shared site without any firewall rule."""
    yield shared
    for host in (shared.firewall, shared.vbr1, shared.repo1):
        host.nft("flush ruleset")


def expected(action: Action, listening: bool, by: str) -> str:
    """How `look` tells what a firewall at address `by` does."""
    four = ip_address(by).version == 4
    return {
        Action.ACCEPT: "open" if listening else "reset",
        Action.DROP: "silent",
        Action.RESET: "reset",
        Action.PROHIBITED: f"icmp {'3/13' if four else '1/1'} by {by}",
        Action.PORT_UNREACHABLE: f"icmp {'3/3' if four else '1/4'} by {by}",
        Action.HOST_UNREACHABLE: f"icmp {'3/1' if four else '1/3'} by {by}",
    }[action]


# --- firewalls ---


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("place", ["forward", "input"])
def test_each_action_is_seen_as_what_it_is(site: Site, place: str, family: int) -> None:
    _, repo1 = site.addresses(family)
    rules = [
        Rule(action=action, protocol="tcp", ports=2500 + number, target=repo1)
        for number, action in enumerate(Action)
    ]
    if place == "forward":
        site.firewall.nft(Policy(tuple(rules)).text("forward"))
        by = "10.77.1.1" if family == 4 else "fd00:10:77:1::1"
    else:
        site.repo1.nft(Policy(tuple(rules)).text("input"))
        by = repo1

    seen = site.vbr1.call(look, repo1, range(2500, 2510))

    actions = [*Action, *[Action.ACCEPT] * 4]
    assert list(seen.values()) == [
        expected(action, listening=number < 5, by=by) for number, action in enumerate(actions)
    ]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("seed", range(3))
def test_a_random_policy_does_what_it_says(site: Site, seed: int, family: int) -> None:
    vbr1, repo1 = site.addresses(family)
    default = [Action.ACCEPT, Action.DROP][seed % 2]
    policy = Policy.random(Random(seed), [repo1], "2490-2520", default=default)
    site.firewall.nft(policy.text("forward"))
    by = "10.77.1.1" if family == 4 else "fd00:10:77:1::1"

    seen = site.vbr1.call(look, repo1, range(2490, 2521))

    assert seen == {
        port: expected(policy.action(vbr1, repo1, "tcp", port), port in range(2500, 2505), by)
        for port in range(2490, 2521)
    }


def test_a_policy_replaces_the_one_before(site: Site) -> None:
    site.firewall.nft(Policy((), default=Action.DROP).text("forward"))
    site.firewall.nft(Policy(()).text("forward"))

    assert site.vbr1.call(look, site.repo1.address, [2500]) == {2500: "open"}


def test_counters_see_every_syn(site: Site) -> None:
    site.firewall.nft(count("syns", "tcp flags & (syn | ack) == syn"))

    site.vbr1.call(look, site.repo1.address, range(2500, 2510))

    assert site.firewall.counted("syns") == 10


def test_loss_loses_about_its_share(site: Site) -> None:
    site.firewall.nft(loss(50) + count("syns", "tcp flags & (syn | ack) == syn"))

    seen = list(site.vbr1.call(look, site.repo1.address, range(3000, 3400), 0.5).values())

    # A quarter of the exchanges survive both directions; 30 and 170 are 8 deviations away.
    assert 30 < seen.count("reset") < 170
    assert seen.count("reset") + seen.count("silent") == 400


def test_resets_beyond_the_limit_stay_out(site: Site) -> None:
    site.repo1.nft(reset_limit(1, burst=5))

    seen = list(site.vbr1.call(look, site.repo1.address, range(3000, 3100), 0.5).values())

    assert 5 <= seen.count("reset") <= 10
    assert seen.count("reset") + seen.count("silent") == 100


# --- topology ---


def test_routers_in_a_row_find_the_way_in_both_families(lab: Lab) -> None:
    networks = [lab.network(f"10.77.{number}.0/24") for number in range(4)]
    _, middle, _ = (lab.router(f"r{n}", *networks[n : n + 2]) for n in range(3))
    middle.nft(count("syns", "tcp flags & (syn | ack) == syn"))
    near = lab.host("near", "10.77.0.10", networks[0])
    far = lab.host("far", "10.77.3.10", networks[3])
    far.listen_tcp(80)

    assert near.call(look, far.address, [80, 81]) == {80: "open", 81: "reset"}
    assert near.call(look, far.address6, [80, 81]) == {80: "open", 81: "reset"}
    assert middle.counted("syns") == 4


def test_a_host_can_have_several_networks_addresses_and_names(lab: Lab) -> None:
    left, right = lab.network("10.77.1.0/24"), lab.network("10.77.2.0/24")
    host = lab.host("vbr1", "10.77.1.10", left)
    host.join(right, "10.77.2.10")
    host.add_address("10.77.2.11")
    peer = lab.host("repo1", "10.77.2.20", right)
    lab.name("backup.example.com", "10.77.2.11")
    host.listen_tcp(80)

    assert peer.call(look, "10.77.2.11", [80]) == {80: "open"}
    assert peer.call(look, "fd00:10:77:2::11", [80]) == {80: "open"}
    assert peer.run(["getent", "ahosts", "backup.example.com"]).stdout.startswith("10.77.2.11 ")
    assert peer.run(["getent", "ahosts", "other.example.com"], check=False).returncode == 2
    with pytest.raises(ValueError, match="no network"):
        host.add_address("10.77.3.1")


def test_a_host_without_its_cable_is_unreachable(lab: Lab) -> None:
    network = lab.network("10.77.1.0/24")
    one, other = lab.host("one", "10.77.1.10", network), lab.host("other", "10.77.1.11", network)
    other.set_link(up=False)

    # The neighbour is asked three times, a second apart, before the kernel gives up.
    assert one.call(look, other.address, [80], 10) == {80: "icmp 3/1 by 10.77.1.10"}


# --- servers ---


def test_a_thousand_ports_and_more(site: Site) -> None:
    server = site.repo1.listen_tcp("10000-13000")

    seen = site.vbr1.call(look, site.repo1.address, range(10000, 13001), 5)
    server.stop()

    assert set(seen.values()) == {"open"}
    assert site.vbr1.call(look, site.repo1.address, [10000]) == {10000: "reset"}


def test_a_banner_is_sent(site: Site) -> None:
    site.repo1.listen_tcp(7000, banner="220 hello\r\n")

    assert site.vbr1.call(read, site.repo1.address, 7000) == "220 hello\r\n"


def test_sshd_lets_the_labs_login_in(site: Site) -> None:
    server = site.repo1.sshd()
    login = site.repo1.lab.ssh_login

    ran = site.vbr1.run(
        [
            *("ssh", "-i", login.key, "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes"),
            *("-o", "UserKnownHostsFile=/dev/null", f"{login.user}@{site.repo1.address}"),
            *("ip", "-br", "address", "show", "eth0"),
        ]
    )
    server.stop()

    assert site.repo1.address in ran.stdout
    assert "Accepted publickey" in server.read_log()


@pytest.mark.parametrize("family", [4, 6])
def test_sshd_speaks_first(site: Site, family: int) -> None:
    server = site.repo1.sshd(2222)

    banner = site.vbr1.call(read, site.addresses(family)[1], 2222)
    server.stop()

    assert banner.startswith("SSH-2.0-OpenSSH")


@pytest.mark.parametrize("family", [4, 6])
def test_chronyd_serves_time(site: Site, family: int) -> None:
    server = site.repo1.chronyd(stratum=5)

    reply = site.vbr1.call(ask_ntp, site.addresses(family)[1])
    server.stop()

    assert reply[0] == 0b00_100_100  # synchronised, version 4, a server
    assert reply[1] == 5
    assert reply[24:32] == bytes(range(1, 9))


@pytest.mark.parametrize(
    ("behaviour", "start", "originate"),
    [
        ("good", "2402", True),
        ("unsynchronised", "e410", True),
        ("rate", "e400", True),
        ("deny", "e400", True),
        ("wrong-originate", "2402", False),
    ],
)
def test_a_fake_ntp_server(site: Site, behaviour: str, start: str, originate: bool) -> None:
    server = site.repo1.ntp_fake(behaviour)  # type: ignore[arg-type]

    reply = site.vbr1.call(ask_ntp, site.repo1.address)
    server.stop()

    assert len(reply) == 48
    assert reply[:2].hex() == start
    assert (reply[24:32] == bytes(range(1, 9))) is originate
    assert (reply[12:16] == behaviour.upper().encode()) is (behaviour in {"rate", "deny"})


def test_udp_without_an_answer(site: Site) -> None:
    server = site.repo1.udp_silent(123)

    reply = site.vbr1.call(ask_ntp, site.repo1.address, 0.3)
    server.stop()

    assert reply == b""


def test_nginx_speaks_tls(site: Site) -> None:
    site.repo1.nginx_tls(8443)

    ran = site.vbr1.run(
        ["openssl", "s_client", "-quiet", "-connect", f"{site.repo1.address}:8443"],
        stdin="GET / HTTP/1.0\r\n\r\n",
    )

    assert "CN = repo1" in ran.stderr
    assert "200 OK" in ran.stdout
    assert "the lab" in ran.stdout


def test_a_server_that_cannot_start_shows_its_log(site: Site) -> None:
    with pytest.raises(LabError, match="NoSuchOption"):
        site.repo1.sshd(2223, "NoSuchOption yes")


# --- programs ---


def test_a_program_that_fails_shows_what_it_said(site: Site) -> None:
    with pytest.raises(LabError, match="it broke"):
        site.vbr1.run(["sh", "-c", "echo it broke >&2; exit 3"])


def test_a_program_that_lasts_too_long_is_ended(site: Site) -> None:
    with pytest.raises(LabError, match=r"lasts over 0\.2 s"):
        site.vbr1.run(["sleep", "3217"], timeout=0.2)

    assert wait_until(lambda: "3217" not in site.vbr1.run(["ps", "-ef"]).stdout)


def test_signals_reach_the_program_itself(site: Site) -> None:
    process = site.vbr1.popen(
        ["sh", "-c", "trap 'echo caught; exit 7' USR1; echo ready; while :; do sleep 0.01; done"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGUSR1)  # not SIGINT: a background job ignores it
    output, _ = process.communicate(timeout=10)

    assert (output, process.returncode) == ("caught\n", 7)


def test_a_call_gives_the_result_or_raises_the_error(site: Site) -> None:
    assert site.vbr1.call(PortSet.of, [1, 2]) == PortSet.parse("1-2")
    with pytest.raises(ConnectionRefusedError):
        site.vbr1.call(read, site.repo1.address, 9)


def test_a_program_runs_where_it_is_told(site: Site, tmp_path: Path) -> None:
    ran = site.vbr1.run(["sh", "-c", "pwd; echo $COLOUR"], cwd=tmp_path, env={"COLOUR": "red"})

    assert ran.stdout == f"{tmp_path}\nred\n"


def test_veeamcheck_runs_from_any_directory(site: Site, tmp_path: Path) -> None:
    ran = site.vbr1.veeamcheck("--help", cwd=tmp_path)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "veeamcheck" in ran.stdout


# --- where there can be no lab ---


@pytest.mark.parametrize(("wish", "outcome"), [("", "1 skipped"), ("required", "1 error")])
def test_without_its_tools_there_is_no_lab(wish: str, outcome: str) -> None:
    name = test_a_policy_replaces_the_one_before.__name__
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
            f"{__file__}::{name}",
        ],
        cwd=CHECKOUT,
        env={**os.environ, "PATH": "/nowhere", "VEEAMCHECK_LAB": wish},
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome in ran.stdout
    assert "not installed: unshare, nsenter, ip, nft" in ran.stdout


# --- the end ---


def test_nothing_remains() -> None:
    before = interfaces()
    with Lab() as lab:
        site = Site(lab)
        site.repo1.sshd()
        site.repo1.chronyd()
        site.vbr1.popen(["sleep", "100"])
        namespaces = namespaces_of(lab)
        assert len(processes_in(namespaces)) >= 4

    assert processes_in(namespaces) == []
    assert not any(name.startswith(("port", "net")) for name in interfaces() - before)


@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
def test_nothing_remains_when_the_tests_are_killed(how: str) -> None:
    tests = subprocess.Popen(
        [sys.executable, "-m", "tests.lab.test_lab"],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with tests:
        assert tests.stdout is not None
        namespaces = set(tests.stdout.readline().split())
        assert len(processes_in(namespaces)) >= 3
        tests.send_signal(signal.Signals[how])
        tests.wait(timeout=30)

    assert wait_until(lambda: processes_in(namespaces) == [])


def test_two_labs_at_once_know_nothing_of_each_other() -> None:
    with Lab() as one, Lab() as other:
        sites = [Site(one), Site(other)]
        sites[0].firewall.nft(Policy((), default=Action.DROP).text("forward"))

        seen = [site.vbr1.call(look, site.repo1.address, [2500]) for site in sites]

    assert seen == [{2500: "silent"}, {2500: "open"}]


def read(address: str, port: int) -> str:
    """What a TCP server says first."""
    import socket

    with socket.create_connection((address, port), 5) as connection:
        return connection.recv(200).decode()


def namespaces_of_process(process: Path) -> set[str]:
    """As the kernel names them; `process` is its directory in /proc."""
    return {str((process / "ns" / kind).readlink()) for kind in ("net", "mnt", "pid")}


def namespaces_of(lab: Lab) -> set[str]:
    """The namespaces of the lab itself."""
    return namespaces_of_process(Path(f"/proc/{lab.anchor.pid}"))


def processes_in(namespaces: set[str]) -> list[str]:
    """The processes of this machine that are in any of these namespaces."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            own = namespaces_of_process(process)
        except OSError:  # it has ended meanwhile, or is another user's
            continue
        if own & namespaces:
            found.append(process.name)
    return found


def interfaces() -> set[str]:
    """The network interfaces of this machine."""
    return {path.name for path in Path("/sys/class/net").iterdir()}


def build_and_wait() -> None:
    """A lab for another test to kill."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    with Lab() as lab:
        site = Site(lab)
        site.repo1.sshd()
        print(*namespaces_of(lab), flush=True)
        signal.pause()


if __name__ == "__main__":
    build_and_wait()
