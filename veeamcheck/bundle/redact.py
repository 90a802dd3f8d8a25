"""Names and addresses replaced consistently, so that a report can be shown to strangers. Pure.

What is replaced: host names, DNS names, IP addresses in every spelling, reverse DNS names, hardware
addresses, paths, and whatever texts are named as private. What is kept: the words of the rule sets
that ship with veeamcheck, loopback, and addresses that belong to nobody (masks, multicast).
Addresses become others of the same family; those of one network (IPv4 /24, IPv6 /64) stay together.

A redactor is taught everything first (`learn`), then replaces: only so can no replacement be the
original of something else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, count
from typing import Any

_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_POOLS4 = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "100.64.0.0/10")
"""Addresses for documentation; as there are few, then those for benchmarks and of carriers."""
_POOL6 = "2001:db8::/32"
_PREFIX = {4: 24, 6: 64}
_SHORTEST_TEXT = 3
"""A private text that is shorter would be found everywhere."""
_FILES = frozenset({"inventory.toml", "report.json", "report.txt", "plan.json"})
"""File names that look like DNS names."""

FLOW_ID = re.compile(r"([^@>\s]+)@([^@>]+)>([^@>]+)")
"""Rule, source and target."""

_TOKENS = r"""
    (?P<reverse> (?<![\w.]) (?: (?:[0-9a-f]\.){32} ip6 | (?:\d{1,3}\.){4} in-addr ) \.arpa )
  | (?P<hardware> (?<![\w:-]) (?:[0-9a-f]{2}[:\x20-]){5} [0-9a-f]{2} (?![\w:-]) )
  | (?P<ipv6> (?<![\w:]) (?:[0-9a-f]{0,4}:){2,7}
              (?: (?:\d{1,3}\.){3}\d{1,3} | [0-9a-f]{1,4} )? (?:%[\w.-]+)? (?!\w) )
  | (?P<ipv4> (?<![\d.]) (?:\d{1,3}\.){3} \d{1,3} (?! \d | \.\d ) )
  | (?P<dashed> (?<!\d) (?<!\d-) (?:\d{1,3}-){3} \d{1,3} (?! \d | -\d ) )
  | (?P<path> (?<![\w/.:~*-]) (?:~|[a-z]:)? [/\\] (?:[^\s"'`<>|:;,()/\\]+[/\\])+ [^\s"'`<>|:;,()]* )
  | (?P<domain> (?<![\w.-]) (?:[^\W_] | _) (?:[\w-]*\.)+ [^\W\d_] [\w-]* \w )
"""


class Redactor:
    """Replaces the same original by the same replacement, wherever and however it is written."""

    def __init__(
        self,
        *,
        hosts: Iterable[str] = (),
        names: Iterable[str] = (),
        private: Iterable[str] = (),
        public: Collection[str] = (),
    ) -> None:
        """`hosts` are those of the inventory, `names` other names of machines and people, `private`
        texts that are replaced as a whole; `public` texts are kept as they are.
        """
        self._public = frozenset(public)
        self._public_names = {
            found[0].lower() for text in public for found in _PUBLIC_NAME.finditer(text)
        }
        self._replacements: dict[str, str] = {}
        """By the lower-case original; of addresses, by their usual spelling."""
        self._originals: dict[str, str] = {}
        """By replacement, as it was first written."""
        self._networks: dict[_IPNetwork, tuple[_IPNetwork, Iterator[int]]] = {}
        self._taken: set[str] = set()
        """Every original in lower case: no replacement may be one."""
        self._taken_networks: set[_IPNetwork] = set()
        self._pools: dict[int, Iterator[_IPNetwork]] = {
            4: chain.from_iterable(
                ipaddress.IPv4Network(pool).subnets(new_prefix=24) for pool in _POOLS4
            ),
            6: ipaddress.IPv6Network(_POOL6).subnets(new_prefix=64),
        }
        self._counters = {kind: count(1) for kind in ("host", "name", "text", "path")}
        self._hosts = tuple(dict.fromkeys(hosts))
        self._hosts_in_lower_case = {host.lower(): host for host in reversed(self._hosts)}
        self._names = tuple(name for name in dict.fromkeys(names) if len(name) >= _SHORTEST_TEXT)
        self._private = tuple(
            text for text in dict.fromkeys(private) if len(text) >= _SHORTEST_TEXT
        )
        self._taken.update(text.lower() for text in (*self._hosts, *self._names, *self._private))
        self._pattern = self._compiled()

    @property
    def mapping(self) -> Mapping[str, str]:
        """Replacement -> original, of all that was replaced so far."""
        return dict(self._originals)

    def learn(self, value: Any) -> None:
        """Note the addresses and names in every text of a document."""
        for text in dict.fromkeys(_texts(value)):  # most are there many times
            for found in self._pattern.finditer(text):
                self._taken.add(found[0].lower())
                for address in _addresses_in(found):
                    self._taken_networks.add(_network_of(address))

    def host(self, name: str) -> str:
        """The replacement of a host of the inventory, whatever else its name may mean."""
        if name not in self._hosts or _is_address(name):
            return self.text(name)
        return self._replaced(f"host {name}", "host", name)

    def whole(self, text: str) -> str:
        """The replacement of a text that is private as a whole."""
        return self._replaced(f"text {text.lower()}", "text", text) if text.strip() else text

    def word(self, text: str) -> str:
        """The text, if it is public; else as `text`."""
        return text if text in self._public else self.text(text)

    def text(self, text: str) -> str:
        """The text with everything in it replaced."""
        return self._pattern.sub(self._token, text)

    def is_host(self, text: str) -> bool:
        return text in self._hosts

    def is_public(self, text: str) -> bool:
        return text in self._public

    def flow(self, flow: str) -> str:
        """A flow's id, ``RULE@SOURCE>TARGET``."""
        found = FLOW_ID.fullmatch(flow)
        if not found:
            return self.text(flow)
        return f"{self.word(found[1])}@{self.host(found[2])}>{self.host(found[3])}"

    # --- one token ---------------------------------------------------------------------------

    def _compiled(self) -> re.Pattern[str]:
        """What is looked for: known texts, the longest first, before what only looks like one."""
        keep = (text for text in self._public if re.fullmatch(r"[\w-]+-[\w-]+", text))
        groups = {
            "private": self._private,
            "keep": keep,
            "known": (*self._hosts, *self._names),
        }
        parts = {
            name: "|".join(re.escape(text) for text in sorted(texts, key=lambda t: (-len(t), t)))
            for name, texts in groups.items()
        }
        known = {
            name: rf"(?P<{name}>(?<![^\W_])(?:{part})(?![^\W_]))"
            for name, part in parts.items()
            if part
        }
        # A private text may hold a name, a DNS name or a path may hold a host's name.
        looks = re.sub(r"\s+", "", _TOKENS)
        order = (known.get("private"), looks, known.get("keep"), known.get("known"))
        return re.compile("|".join(part for part in order if part), re.IGNORECASE)

    def _token(self, found: re.Match[str]) -> str:
        text = found[0]
        match found.lastgroup:
            case "private":
                return self.whole(text)
            case "keep":
                return text
            case "known":
                return self._name(text)
            case "reverse":
                return next((self._address(a).reverse_pointer for a in _addresses_in(found)), text)
            case "hardware":
                return "00-00-5e-00-53-00"  # for documentation; which one it was says nothing
            case "ipv4" | "ipv6":
                return self._address_text(found)
            case "dashed":
                return str(next(map(self._address, _addresses_in(found)), text)).replace(".", "-")
            case "path":
                return self._replaced(text.lower(), "path", text)
        return self._name(text)

    def _name(self, text: str) -> str:
        lower = text.lower()
        if text in self._hosts:
            return self.host(text)
        host = self._hosts_in_lower_case.get(lower)
        if host:
            return self.host(host)
        if lower in self._public_names or lower in _FILES:
            return text
        return self._replaced(lower, "name", text)

    def _address_text(self, found: re.Match[str]) -> str:
        addresses = _addresses_in(found)
        if not addresses:
            return found[0]
        colon = ":" if found[0].endswith(":") and not found[0].endswith("::") else ""
        return f"{self._address(addresses[0])}{colon}"

    def _address(self, address: _IPAddress) -> _IPAddress:
        if _is_nobodys(address):
            return address
        known = self._replacements.get(str(address))
        if known:
            return ipaddress.ip_address(known)
        network = _network_of(address)
        replaced, numbers = self._network(network)
        offset = int(address) - int(network.network_address)
        # A network's own address and its broadcast address stay what they are.
        keeps = offset == 0 or (address.version == 4 and offset == 255)
        new = replaced[offset if keeps else next(numbers)]
        self._replacements[str(address)] = str(new)
        self._originals[str(new)] = str(address)
        return new

    def _network(self, network: _IPNetwork) -> tuple[_IPNetwork, Iterator[int]]:
        """What stands for a network, and the numbers of hosts that are still free in it."""
        if network not in self._networks:
            free = next(
                each for each in self._pools[network.version] if each not in self._taken_networks
            )
            self._networks[network] = free, count(1)
        return self._networks[network]

    def _replaced(self, key: str, kind: str, original: str) -> str:
        if key not in self._replacements:
            numbers = self._counters[kind]
            suffix = ".example" if kind == "name" and "." in original else ""
            candidates = (f"{kind}-{number}{suffix}" for number in numbers)
            new = next(each for each in candidates if each not in self._taken)
            self._replacements[key] = new
            self._originals[new] = original
        return self._replacements[key]


_PUBLIC_NAME = re.compile(r"(?:[\w-]+\.)+[^\W\d_][\w-]+")


def _texts(value: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)


def _addresses_in(found: re.Match[str]) -> list[_IPAddress]:
    """The address that was found; none where it only looked like one."""
    text = found[0].lower()
    match found.lastgroup:
        case "ipv4":
            spelled = ".".join(str(int(number)) for number in text.split("."))
        case "dashed":
            spelled = ".".join(str(int(number)) for number in text.split("-"))
        case "ipv6":
            spelled = text.partition("%")[0]
            if spelled.endswith(":") and not spelled.endswith("::"):
                spelled = spelled[:-1]
        case "reverse":
            labels = text.split(".")[:-2][::-1]
            if text.endswith(".ip6.arpa"):
                digits = "".join(labels)
                spelled = ":".join(digits[at : at + 4] for at in range(0, 32, 4))
            else:
                spelled = ".".join(str(int(label)) for label in labels)
        case _:
            return []
    try:
        return [ipaddress.ip_address(spelled)]
    except ValueError:
        return []


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _network_of(address: _IPAddress) -> _IPNetwork:
    return ipaddress.ip_network((address, _PREFIX[address.version]), strict=False)


def _is_nobodys(address: _IPAddress) -> bool:
    """Loopback, unspecified, multicast, and what is no address but a mask."""
    if isinstance(address, ipaddress.IPv4Address) and address >= ipaddress.IPv4Address(0xE0000000):
        return True
    return address.is_loopback or address.is_unspecified or address.is_multicast
