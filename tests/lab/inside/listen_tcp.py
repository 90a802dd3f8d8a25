"""Accept connections on many ports, over IPv4 and IPv6: listen_tcp.py PORTS BANNER close|hold."""

import resource
import selectors
import socket
import sys


def ports_of(text: str) -> list[int]:
    """``22,2500-3300`` as single ports."""
    runs = [tuple(map(int, run.split("-"))) for run in text.split(",")]
    return [port for run in runs for port in range(run[0], run[-1] + 1)]


def listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", port))
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def main(ports: str, banner: str, then: str) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    selector = selectors.DefaultSelector()
    for port in ports_of(ports):
        listener = listen(port)
        selector.register(listener, selectors.EVENT_READ, listener)
    held = []
    while True:
        for key, _ in selector.select():
            try:
                connection, _ = key.data.accept()
                connection.sendall(banner.encode())
            except OSError:  # the client has gone already
                continue
            if then == "hold":
                held.append(connection)
            else:
                connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
