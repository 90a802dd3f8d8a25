"""What an inventory may give as the address of a host: an IP address or a DNS name."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_network

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS_NAME = re.compile(rf"(?=.{{1,254}}$){_LABEL}(?:\.{_LABEL})*\.?")
# A name that ends in a number is read as an IPv4 address, by some even as octal or hexadecimal.
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")
_BROADCAST = IPv4Address("255.255.255.255")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/@]*@)?(\[[^]]*\]|[^/:?#]*)")
_WITH_PORT = re.compile(r"([^:\[\]]+|\[[^]]*\]):[0-9]*")
_ZONE = re.compile(r"[A-Za-z0-9_.-]+")


def canonical_address(text: str) -> str:
    """The one spelling of an address, so that equal ones compare equal.

    ValueError says what is wrong with `text` and what to write instead.
    """
    if not text.strip():
        raise ValueError("is empty; write an IP address or a DNS name")
    if ":" in text:
        return _canonical_ipv6(text)
    try:
        ip = IPv4Address(text)
    except AddressValueError:
        return _canonical_name(text)
    _check_one_host(ip, text)
    return str(ip)


def _canonical_ipv6(text: str) -> str:
    try:
        ip = IPv6Address(text)
    except AddressValueError:
        raise ValueError(_mistake(text)) from None
    if ip.scope_id is not None and not _ZONE.fullmatch(ip.scope_id):
        raise ValueError(f"{text!r} has no interface after %; write one such as 'fe80::1%eth0'")
    _check_one_host(ip, text)
    return str(ip.ipv4_mapped or ip)


def _canonical_name(text: str) -> str:
    if not _DNS_NAME.fullmatch(text) or _NUMERIC.fullmatch(text):
        raise ValueError(_mistake(text))
    return text.lower().removesuffix(".")


def _check_one_host(ip: IPv4Address | IPv6Address, text: str) -> None:
    if ip.is_unspecified:
        raise ValueError(f"{text!r} means any address; write the host's own")
    if ip.is_multicast or ip == _BROADCAST:
        raise ValueError(f"{text!r} means many hosts; write the address of one")


def _mistake(text: str) -> str:
    """What is wrong with `text`, and what to write instead: what was meant, if that can be told."""
    what, meant = _guess(text)
    try:
        canonical_address("" if meant == text else meant)
    except ValueError:
        return f"{text!r} {what}; write an IP address or a DNS name"
    return f"{text!r} {what}; write {meant!r}"


def _guess(text: str) -> tuple[str, str]:
    """What `text` is instead of an address, and the address that was probably meant."""
    if text != text.strip():
        return "has blanks around it", text.strip()
    if url := _URL.match(text):
        return "is a URL", url[1].strip("[]")
    if text.startswith("\\\\"):
        return "is a share", text.strip("\\").partition("\\")[0]
    if re.search(r"[\s,;]", text):
        return "is several words (several addresses are a list)", re.split(r"[\s,;]+", text)[0]
    if "/" in text:
        return _guess_with_slash(text)
    if with_port := _WITH_PORT.fullmatch(text):
        return (
            "has a port (rules name the ports; those that differ at a host go under its ports)",
            with_port[1].strip("[]"),
        )
    if "[" in text:
        return "has brackets", text.strip("[]")
    if "@" in text:
        return "has a user (which goes under ssh)", text.rpartition("@")[2]
    if "*" in text or "?" in text:
        return "is a pattern, not one host", ""
    if ":" in text:
        return "is no IPv6 address", ""
    if _NUMERIC.fullmatch(text):
        return "is no IPv4 address (four numbers from 0 to 255, without leading zeros)", ""
    try:
        return "is no DNS name (letters, digits, dashes and dots)", text.encode("idna").decode()
    except UnicodeError:
        return "is no DNS name (letters, digits, dashes and dots)", ""


def _guess_with_slash(text: str) -> tuple[str, str]:
    host = text.partition("/")[0]
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return "has a path", host
    if str(network.network_address) == host and network.num_addresses > 1:
        return "is a network, not one host", ""
    return "has a prefix length", host
