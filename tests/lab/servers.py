"""The servers that stand on hosts. Each function returns once its server listens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.lab.anchor import STATE, LabError
from tests.lab.firewall import Protocol, port_set
from tests.lab.process import Process
from veeamcheck.ports import PortSet

if TYPE_CHECKING:
    from tests.lab.topology import Host

NtpBehaviour = Literal[
    "good",
    "unsynchronised",
    "rate",
    "deny",
    "silent",
    "wrong-originate",
    "zero-timestamps",
    "false-stratum",
    "false-times",
    "short",
]

_INSIDE = Path(__file__).parent / "inside"


def listen_tcp(host: Host, ports: PortSet | str | int, banner: str, hold: bool) -> Process:
    ports = port_set(ports)
    argv = [str(_INSIDE / "listen_tcp.py"), str(ports), banner, "hold" if hold else "close"]
    return _serve(host, "listen_tcp", [sys.executable, "-I", *argv], ports)


def ntp_fake(host: Host, behaviour: NtpBehaviour, port: int) -> Process:
    argv = [sys.executable, "-I", str(_INSIDE / "ntp_fake.py"), str(port), behaviour]
    return _serve(host, "ntp_fake", argv, [port], "udp")


def sshd(host: Host, port: int, options: Sequence[str]) -> Process:
    directory = _directory(host, "sshd")
    login = host.lab.ssh_login
    host.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{directory}/host_key"])
    config = [
        *options,  # of two lines for one key, sshd takes the first
        f"Port {port}",
        f"HostKey {directory}/host_key",
        f"AuthorizedKeysFile {login.key}.pub",
        "PidFile none",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "PermitRootLogin prohibit-password",
    ]
    _write(host, f"{directory}/sshd_config", config)
    argv = [_program("sshd"), "-D", "-e", "-f", f"{directory}/sshd_config"]
    if host.lab.anchor.unprivileged:
        # As root it would change to groups that are not in our user namespace; as a user it stays.
        host.sysctl("net.ipv4.ip_unprivileged_port_start", 0)
        argv = [
            "unshare",
            "--user",
            f"--map-user={os.getuid()}",
            f"--map-group={os.getgid()}",
            *argv,
        ]
    return _serve(host, "sshd", argv, [port])


def chronyd(host: Host, stratum: int, options: Sequence[str]) -> Process:
    directory = _directory(host, "chronyd")
    config = [
        f"local stratum {stratum}",
        "allow all",
        "cmdport 0",
        "bindcmdaddress /",
        f"pidfile {directory}/pid",
        *options,
    ]
    _write(host, f"{directory}/chrony.conf", config)
    # -x: never touch the clock. -d: stay in the foreground and log to stderr.
    argv = [_program("chronyd"), "-x", "-d", "-u", "root", "-f", f"{directory}/chrony.conf"]
    return _serve(host, "chronyd", argv, [123], "udp")


def nginx_tls(host: Host, port: int) -> Process:
    directory = _directory(host, "nginx")
    host.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={host.name}"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-keyout", f"{directory}/key.pem", "-out", f"{directory}/cert.pem"),
        ]
    )
    bodies = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    config = [
        "user root root;",  # the only one that exists in a user namespace
        "daemon off;",
        "master_process off;",
        f"pid {directory}/pid;",
        "error_log stderr;",
        "events { }",
        "http {",
        "    access_log off;",
        *(f"    {body}_temp_path {directory}/{body};" for body in bodies),
        "    server {",
        f"        listen {port} ssl;",
        f"        listen [::]:{port} ssl;",
        f"        ssl_certificate {directory}/cert.pem;",
        f"        ssl_certificate_key {directory}/key.pem;",
        "        return 200 'the lab\\n';",
        "    }",
        "}",
    ]
    _write(host, f"{directory}/nginx.conf", config)
    argv = [_program("nginx"), "-e", "stderr", "-p", directory, "-c", f"{directory}/nginx.conf"]
    return _serve(host, "nginx", argv, [port])


def _serve(
    host: Host,
    name: str,
    argv: Sequence[str],
    ports: Iterable[int],
    transport: Protocol = "tcp",
) -> Process:
    log = host.lab.anchor.state / f"{host.name}-{name}-{next(host.lab.numbers)}.log"
    with log.open("w") as output:
        process = host.popen(
            argv,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the tests, not for the servers
        )
    process.log = log
    process.wait_listening(ports, transport)
    return process


def _directory(host: Host, name: str) -> str:
    """A fresh directory for a server, as the lab's processes see it."""
    directory = f"{host.name}-{name}-{next(host.lab.numbers)}"
    (host.lab.anchor.state / directory).mkdir()
    return f"{STATE}/{directory}"


def _write(host: Host, path: str, lines: Iterable[str]) -> None:
    relative = Path(path).relative_to(STATE)
    (host.lab.anchor.state / relative).write_text("\n".join((*lines, "")), encoding="utf-8")


def _program(name: str) -> str:
    """Its full path (sshd insists); servers are not on every PATH."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if path is None:
        raise LabError(f"{name} is not installed")
    return path
