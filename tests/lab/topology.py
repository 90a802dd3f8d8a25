"""Networks, hosts and routers: the lab as a test sees it."""

from __future__ import annotations

import getpass
import json
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self, TypeVar

from tests.lab import servers
from tests.lab.anchor import STATE, Anchor, LabError
from tests.lab.process import Process
from tests.published import assert_published
from veeamcheck.ports import PortSet

T = TypeVar("T")

CHECKOUT = Path(__file__).parents[2]

# What the machine has set would leak in (a container host forwards), and duplicate address
# detection would keep IPv6 addresses unusable for a second.
_SYSCTLS = {
    "net.ipv4.ip_forward": "0",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.conf.default.send_redirects": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv6.conf.all.disable_ipv6": "0",
    "net.ipv6.conf.default.disable_ipv6": "0",
    "net.ipv6.conf.all.accept_dad": "0",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.default.accept_ra": "0",
}
_FORWARDING = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}


@dataclass(frozen=True, slots=True)
class Network:
    """A switch with its IPv4 and IPv6 network.

    The IPv6 addresses read like the IPv4 ones: 10.77.1.10/24 is also fd00:10:77:1::10/64.
    """

    bridge: str
    v4: IPv4Network

    def __post_init__(self) -> None:
        if self.v4.prefixlen not in {8, 16, 24}:
            raise ValueError(f"{self.v4}: a network of the lab is a /8, /16 or /24")

    @property
    def gateway(self) -> IPv4Address:
        """Where hosts send what is not for this network: its first address."""
        return self.v4[1]

    @property
    def v6(self) -> IPv6Network:
        return IPv6Network((self.six(self.v4[0]), 16 + 2 * self.v4.prefixlen))

    def six(self, address: IPv4Address) -> IPv6Address:
        """The IPv6 address beside `address`."""
        a, b, c, d = str(address).split(".")
        return IPv6Address(f"fd00:{a}:{b}:{c}::{d}")


class Host:
    """A machine of the lab: a network namespace of its own, on the files of this machine."""

    def __init__(self, lab: Lab, name: str, sysctls: Mapping[str, str] = _SYSCTLS) -> None:
        self.lab = lab
        self.name = name
        self.joined: dict[Network, IPv4Address] = {}
        """Its networks and its first address in each."""
        settings = " ".join(f"{key}={value}" for key, value in sysctls.items())
        lab.sh(
            f"ip netns add {name}",
            f"ip netns exec {name} sysctl -qw {settings}",
            f"ip -n {name} link set lo up",
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {', '.join(map(str, self.joined.values()))}>"

    @property
    def address(self) -> str:
        """Its first IPv4 address."""
        return str(next(iter(self.joined.values())))

    @property
    def address6(self) -> str:
        """Its first IPv6 address."""
        network, address = next(iter(self.joined.items()))
        return str(network.six(address))

    # --- its network ---

    def join(self, network: Network, address: str | IPv4Address) -> None:
        """Plug into `network`; the first one joined has the default gateway."""
        address = IPv4Address(address)
        if address not in network.v4:
            raise ValueError(f"{address} is not in {network.v4}")
        card, port = f"eth{len(self.joined)}", f"port{next(self.lab.numbers)}"
        self.lab.sh(
            f"ip link add {port} master {network.bridge} up"
            f" type veth peer name {card} netns {self.name}",
            f"ip -n {self.name} link set {card} up",
        )
        first = not self.joined
        self.joined[network] = address
        self._assign(network, address, card)
        if first and address != network.gateway:
            self.route("default", network.gateway, network)

    def add_address(self, address: str) -> None:
        """One more address (and its IPv6 twin) on the network where it belongs."""
        for number, network in enumerate(self.joined):
            if IPv4Address(address) in network.v4:
                self._assign(network, IPv4Address(address), f"eth{number}")
                return
        raise ValueError(f"{self!r} is on no network for {address}")

    def _assign(self, network: Network, address: IPv4Address, card: str) -> None:
        self.lab.sh(
            f"ip -n {self.name} addr add {address}/{network.v4.prefixlen} dev {card}",
            f"ip -n {self.name} addr add {network.six(address)}/{network.v6.prefixlen}"
            f" dev {card} nodad",
        )

    def route(self, to: Network | Literal["default"], via: IPv4Address, network: Network) -> None:
        """Send what is for `to` to the router that has address `via` in `network`."""
        to4, to6 = (to.v4, to.v6) if isinstance(to, Network) else (to, to)
        self.lab.sh(
            f"ip -n {self.name} route replace {to4} via {via}",
            f"ip -n {self.name} -6 route replace {to6} via {network.six(via)}",
        )

    def set_link(self, *, up: bool) -> None:
        """Pull the cable out of every card; put back, routes and IPv6 addresses are missing."""
        state = "up" if up else "down"
        self.lab.sh(
            *(f"ip -n {self.name} link set eth{n} {state}" for n in range(len(self.joined)))
        )

    def sysctl(self, name: str, value: str | int) -> None:
        """Set a kernel parameter of this host, as in ``sysctl("net.ipv4.icmp_ratelimit", 0)``."""
        self.run(["sysctl", "-qw", f"{name}={value}"])

    def nft(self, ruleset: str) -> None:
        """Load nftables rules; see `firewall` for texts."""
        self.run(["nft", "-f", "-"], stdin=ruleset)

    def counted(self, name: str) -> int:
        """Packets that `firewall.count` has counted under `name`."""
        answer = json.loads(self.run(["nft", "-j", "list", "counters"]).stdout)
        for item in answer["nftables"]:
            if item.get("counter", {}).get("name") == name:
                return int(item["counter"]["packets"])
        raise LabError(f"{self!r} counts no {name!r}")

    # --- programs on it ---

    def popen(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Process:
        """Start a program here. `env` is added to ours; `options` are Popen's."""
        process = Process(
            self.lab.anchor.command(argv, self.name, str(cwd) if cwd else None),
            env={**os.environ, **(env or {})},
            encoding="utf-8",
            errors="replace",
            **options,
        )
        self.lab.processes.append(process)
        return process

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        check: bool = True,
        timeout: float = 60,
        cwd: Path | str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on text `stdin` to its end.

        LabError where it lasts over `timeout` seconds or, if `check`, it fails.
        """
        process = self.popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            output, error = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, error = process.communicate()
            raise LabError(f"{argv} lasts over {timeout} s\n{output}\n{error}") from None
        finally:
            self.lab.processes.remove(process)
        if check and process.returncode:
            raise LabError(f"{argv} on {self.name}: {process.returncode}\n{output}\n{error}")
        return subprocess.CompletedProcess(list(argv), process.returncode, output, error)

    def call(self, function: Callable[..., T], *arguments: Any, timeout: float = 60) -> T:
        """Call `function` here, in a process of its own; what it raises is raised.

        It travels, with arguments and result, as a pickle: it must be a module's own.
        """
        name = f"call{next(self.lab.numbers)}"
        request, reply = (self.lab.anchor.state / f"{name}.{end}" for end in ("in", "out"))
        request.write_bytes(pickle.dumps((function, arguments)))
        self.run(
            [
                *(sys.executable, "-m", "tests.lab.inside.call"),
                *(f"{STATE}/{request.name}", f"{STATE}/{reply.name}"),
            ],
            cwd=CHECKOUT,
            timeout=timeout,
        )
        succeeded, value = pickle.loads(reply.read_bytes())
        if not succeeded:
            raise value
        return value  # type: ignore[no-any-return]

    def veeamcheck(
        self, *arguments: str | Path, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run this checkout's veeamcheck here; `options` are those of `run`. Never raises for 1."""
        options = {"check": False, **options}
        path = os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))
        options["env"] = {"PYTHONPATH": path, **(options.get("env") or {})}
        return self.run([sys.executable, "-m", "veeamcheck", *map(str, arguments)], **options)

    def report(self, inventory: Path | str, *arguments: str, **options: Any) -> dict[str, Any]:
        """Audit from here and give the JSON report. `inventory` is a file, or TOML text."""
        if isinstance(inventory, Path):
            ran = self.veeamcheck("run", "-i", inventory, "-o", "json", *arguments, **options)
        else:
            name = f"inventory{next(self.lab.numbers)}.toml"
            (self.lab.anchor.state / name).write_text(inventory, encoding="utf-8")
            return self.report(Path(STATE, name), *arguments, **options)
        try:
            report: dict[str, Any] = json.loads(ran.stdout)
        except ValueError:
            raise LabError(f"no report, but {ran.returncode}\n{ran.stdout}\n{ran.stderr}") from None
        assert_published(report)
        return report

    # --- servers: each returns once it listens, and stands until its `stop` or the lab's end ---

    def listen_tcp(
        self, ports: PortSet | str | int, *, banner: str = "", hold: bool = False
    ) -> Process:
        """Accept on all these ports, send `banner` and close; `hold`: keep the connection open."""
        return servers.listen_tcp(self, ports, banner, hold)

    def sshd(self, port: int = 22, *options: str) -> Process:
        """OpenSSH; `options` are configuration lines. See `Lab.ssh_login` for how to log in."""
        return servers.sshd(self, port, options)

    def chronyd(self, *options: str, stratum: int = 8) -> Process:
        """chrony, serving this machine's time on port 123; `options` are configuration lines."""
        return servers.chronyd(self, stratum, options)

    def nginx_tls(self, port: int = 443) -> Process:
        """nginx, answering every HTTPS request with 200; its certificate is self-signed."""
        return servers.nginx_tls(self, port)

    def ntp_fake(self, behaviour: servers.NtpBehaviour, port: int = 123) -> Process:
        """An NTP server in a state to which chrony cannot be brought."""
        return servers.ntp_fake(self, behaviour, port)

    def udp_silent(self, port: int) -> Process:
        """Takes every datagram and answers none."""
        return servers.ntp_fake(self, "silent", port)


class Router(Host):
    """A host that forwards."""


class SshLogin(NamedTuple):
    """Who logs in over SSH, and with which private key, as the lab's processes see its file."""

    user: str
    key: str


class Lab:
    """Hosts and routers that exist while the context is open, and leave nothing behind.

    >>> with Lab() as lab:
    ...     backup, proxmox = lab.network("10.77.1.0/24"), lab.network("10.77.2.0/24")
    ...     firewall = lab.router("firewall", backup, proxmox)
    ...     vbr1 = lab.host("vbr1", "10.77.1.10", backup)
    ...     pve1 = lab.host("pve1", "10.77.2.10", proxmox)
    ...     closed = Rule(action=Action.DROP, protocol="tcp", ports=8006)
    ...     firewall.nft(Policy((closed,)).text("forward"))
    """

    def __enter__(self) -> Self:
        self.anchor = Anchor()
        self.numbers = count(1)
        """Makes names unique within the lab."""
        self.processes: list[Process] = []
        self.hosts: dict[str, Host] = {}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.anchor.stop()
        for process in self.processes:
            process.close()

    def network(self, v4: str) -> Network:
        """A switch, for IPv4 network `v4` and its IPv6 twin."""
        network = Network(f"net{next(self.numbers)}", IPv4Network(v4))
        self.sh(
            # Snooping would hold back the multicast that finds IPv6 neighbours.
            f"ip link add {network.bridge} up"
            " type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
        )
        return network

    def host(self, name: str, address: str, network: Network) -> Host:
        """A host; its default gateway is the first address of `network`."""
        host = Host(self, name)
        host.join(network, address)
        self.hosts[name] = host
        return host

    def router(self, name: str, *networks: Network) -> Router:
        """A router between `networks`. Routers in a row learn of each other's networks.

        In each network it takes the gateway's address, or, where that is taken, the last free one.
        """
        router = Router(self, name, {**_SYSCTLS, **_FORWARDING})
        self.hosts[name] = router
        for network in networks:
            taken = {host.joined[network] for host in self._on(network)}
            free = (
                address for address in (network.gateway, *_last(network)) if address not in taken
            )
            router.join(network, next(free))
        self._route()
        return router

    def name(self, name: str, *addresses: str) -> None:
        """Let every host of the lab resolve `name` to these addresses (there is no DNS)."""
        with (self.anchor.state / "hosts").open("a", encoding="utf-8") as hosts:
            hosts.writelines(f"{address} {name}\n" for address in addresses)

    @cached_property
    def ssh_login(self) -> SshLogin:
        """The one login that every `Host.sshd` of the lab accepts."""
        key = f"{STATE}/ssh_key"
        self.sh(f"ssh-keygen -q -t ed25519 -N '' -f {key}")
        return SshLogin(getpass.getuser() if self.anchor.unprivileged else "root", key)

    def sh(self, *commands: str) -> None:
        """Run shell commands in the lab, outside of all hosts, where the switches are."""
        ran = subprocess.run(
            self.anchor.command(["sh", "-eu"], None, "/"),
            input="\n".join(commands),
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise LabError(f"{commands}: {ran.stderr.strip()}")

    def _on(self, network: Network) -> list[Host]:
        return [host for host in self.hosts.values() if network in host.joined]

    def _route(self) -> None:
        """Give every router the shortest way to the networks that it has not joined."""
        for host in self.hosts.values():
            if isinstance(host, Router):
                for target, (via, network) in self._ways(host).items():
                    host.route(target, via, network)

    def _ways(self, start: Router) -> dict[Network, tuple[IPv4Address, Network]]:
        """Remote network -> the next router's address, and the network where that is."""
        ways: dict[Network, tuple[IPv4Address, Network]] = {}
        seen: set[Host] = {start}
        ahead: deque[tuple[Host, tuple[IPv4Address, Network] | None]] = deque([(start, None)])
        while ahead:
            router, step = ahead.popleft()
            for network in router.joined:
                if step and network not in start.joined:
                    ways.setdefault(network, step)
                for peer in self._on(network):
                    if isinstance(peer, Router) and peer not in seen:
                        seen.add(peer)
                        ahead.append((peer, step or (peer.joined[network], network)))
        return ways


def _last(network: Network) -> list[IPv4Address]:
    return [network.v4[-offset] for offset in range(2, 100)]
