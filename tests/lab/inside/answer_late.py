"""Refuse TCP connections, but only some seconds after they are asked for: answer_late.py SECONDS.

The kernel must be kept from answering first, by a firewall that drops what comes in.
"""

import heapq
import select
import socket
import struct
import sys
import time

_IPV4 = 0x0800
_RESET = 0b010100  # with ACK


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def refusal(packet: bytes) -> tuple[bytes, str] | None:
    """The TCP segment that refuses a packet that asks for a connection, and who is to have it."""
    segment = packet[(packet[0] & 0x0F) * 4 :]
    if packet[9] != socket.IPPROTO_TCP or segment[13] & 0b010010 != 0b000010:
        return None
    source, target = packet[12:16], packet[16:20]
    near, far, number = struct.unpack_from("!HHI", segment)
    acknowledged = (number + 1) & 0xFFFFFFFF

    def reply(check: int) -> bytes:
        return struct.pack("!HHIIBBHHH", far, near, 0, acknowledged, 5 << 4, _RESET, 0, check, 0)

    pseudo = target + source + struct.pack("!HH", socket.IPPROTO_TCP, 20)
    return reply(checksum(pseudo + reply(0))), socket.inet_ntoa(source)


def main(delay: str) -> None:
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_IPV4)) as tap,
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as answers,
    ):
        print("ready", flush=True)
        due: list[tuple[float, bytes, str]] = []
        while True:
            left = max(0.0, due[0][0] - time.monotonic()) if due else None
            if select.select([tap], [], [], left)[0]:
                packet, source = tap.recvfrom(128)
                if source[2] == socket.PACKET_HOST and (reply := refusal(packet)):
                    heapq.heappush(due, (time.monotonic() + float(delay), *reply))
            while due and due[0][0] <= time.monotonic():
                _, segment, to = heapq.heappop(due)
                answers.sendto(segment, (to, 0))


if __name__ == "__main__":
    main(*sys.argv[1:])
