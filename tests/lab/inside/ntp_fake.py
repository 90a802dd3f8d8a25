"""An NTP server that misbehaves on purpose, over IPv4 and IPv6: ntp_fake.py PORT BEHAVIOUR."""

import socket
import struct
import sys
import time

_EPOCH = 2_208_988_800
"""Seconds from NTP's epoch, 1900, to Unix's, 1970."""


def reply_to(request: bytes, behaviour: str) -> bytes | None:
    """The datagram to send back; None: nothing."""
    if behaviour == "silent" or len(request) < 48:
        return None
    leap, stratum, reference = 0, 2, b"\x7f\x00\x00\x01"
    now = struct.pack("!II", int(time.time()) + _EPOCH, 0)
    originate, received = request[40:48], b""
    match behaviour:
        case "unsynchronised":
            leap, stratum, reference = 3, 16, b"\0\0\0\0"
        case "rate" | "deny":
            leap, stratum, reference = 3, 0, behaviour.upper().encode()
        case "wrong-originate":
            originate = bytes(byte ^ 0xFF for byte in originate)
        case "zero-timestamps":
            now = bytes(8)
        case "false-stratum":
            stratum, reference = 1, bytes((10, 0, 0, 1))
        case "false-times":
            received, now = now, struct.pack("!II", int(time.time()) + _EPOCH - 3600, 0)
        case "short":
            return request[:20]
    version = request[0] & 0b111000
    head = struct.pack("!BBbbII", leap << 6 | version | 4, stratum, 6, -20, 0, 0)
    return head + reference + now + originate + (received or now) + now


def main(port: str, behaviour: str) -> None:
    server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", int(port)))
    while True:
        request, client = server.recvfrom(2048)
        if (reply := reply_to(request, behaviour)) is not None:
            server.sendto(reply, client)


if __name__ == "__main__":
    main(*sys.argv[1:])
