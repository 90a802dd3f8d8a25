import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veeamcheck.bundle.redact import Redactor


def redactor(*texts: str, **known: list[str]) -> Redactor:
    made = Redactor(**known)
    made.learn(list(texts))
    return made


def test_hosts_are_replaced_wherever_they_stand() -> None:
    made = redactor(hosts=["vbr1", "pve-a"])
    assert made.text("vbr1, VBR1: pve-a_x vbr12") == "host-1, host-1: host-2_x vbr12"
    assert made.host("pve-a") == "host-2"
    assert made.mapping == {"host-1": "vbr1", "host-2": "pve-a"}


def test_a_flow_keeps_its_rule_and_loses_its_hosts() -> None:
    made = Redactor(hosts=["worker", "pve"], public=["worker-pve-api"])
    assert made.flow("worker-pve-api@worker>pve") == "worker-pve-api@host-1>host-2"
    assert made.text("see worker-pve-api@worker>pve") == "see worker-pve-api@host-1>host-2"


@pytest.mark.parametrize(
    ("spelled", "replaced"),
    [
        ("10.0.30.5", "192.0.2.1"),
        ("(10.0.30.5)", "(192.0.2.1)"),
        ("v10.0.30.5:6162", "v192.0.2.1:6162"),
        ("10.0.30.5.", "192.0.2.1."),
        ("010.000.030.005", "192.0.2.1"),
        ("ip-10-0-30-5", "ip-192-0-2-1"),
        ("5.30.0.10.in-addr.arpa", "1.2.0.192.in-addr.arpa"),
    ],
)
def test_an_ipv4_address_is_the_same_in_every_spelling(spelled: str, replaced: str) -> None:
    assert redactor("10.0.30.5", spelled).text(spelled) == replaced


FULL = "2001:0db8:0001:0000:0000:0000:0000:00aB"
REVERSE = ipaddress.ip_address(FULL).reverse_pointer


@pytest.mark.parametrize(
    ("spelled", "replaced"),
    [
        ("2001:db8:1::ab", "2001:db8::1"),
        (FULL, "2001:db8::1"),
        ("2001:DB8:1:0::AB", "2001:db8::1"),
        ("[2001:db8:1::ab]:443", "[2001:db8::1]:443"),
        ("2001:db8:1::ab%eth0", "2001:db8::1"),
        ("2001:db8:1::ab: no answer", "2001:db8::1: no answer"),
        (REVERSE, ipaddress.ip_address("2001:db8::1").reverse_pointer),
    ],
)
def test_an_ipv6_address_is_the_same_in_every_spelling(spelled: str, replaced: str) -> None:
    assert redactor("2001:db8:1::ab", spelled).text(spelled) == replaced


def test_networks_stay_together_and_keep_their_own_address() -> None:
    made = redactor()
    assert made.text("10.0.30.0/24 10.0.30.7 10.0.31.7 10.0.30.255 10.0.30.9") == (
        "192.0.2.0/24 192.0.2.1 198.51.100.1 192.0.2.255 192.0.2.2"
    )


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "::1", "0.0.0.0", "::", "255.255.255.0", "224.0.0.1"),
        *("10:00:00", "13.0.1.1071", "2026-11-22", "tcp/udp", "e.g. this", "999.1.1.1"),
        *("2500-2899,3001-3300", "https://helpcenter.veeam.com/docs/vbr"),
    ],
)
def test_what_belongs_to_nobody_is_kept(text: str) -> None:
    assert Redactor(public=["https://helpcenter.veeam.com/docs/"]).text(text) == text


def test_dns_names_are_replaced_unless_everybody_knows_them() -> None:
    made = Redactor(public=["see https://helpcenter.veeam.com/docs"])
    assert made.text("Repo1.Corp.example, repo1.corp.example; helpcenter.veeam.com") == (
        "name-1.example, name-1.example; helpcenter.veeam.com"
    )


@pytest.mark.parametrize(
    "path", ["/home/alice/sites/x.toml", r"C:\Users\alice\x.toml", "~/x/", "/root/.ssh/id_rsa"]
)
def test_paths_are_replaced(path: str) -> None:
    assert Redactor().text(f"cannot read '{path}'") == "cannot read 'path-1'"


def test_hardware_addresses_are_replaced() -> None:
    text = Redactor().text("at 00:0c:29:aa:bb:cc and 00-0C-29-AA-BB-CC")
    assert text == "at 00-00-5e-00-53-00 and 00-00-5e-00-53-00"


def test_no_replacement_is_the_original_of_something_else() -> None:
    texts = ["host-1 192.0.2.9 name-1.example 10.0.0.1"]
    made = redactor(*texts, hosts=["host-1", "host-2"])
    assert made.text(texts[0]) == "host-3 198.51.100.1 name-2.example 203.0.113.1"


def test_private_texts_go_as_a_whole() -> None:
    made = redactor(hosts=["vbr1"], private=["ask Bob about vbr1", "x"])
    assert made.text("waived: ask Bob about vbr1; x") == "waived: text-1; x"


def test_a_host_that_is_called_like_an_address_is_one() -> None:
    made = redactor("10.0.0.5", hosts=["10.0.0.5"])
    assert made.host("10.0.0.5") == made.text("10.0.0.5") == "192.0.2.1"


LABELS = st.from_regex(r"[a-z]{4,9}[0-9]?", fullmatch=True).map(lambda label: f"zq{label}")
ADDRESSES = st.ip_addresses().filter(
    lambda address: not (
        address.is_loopback or address.is_multicast or address.is_unspecified
        or (address.version == 4 and int(address) >= 0xE0000000)
    )
)  # fmt: skip
GLUE = st.sampled_from([" ", ", ", " (", "): ", "; ", "=", "@", ">", "'", '"', "/24 ", "\n"])


@given(
    st.lists(LABELS, min_size=1, max_size=4, unique=True),
    st.lists(ADDRESSES, max_size=6, unique=True),
    st.data(),
)
def test_nothing_of_the_original_is_left(
    hosts: list[str], addresses: list[object], data: st.DataObject
) -> None:
    names = [*hosts, *(f"{host}.corp.test" for host in hosts), *map(str, addresses)]
    pieces = data.draw(st.lists(st.tuples(st.sampled_from(names), GLUE), max_size=12))
    text = "".join(f"{name.upper() if glue == ' ' else name}{glue}" for name, glue in pieces)
    made = redactor(text, hosts=hosts)
    shown = made.text(text)
    for host in hosts:
        assert host not in shown.lower()
    words = set(re.findall(r"[\w:.]+", shown))
    for address in map(str, addresses):
        assert address not in words
    assert made.text(text) == shown


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    redactor(text, hosts=["vbr1"]).text(text)


@given(st.text(alphabet="0123456789abcdef:.-%/\\~ ", max_size=60))
def test_what_only_looks_like_an_address_is_no_error(text: str) -> None:
    redactor(text).text(text)
