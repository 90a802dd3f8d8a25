import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from veeamcheck.addresses import canonical_address


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.0.10.5", "10.0.10.5"),
        ("127.0.0.1", "127.0.0.1"),
        ("FD00:10:0::5", "fd00:10::5"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("fe80::1%12", "fe80::1%12"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("localhost", "localhost"),
        ("VBR1.Example.com", "vbr1.example.com"),
        ("vbr1.example.com.", "vbr1.example.com"),
        ("win_host", "win_host"),
        ("_dc.example.com", "_dc.example.com"),
        ("3com.example", "3com.example"),
        ("a" * 63, "a" * 63),
    ],
)
def test_addresses_have_one_spelling(text: str, canonical: str) -> None:
    assert canonical_address(text) == canonical


ANY = "write an IP address or a DNS name"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", f"is empty; {ANY}"),
        (" \t", f"is empty; {ANY}"),
        (" repo1", "' repo1' has blanks around it; write 'repo1'"),
        ("repo1\n", "'repo1\\n' has blanks around it; write 'repo1'"),
        ("https://repo1:9419/x", "'https://repo1:9419/x' is a URL; write 'repo1'"),
        ("ssh://root@[fd00::5]:22", "'ssh://root@[fd00::5]:22' is a URL; write 'fd00::5'"),
        (r"\\repo1\backup", r"'\\\\repo1\\backup' is a share; write 'repo1'"),
        (
            "10.0.0.1, 10.0.0.2",
            "'10.0.0.1, 10.0.0.2' is several words (several addresses are a list); "
            "write '10.0.0.1'",
        ),
        ("10.0.0.5/24", "'10.0.0.5/24' has a prefix length; write '10.0.0.5'"),
        ("10.0.0.5/32", "'10.0.0.5/32' has a prefix length; write '10.0.0.5'"),
        ("10.0.0.0/24", f"'10.0.0.0/24' is a network, not one host; {ANY}"),
        ("fd00::/64", f"'fd00::/64' is a network, not one host; {ANY}"),
        ("repo1/backup", "'repo1/backup' has a path; write 'repo1'"),
        (
            "repo1:6162",
            "'repo1:6162' has a port (rules name the ports; those that differ at a host go "
            "under its ports); write 'repo1'",
        ),
        (
            "[fd00::5]:6162",
            "'[fd00::5]:6162' has a port (rules name the ports; those that differ at a host go "
            "under its ports); write 'fd00::5'",
        ),
        ("[fd00::5]", "'[fd00::5]' has brackets; write 'fd00::5'"),
        ("root@repo1", "'root@repo1' has a user (which goes under ssh); write 'repo1'"),
        ("*.example.com", f"'*.example.com' is a pattern, not one host; {ANY}"),
        ("fd00::5::6", f"'fd00::5::6' is no IPv6 address; {ANY}"),
        ("fe80::1%", f"'fe80::1%' is no IPv6 address; {ANY}"),
        ("fe80::1%a b", "'fe80::1%a b' has no interface after %; write one such as 'fe80::1%eth0'"),
        ("0.0.0.0", "'0.0.0.0' means any address; write the host's own"),
        ("::", "'::' means any address; write the host's own"),
        ("224.0.0.1", "'224.0.0.1' means many hosts; write the address of one"),
        ("ff02::1", "'ff02::1' means many hosts; write the address of one"),
        ("255.255.255.255", "'255.255.255.255' means many hosts; write the address of one"),
        (
            "müller.example",
            "'müller.example' is no DNS name (letters, digits, dashes and dots); "
            "write 'xn--mller-kva.example'",
        ),
    ],
)
def test_a_mistake_says_what_to_write_instead(text: str, mistake: str) -> None:
    with pytest.raises(ValueError) as error:
        canonical_address(text)
    assert str(error.value) == mistake


@pytest.mark.parametrize(
    "text",
    [
        *("10.0.0.256", "10.0.0", "10.0.0.1.5", "10.0.0.1.", "10.0.0.1-10.0.0.9"),
        *("010.0.0.1", "1234", "0x7f.0.0.0x1", "host.7", "١.2.3.4"),
    ],
)
def test_what_resolvers_may_read_as_a_number_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="no IPv4 address"):
        canonical_address(text)


@pytest.mark.parametrize(
    "text", ["-repo1", "repo1-", "a..b", ".a", "a" * 64, ".".join(["a" * 63] * 4), "a\0b", "ä" * 70]
)
def test_names_that_no_resolver_takes(text: str) -> None:
    with pytest.raises(ValueError, match="no DNS name"):
        canonical_address(text)


@given(st.text() | st.from_regex(r"[a-z0-9.:/\[\]@%\\ -]{1,30}", fullmatch=True))
@example("://")
@example("@")
@example("[]")
@example("/")
def test_every_text_is_an_address_or_a_mistake(text: str) -> None:
    try:
        canonical = canonical_address(text)
    except ValueError as error:
        assert "; write " in str(error)
        assert "write ''" not in str(error)
    else:
        assert canonical_address(canonical) == canonical


@given(st.ip_addresses())
def test_real_addresses(ip: object) -> None:
    try:
        assert canonical_address(str(ip)) in (str(ip), str(getattr(ip, "ipv4_mapped", None)))
    except ValueError as error:
        assert "means" in str(error)
