"""A server that speaks HTTP/2 and nothing else, as Apple's does."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import h2.config
import h2.connection
import h2.errors
import h2.events


class Call(NamedTuple):
    """A request that came over HTTP/2."""

    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Says(NamedTuple):
    """An answer. ``then`` is done instead of it: hang up, reset, refuse, go away, wait; or
    besides: ping before it, bye after it.
    """

    status: int = 200
    body: dict[str, Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    then: str = ""


class H2Server:
    """Answers each call with what ``answer`` says of it; in clear, or with ``tls``."""

    def __init__(self, answer: Callable[[Call], Says], tls: ssl.SSLContext | None = None) -> None:
        self.calls: list[Call] = []
        self.connections = 0
        #: How many connections we have ended after an answer.
        self.ended = 0
        self._answer, self._tls = answer, tls
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://{'localhost' if tls else '127.0.0.1'}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> H2Server:
        return self

    def __exit__(self, *_: object) -> None:
        for item in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)
            item.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listening.accept()
                self._open.append(sock)
                self.connections += 1
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            self._talk(sock)

    def _talk(self, sock: socket.socket) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        connection = h2.connection.H2Connection(config)
        connection.initiate_connection()
        sock.sendall(connection.data_to_send())
        heads: dict[int, dict[str, str]] = {}
        bodies: dict[int, bytes] = {}
        while data := sock.recv(65536):
            for event in connection.receive_data(data):
                stream: Any = getattr(event, "stream_id", None)
                if isinstance(event, h2.events.RequestReceived):
                    heads[stream] = {str(n): str(v) for n, v in event.headers}
                    bodies[stream] = b""
                elif isinstance(event, h2.events.DataReceived):
                    bodies[stream] += event.data
                    connection.acknowledge_received_data(event.flow_controlled_length, stream)
                elif isinstance(event, h2.events.StreamEnded):
                    call = Call(heads[stream], bodies[stream])
                    self.calls.append(call)
                    if not self._reply(sock, connection, stream, self._answer(call)):
                        self.ended += 1
                        return
            sock.sendall(connection.data_to_send())

    @staticmethod
    def _reply(sock: socket.socket, connection: Any, stream: int, says: Says) -> bool:
        if says.then == "hang up":
            sock.shutdown(socket.SHUT_RDWR)
            return False
        if says.then == "reset":
            connection.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
            return True
        if says.then == "refuse":
            connection.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
            return True
        if says.then == "go away":
            connection.close_connection(last_stream_id=max(0, stream - 2))
            sock.sendall(connection.data_to_send())
            return False
        if says.then == "wait":
            time.sleep(1)
        if says.then == "ping":
            connection.ping(b"12345678")
        body = json.dumps(says.body).encode() if says.body is not None else b""
        head = [(":status", str(says.status)), *says.headers]
        connection.send_headers(stream, head, end_stream=not body)
        while body:
            part, body = body[:16_384], body[16_384:]
            connection.send_data(stream, part, end_stream=not body)
        if says.then == "bye":
            connection.close_connection()
            sock.sendall(connection.data_to_send())
            sock.shutdown(socket.SHUT_RDWR)
            return False
        return True
