"""A load client that costs little: prepared requests over keep-alive connections."""

from __future__ import annotations

import base64
import select
import socket
import time
from typing import NamedTuple
from urllib.parse import urlsplit


class Result(NamedTuple):
    """What a run gave: requests a second, and the answers that were not 200."""

    seconds: float
    requests: int
    failed: int

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def request_bytes(path: str, body: bytes, write_key: str) -> bytes:
    """One HTTP request, ready to be sent."""
    credentials = base64.b64encode(f"{write_key}:".encode()).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def send_all(
    url: str, requests: list[bytes], connections: int = 32, rate: float | None = None
) -> Result:
    """Send ``requests`` once each, ``connections`` at a time; ``rate`` bounds them a second."""
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    buffers: dict[int, bytes] = {}
    remaining = iter(requests)
    done = failed = waiting = 0
    began = time.perf_counter()
    for _ in range(min(connections, len(requests))):
        connection = socket.create_connection(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[connection.fileno()] = connection
        buffers[connection.fileno()] = b""
        poll.register(connection.fileno(), select.EPOLLIN)
        connection.sendall(next(remaining))
        waiting += 1
    while waiting:
        for number, _event in poll.poll(30):
            connection = sockets[number]
            data = buffers[number] + connection.recv(65536)
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if not data:
                    raise ConnectionError("the server closed the connection")
                buffers[number] = data
                continue
            head = data[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(data) < end + 4 + length:
                buffers[number] = data
                continue
            buffers[number] = b""
            done += 1
            failed += data[9:12] != b"200"
            if rate is not None:
                ahead = done / rate - (time.perf_counter() - began)
                if ahead > 0.001:
                    time.sleep(ahead)
            following = next(remaining, None)
            if following is None:
                waiting -= 1
            else:
                connection.sendall(following)
    seconds = time.perf_counter() - began
    for connection in sockets.values():
        connection.close()
    poll.close()
    return Result(seconds, done, failed)
