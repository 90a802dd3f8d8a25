"""Write down when each new TCP connection reached this host: record_syns.py FILE, until stopped.

A line a SYN: seconds since the epoch as the kernel saw it, and the address and port it was for.
"""

import signal
import socket
import struct
import sys
from pathlib import Path
from types import FrameType

_ALL_PROTOCOLS = 0x0003
_TIMESTAMPNS = getattr(socket, "SO_TIMESTAMPNS", 35)
_TIMESPEC = struct.Struct("@ll")
_OUTGOING = 4


def syn_target(packet: bytes) -> str | None:
    """``address port`` of a TCP packet over IPv4 that asks for a connection."""
    if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP:
        return None
    segment = packet[(packet[0] & 0x0F) * 4 :]
    if len(segment) < 14 or segment[13] & 0b010010 != 0b000010:  # SYN without ACK
        return None
    return f"{socket.inet_ntoa(packet[16:20])} {int.from_bytes(segment[2:4], 'big')}"


def main(path: str) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS)) as tap,
        Path(path).open("w", encoding="ascii") as file,
    ):
        tap.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        print("ready", flush=True)
        try:
            while True:
                packet, ancillary, _, source = tap.recvmsg(128, 128)
                if source[2] != _OUTGOING and (target := syn_target(packet)):
                    seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
                    file.write(f"{seconds}.{nanoseconds:09} {target}\n")
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
