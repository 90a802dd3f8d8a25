"""What an inventory may give as the address of a host: an IP address or a DNS name."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_network

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS_NAME = re.compile(rf"(?=.{{1,254}}$){_LABEL}(?:\.{_LABEL})*\.?")
# A name that ends in a number is read as an IPv4 address, by some even as octal or hexadecimal.
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")
_BROADCAST = IPv4Address("255.255.255.255")
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
        raise ValueError(f"{text!r} names no interface after %; write one such as fe80::1%eth0")
    _check_one_host(ip, text)
    return str(ip)


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
    """What `text`, which is no address, was probably meant to be; and what to write instead."""
    if text != text.strip():
        return f"{text!r} has blanks around it; write {text.strip()!r}"
    if url := re.match(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/@]*@)?(\[[^]]*\]|[^/:?#]*)", text):
        return f"{text!r} is a URL; write only its host, {url[1].strip('[]')!r}"
    if share := re.match(r"\\\\([^\\]+)", text):
        return f"{text!r} is a share; write only its host, {share[1]!r}"
    if re.search(r"[\s,;]", text):
        parts = ", ".join(f'"{part}"' for part in re.split(r"[\s,;]+", text) if part)
        return f"{text!r} is more than one word; write a list: [{parts}]"
    if "/" in text:
        return _network_mistake(text)
    if with_port := re.fullmatch(r"([^:\[\]]+|\[[^]]*\]):([0-9]*)", text):
        return (
            f"{text!r} has a port; write {with_port[1].strip('[]')!r} "
            "(the rules know the ports; where a site uses others, write them under ports)"
        )
    if text.startswith("[") and text.endswith("]"):
        return f"{text!r} has brackets; write {text.strip('[]')!r}"
    if "@" in text:
        return f"{text!r} has a user; write {text.rpartition('@')[2]!r} (the user goes under ssh)"
    if "*" in text or "?" in text:
        return f"{text!r} is a pattern; write the address of one host"
    if ":" in text:
        return f"{text!r} is no IPv6 address; write one such as fd00:10::5, or a DNS name"
    if _NUMERIC.fullmatch(text):
        return (
            f"{text!r} is no IPv4 address; write four numbers from 0 to 255, "
            "without leading zeros, such as 10.0.10.5"
        )
    if not text.isascii():
        try:
            return f"{text!r} is not ASCII; write {text.encode('idna').decode()!r}"
        except UnicodeError:
            pass
    return (
        f"{text!r} is no DNS name; write parts of letters, digits and dashes "
        "with dots between them, or an IP address"
    )


def _network_mistake(text: str) -> str:
    host = text.partition("/")[0]
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return f"{text!r} has a path; write only the host, {host!r}"
    if str(network.network_address) == host and network.num_addresses > 1:
        return f"{text!r} is a network; write the address of one host in it"
    return f"{text!r} has a prefix length; write {host!r}"
