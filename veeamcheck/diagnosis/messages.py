"""What logs say when a connection fails, and what each message means. Data, and how to find it.

`MESSAGES` says how it failed, `SUBJECTS` what it was about. Everything is compared in lower case.
The table is the place for a new message: write how it reads, what veeamcheck would call it, and
above all what the line does *not* tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from veeamcheck.diagnosis.advice import Who
from veeamcheck.model import Signal, Transport
from veeamcheck.ports import PortSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One way to fail, however products word it."""

    id: str
    title: str
    phrases: tuple[str, ...]
    """Any of these, anywhere in a line."""
    codes: tuple[int, ...] = ()
    """Numbers of Windows (four digits and more) and of Linux, where a line calls them so."""
    signals: tuple[Signal, ...]
    """What veeamcheck can see where this is logged, the likeliest first."""
    means: str
    unsure: str
    """What the message leaves open."""
    who: tuple[Who, ...]
    check: str
    """What to do next."""
    ports: str = ""
    """The ports that are meant where none is named."""
    transport: Transport = Transport.TCP
    """Of `ports`."""
    vague: bool = False
    """Says that it failed and not how: any other message tells more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A service that lines name in words; alone it is no failure."""

    title: str
    phrases: tuple[str, ...]
    ports: str = ""
    transport: Transport = Transport.TCP
    role: str = ""
    """One end of the connection has this role."""


MESSAGES: tuple[Message, ...] = (
    Message(
        id="refused",
        title="the connection was refused",
        phrases=(
            "actively refused",
            "connection refused",
            "connection was refused",
            "refused the connection",
            "refused the network connection",
            "no service is operating at the destination",
            "econnrefused",
            "0x8007274d",
            "0x800704c9",
        ),
        codes=(10061, 1225, 1234, 111),
        signals=(Signal.REFUSED, Signal.REJECTED),
        means="An answer came back and said no, at once. Mostly the host itself: the network is "
        "fine, and nothing listens on the port.",
        unsure="A log cannot tell the host's own reset from a firewall's reject: both read as "
        "refused. veeamcheck tells them apart on Linux and Windows, by the ICMP message.",
        who=(Who.BACKUP, Who.SERVER, Who.NETWORK),
        check="See on the target that the service is installed, running and listening on this "
        "port. Ports of the data range listen only while a job runs.",
    ),
    Message(
        id="prohibited",
        title="a firewall rejected the connection",
        phrases=("administratively prohibited", "packet filtered", "communication prohibited"),
        signals=(Signal.REJECTED,),
        means="A device on the way, or the target's own firewall, answered that it does not let "
        "this through.",
        unsure="The line does not name the device; an audit from the same host does.",
        who=(Who.NETWORK, Who.SERVER),
        check="Run the audit from the source: the finding names the address that rejects.",
    ),
    Message(
        id="timed-out",
        title="no answer: the connection timed out",
        phrases=(
            "did not properly respond after a period of time",
            "connected host has failed to respond",
            "connection timed out",
            "connect timed out",
            "connection timeout",
            "connect timeout",
            "connection attempt timed out",
            "connection has timed out",
            "operation timed out",
            "operation has timed out",
            "timed out connecting",
            "timed out while connecting",
            "i/o timeout",
            "semaphore timeout period has expired",
            "etimedout",
            "0x8007274c",
            "0x80070079",
        ),
        codes=(10060, 1460, 110),
        signals=(Signal.SILENT,),
        means="Nobody answered. A firewall on the way or on the target drops the packets, or the "
        "host is down or has another address.",
        unsure="A log cannot tell which of these it was, nor where packets got lost. An operation "
        "that timed out after it was connected reads alike.",
        who=(Who.NETWORK, Who.SERVER),
        check="See whether other ports of the same target answer the same source: if they do, a "
        "firewall drops this one; if none does, the host is down or the way is closed.",
    ),
    Message(
        id="no-route",
        title="no way to the host",
        phrases=(
            "no route to host",
            "host is unreachable",
            "host unreachable",
            "to an unreachable host",
            "host is down",
            "ehostunreach",
            "ehostdown",
            "0x80072751",
        ),
        codes=(10064, 10065, 113),
        signals=(Signal.UNREACHABLE, Signal.REJECTED),
        means="A router says that it knows no way, or the neighbour does not answer: the host is "
        "down, its address is wrong, or a route is missing.",
        unsure="On Linux a firewall that rejects as prohibited reads as no route to host, too.",
        who=(Who.SERVER, Who.NETWORK),
        check="See that the target is up and has this address; then the routes of the source.",
    ),
    Message(
        id="no-network",
        title="no way to the network",
        phrases=(
            "network is unreachable",
            "network unreachable",
            "to an unreachable network",
            "network location cannot be reached",
            "enetunreach",
            "0x80072743",
            "0x800704cf",
        ),
        codes=(10051, 1231, 101),
        signals=(Signal.UNREACHABLE,),
        means="The host that wrote the line has no route to the target's network, or is itself "
        "offline. With an IPv6 address: it may have IPv4 only.",
        unsure="A router on the way may have said so, too.",
        who=(Who.SERVER, Who.NETWORK),
        check="Look at the addresses, the gateway and the routes of the host that wrote it.",
    ),
    Message(
        id="unresolved",
        title="the name has no address",
        phrases=(
            "name or service not known",
            "no such host",
            "nodename nor servname",
            "temporary failure in name resolution",
            "name resolution failed",
            "failure in name resolution",
            "could not be resolved",
            "cannot be resolved",
            "could not resolve",
            "cannot resolve",
            "can't resolve",
            "failed to resolve",
            "unable to resolve",
            "getaddrinfo failed",
            "unknown host",
            "host not found",
            "dns name does not exist",
            "requested name is valid, but no data",
            "nxdomain",
            "eai_noname",
            "eai_again",
            "0x80072af9",
        ),
        codes=(11001, 11002, 11004, 9003),
        signals=(Signal.UNRESOLVED,),
        means="The host that wrote the line asked its DNS for a name and got no address. Nothing "
        "was sent to the target.",
        unsure="It may be the name, the DNS server, or the way there.",
        who=(Who.DNS, Who.BACKUP),
        check="Resolve the name on that host (nslookup, getent hosts); correct it or add it there.",
    ),
    Message(
        id="tls",
        title="the TLS handshake failed",
        phrases=(
            "ssl handshake",
            "tls handshake",
            "handshake failed",
            "handshake failure",
            "handshake_failure",
            "authentication failed because the remote party",
            "a call to sspi failed",
            "ssl connection could not be established",
            "create ssl/tls secure channel",
            "remote certificate is invalid",
            "certificate verify failed",
            "certificate has expired",
            "certificate is not trusted",
            "self-signed certificate",
            "self signed certificate",
            "trust relationship for the ssl",
            "sec_e_",
            "ssl routines",
            "wrong version number",
        ),
        signals=(Signal.INVALID,),
        means="The connection was made: ports and routes are fine. What answers is not the "
        "expected service, or the two do not trust each other.",
        unsure="It may be the certificate, a clock that is wrong, or a firewall on the way that "
        "opens TLS.",
        who=(Who.BACKUP, Who.SERVER, Who.NETWORK),
        check="Compare the certificate that this host is shown with the target's own, and both "
        "clocks; have TLS inspection exempt these connections.",
    ),
    Message(
        id="cut-off",
        title="the connection was made and then cut",
        phrases=(
            "forcibly closed by the remote host",
            "closed by the remote host",
            "closed by remote host",
            "connection closed by",
            "connection reset",
            "connection was reset",
            "connection was aborted",
            "connection abort",
            "connection was closed unexpectedly",
            "unexpectedly closed",
            "underlying connection was closed",
            "specified network name is no longer available",
            "broken pipe",
            "unexpected eof",
            "econnreset",
            "econnaborted",
            "0x80072746",
            "0x80070040",
        ),
        codes=(10053, 10054, 104),
        signals=(Signal.INVALID, Signal.OPEN),
        means="The connection was accepted and later ended from the other side. The port was "
        "reachable at that time.",
        unsure="It may be the service that ended it, or a firewall on the way that inspects what "
        "passes or forgets idle connections: a log cannot tell. A plain port test will pass.",
        who=(Who.BACKUP, Who.NETWORK),
        check="Read the target's own log of that second; look for inspection and idle timeouts "
        "in the firewalls between.",
    ),
    Message(
        id="rpc",
        title="Windows RPC does not answer",
        phrases=(
            "rpc server is unavailable",
            "rpc_s_server_unavailable",
            "0x800706ba",
            "0x000006ba",
        ),
        codes=(1722,),
        signals=(Signal.SILENT, Signal.REFUSED, Signal.REJECTED),
        means="The endpoint mapper (135), or the port that it named, did not answer.",
        unsure="The message says neither which of them it was nor how it failed. Dynamic RPC ports "
        "(49152-65535) are not in the vendor's list and are not probed. A wrong name reads alike.",
        who=(Who.NETWORK, Who.SERVER),
        check="Audit 135 and 445 first. If both pass, allow the dynamic ports, and see that the "
        "Windows firewall lets remote service and WMI management in.",
        ports="135,445",
    ),
    Message(
        id="rpc-endpoint",
        title="the RPC service is not registered",
        phrases=("no more endpoints available from the endpoint mapper", "0x800706d9"),
        codes=(1753,),
        signals=(Signal.OPEN,),
        means="The endpoint mapper (135) answered: the network is fine. The service that was asked "
        "for has not registered there.",
        unsure="Why it has not: it may be stopped, or not installed.",
        who=(Who.SERVER, Who.BACKUP),
        check="Start the Windows service that was asked for on the target.",
        ports="135",
    ),
    Message(
        id="smb",
        title="the file share cannot be reached",
        phrases=(
            "network path was not found",
            "bad_network_path",
            "administrative share",
            "network name cannot be found",
            "0x80070035",
            "0x80070043",
        ),
        signals=(Signal.SILENT, Signal.REFUSED, Signal.REJECTED, Signal.UNRESOLVED),
        means="Windows found no way to the share: nobody answered on 445, or the name has no "
        "address, or file sharing is off.",
        unsure="The message reads the same for all of these.",
        who=(Who.NETWORK, Who.SERVER),
        check="Audit 445 from the host that wrote it. If it passes: see that the administrative "
        "shares are on, and that the account is an administrator there.",
        ports="445",
    ),
    Message(
        id="denied",
        title="signing in was denied",
        phrases=(
            "access is denied",
            "access denied",
            "logon failure",
            "login failed",
            "authentication failed",
            "authentication failure",
            "permission denied",
            "invalid credentials",
            "user name or password is incorrect",
            "0x80070005",
        ),
        signals=(Signal.OPEN,),
        means="Somebody answered and refused the account: where a connection is meant, the network "
        "let it through.",
        unsure="The line may be about a local file. veeamcheck never signs in and says nothing "
        "about accounts.",
        who=(Who.BACKUP, Who.SERVER),
        check="Check the credentials and their rights on the target; no firewall needs a change.",
    ),
    Message(
        id="ssh",
        title="the SSH connection failed",
        phrases=(
            "ssh connection failed",
            "ssh connection error",
            "failed to establish ssh",
            "failed to connect via ssh",
            "unable to connect via ssh",
            "ssh protocol banner",
            "did not receive identification string",
            "kex_exchange_identification",
            "ssh: connect to host",
            "sshconnectionexception",
        ),
        signals=(Signal.SILENT, Signal.REFUSED, Signal.INVALID),
        means="No SSH session came about: the port did not answer, or what answered was not a "
        "working SSH server.",
        unsure="Where the line does not say how it failed, it may also be keys, ciphers or the "
        "account.",
        who=(Who.SERVER, Who.NETWORK),
        check="Audit port 22. If it passes, look at the target's sshd log for that second.",
        ports="22",
    ),
    Message(
        id="time",
        title="the clocks do not agree",
        phrases=(
            "clock skew",
            "time skew",
            "clock drift",
            "time difference is too",
            "krb_ap_err_skew",
            "not yet valid",
            "not synchronized",
            "not synchronised",
            "no suitable source for synchronisation",
            "no server suitable for synchronization",
            "can't synchronise",
            "system clock wrong",
            "failed to synchronize time",
            "ntp synchronization failed",
            "ntp server is not",
            "stratum 16",
        ),
        signals=(Signal.SILENT, Signal.INVALID),
        means="A clock is wrong or has no source. Certificates and sign-ins then fail, although "
        "every connection works.",
        unsure="The line does not say whether the time server is out of reach or itself wrong; "
        "an audit does, by a full NTP exchange.",
        who=(Who.SERVER, Who.NETWORK),
        check="Audit UDP 123 to the time server, and compare the clocks of both hosts.",
        ports="123",
        transport=Transport.UDP,
    ),
    Message(
        id="local-firewall",
        title="this host forbade the connection itself",
        phrases=("forbidden by its access permissions", "wsaeacces", "operation not permitted"),
        codes=(10013,),
        signals=(Signal.LOCAL_ERROR,),
        means="The host that wrote the line did not let the connection out: its own firewall, a "
        "security product, or a reserved port. Nothing was sent.",
        unsure="'Operation not permitted' is also said of files and processes.",
        who=(Who.SERVER, Who.BACKUP),
        check="Look at the outbound rules and the security software of the host that wrote it.",
    ),
    Message(
        id="exhausted",
        title="this host ran out of ports or descriptors",
        phrases=(
            "only one usage of each socket address",
            "address already in use",
            "eaddrinuse",
            "too many open files",
            "lacked sufficient buffer space",
            "cannot assign requested address",
        ),
        codes=(10048, 10055, 98),
        signals=(Signal.LOCAL_ERROR,),
        means="The host that wrote the line could not even try, or another program holds the port "
        "that it wants to listen on. Nothing is said about the network.",
        unsure="Which program holds what.",
        who=(Who.SERVER,),
        check="List the connections and listeners of that host (ss -tanp, netstat -ano).",
    ),
    Message(
        id="not-connected",
        title="a connection failed",
        phrases=(
            "failed to connect",
            "failed connecting",
            "cannot connect",
            "can't connect",
            "could not connect",
            "couldn't connect",
            "unable to connect",
            "error connecting",
            "connection failed",
            "connect failed",
            "connection error",
            "connection problem",
            "connection lost",
            "lost connection",
            "failed to establish connection",
            "failed to establish a connection",
            "failed to open connection",
            "unable to establish connection",
            "connection attempts failed",
            "is not accessible",
            "is not reachable",
            "is not responding",
            "host is offline",
            "is unavailable",
        ),
        signals=(Signal.SILENT, Signal.REFUSED, Signal.REJECTED, Signal.UNREACHABLE),
        means="A connection did not come about.",
        unsure="The line does not say how it failed: lines around it may (refused, timed out, not "
        "resolved). An audit does.",
        who=(Who.BACKUP, Who.NETWORK),
        check="Audit the connection from the host that wrote the line.",
        vague=True,
    ),
)

_DATA = "6162,2500-3300"

SUBJECTS: tuple[Subject, ...] = (
    Subject(
        title="installer service",
        phrases=("installer service", "deployment service", "deployer service"),
        ports="6160,11731",
    ),
    Subject(
        title="data mover",
        phrases=("transport service", "data mover", "datamover", "veeamtransport"),
        ports=_DATA,
    ),
    Subject(title="SSH", phrases=("via ssh", "over ssh", "ssh connection", "sshd"), ports="22"),
    Subject(title="worker", phrases=("worker",), role="worker"),
    Subject(
        title="Proxmox VE API",
        phrases=("proxmox ve api", "proxmox api", "api2/json", "pveproxy"),
        ports="8006",
    ),
    Subject(title="log shipping", phrases=("log shipping", "log shipper"), ports="6167"),
    Subject(title="guest helper", phrases=("guest helper", "guesthelper"), ports="6173"),
    Subject(
        title="guest processing",
        phrases=("guest agent", "guest os", "guest system", "guest processing", "guest machine"),
        role="vm-guest",
    ),
    Subject(
        title="guest interaction proxy",
        phrases=("guest interaction proxy",),
        role="guest-interaction-proxy",
    ),
    Subject(
        title="time synchronisation",
        phrases=("ntp server", "chronyd", "ntpd", "time server"),
        ports="123",
        transport=Transport.UDP,
    ),
)


# --- finding them ----------------------------------------------------------------------------

_PHRASES = tuple((phrase, message) for message in MESSAGES for phrase in message.phrases)
_BY_CODE = {code: message for message in MESSAGES for code in message.codes}
_PLACE = {message.id: place for place, message in enumerate(MESSAGES)}

# A number alone may be a thread or a size: it counts where the line calls it an error. Those of
# Linux are small, so only errno will do. Both patterns are bounded: they take linear time.
_WINDOWS_CODE = re.compile(
    r"(?:error|code|exception|winsock|wsa|win32|result)\W{0,4}(\d{4,5})(?![\d.])", re.ASCII
)
_ERRNO = re.compile(r"(?:errno|os error)\W{0,4}(\d{2,3})(?![\d.])", re.ASCII)


def find_messages(lower: str) -> tuple[Message, ...]:
    """The messages in a line in lower case, in the order of the table; none is the usual case."""
    found = {message.id: message for phrase, message in _PHRASES if phrase in lower}
    for pattern in (_WINDOWS_CODE, _ERRNO):
        for match in pattern.finditer(lower):
            if message := _BY_CODE.get(int(match[1])):
                found[message.id] = message
    return tuple(sorted(found.values(), key=lambda message: _PLACE[message.id]))


def most_telling(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Each once, without the vague ones where another says more."""
    distinct = tuple(dict.fromkeys(sorted(messages, key=lambda message: _PLACE[message.id])))
    return tuple(message for message in distinct if not message.vague) or distinct


def find_subjects(lower: str) -> tuple[Subject, ...]:
    """What a line in lower case is about."""
    return tuple(
        subject for subject in SUBJECTS if any(phrase in lower for phrase in subject.phrases)
    )


def ports_of(text: str) -> PortSet:
    """The ports of a `Message` or `Subject`."""
    return PortSet.parse(text) if text else PortSet()
