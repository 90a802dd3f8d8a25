import pytest

from veeamcheck.diagnosis.host_names import HostNames, ip_of
from veeamcheck.model import Host

NAMES = HostNames(
    [
        Host(name="repo1", address=("repo1.example.com", "2001:db8::5"), roles=()),
        Host(name="VBR", address=("10.0.10.5",), roles=()),
        Host(name="a.one", address=("10.0.0.1",), roles=()),
        Host(name="a.two", address=("10.0.0.2",), roles=()),
    ]
)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("REPO1", ("repo1",)),
        ("repo1.example.com.", ("repo1",)),
        ("2001:0DB8:0::5", ("repo1",)),
        ("[2001:db8::5]", ("repo1",)),
        ("vbr", ("VBR",)),
        ("vbr.corp.local", ("VBR",)),  # the inventory says nothing against it
        ("repo1.other.com", ()),  # the inventory knows that host by another full name
        ("::ffff:10.0.10.5", ("VBR",)),
        ("a", ("a.one", "a.two")),
        ("10.0.10.6", ()),
        ("10", ()),
        ("", ()),
        (".", ()),
    ],
)
def test_names(text: str, hosts: tuple[str, ...]) -> None:
    assert NAMES.find(text) == hosts


def test_addresses_have_one_spelling() -> None:
    assert ip_of("FE80::1%eth0") == "fe80::1"
    assert ip_of("10.0.0") is None
