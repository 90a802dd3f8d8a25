"""What this machine says of its network: from the kernel's files, and from this very machine."""

import sys
from pathlib import Path

from veeamcheck.net.machine import Address, Route, own_addresses, own_routes, printed_routes, way_to

FILES = {
    "fib_trie": """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.0.10.0
        /24 link UNICAST
     |-- 10.0.10.5
        /32 host LOCAL
     |-- 10.0.10.255
        /32 link BROADCAST
Local:
     |-- 10.0.10.5
        /32 host LOCAL
""",
    "if_inet6": "fd000000000000000000000000000002 04 40 00 82     eth0\nbroken\n",
    "ipv6_route": f"{'0' * 32} 00 {'0' * 32} 00 fd{'0' * 29}1 00000400 00000003 0 3     eth0\n"
    f"{'0' * 31}1 80 {'0' * 32} 00 {'0' * 32} 00000100 00000003 0 3     lo\n",
}


def number(address: str) -> str:
    """As the kernel of this machine prints it."""
    octets = bytes(map(int, address.split(".")))
    return f"{int.from_bytes(octets, sys.byteorder):08X}"


def kernel(folder: Path) -> Path:
    for name, text in FILES.items():
        (folder / name).write_text(text)
    zero, mask = number("0.0.0.0"), number("255.255.255.0")
    (folder / "route").write_text(
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        f"eth0 {zero} {number('10.0.10.1')} 0003 0 0 100 {zero} 0 0 0\n"
        f"eth0 {number('10.0.10.0')} {zero} 0001 0 0 0 {mask} 0 0 0\n"
    )
    return folder


def test_linux_tells_addresses_and_routes_in_files(tmp_path: Path) -> None:
    proc = kernel(tmp_path)
    assert own_addresses(proc) == [Address("10.0.10.5", None), Address("fd00::2", "eth0")]
    assert own_routes(proc) == [
        Route("0.0.0.0/0", "10.0.10.1", "eth0", 100),
        Route("10.0.10.0/24", None, "eth0", 0),
        Route("::/0", "fd00::1", "eth0", 1024),
    ]


def test_where_there_are_no_such_files_there_is_no_error(tmp_path: Path) -> None:
    assert own_routes(tmp_path) == []
    assert all(each.interface is None for each in own_addresses(tmp_path))


def test_the_way_to_an_address_is_known_without_sending_anything() -> None:
    assert way_to("127.0.0.1") == ("127.0.0.1", "127.0.0.1", None)


def test_an_address_without_a_way_says_why() -> None:
    way = way_to("fe80::1%nosuch")
    assert way.source is None
    assert way.error


def test_only_windows_prints_its_routes() -> None:
    assert bool(printed_routes()) is (sys.platform == "win32")
