"""HTTP/2 to one checked address, for the providers that speak nothing else (APNs).

One call at a time on a connection: what became of a call is then known as well as it
can be. Many at the same time take as many connections.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, cast

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from cdp.plugin.pool import MAX_RESPONSE_BYTES, NoAnswer, Response

#: A connection that was idle for longer is not trusted: something between may have forgotten it.
IDLE_S = 240.0
#: Headers of a connection, which HTTP/2 has none of (RFC 9113 section 8.2.2).
_NOT_HERE = {"host", "connection", "transfer-encoding", "keep-alive", "upgrade"}


class HTTP2Pool:
    """As `cdp.plugin.pool.Pool`. Without a ``name`` HTTP/2 is spoken in clear, unasked."""

    def __init__(
        self,
        address: str,
        port: int,
        timeout: float,
        size: int,
        name: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._address, self._port, self._name = address, port, name
        self._timeout, self._size = timeout, size
        self._tls = tls or ssl.create_default_context()
        self._tls.set_alpn_protocols(["h2"])
        self._idle: deque[_Connection] = deque()

    def call(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """One call. Raises `NoAnswer`; never sends twice what may have counted."""
        connection = self._take()
        try:
            answer = connection.call(method, path, body, headers, self._timeout)
        except (OSError, h2.exceptions.ProtocolError) as error:
            connection.close()
            if isinstance(error, NoAnswer):
                raise
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        except BaseException:
            connection.close()
            raise
        if connection.open and len(self._idle) < self._size:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _take(self) -> _Connection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._connect()
            if connection.usable():
                return connection
            connection.close()

    def _connect(self) -> _Connection:
        try:
            sock = socket.create_connection((self._address, self._port), min(self._timeout, 10.0))
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._name is not None:
                    sock = self._tls.wrap_socket(sock, server_hostname=self._name)
                    if sock.selected_alpn_protocol() != "h2":
                        raise OSError(f"{self._name} speaks no HTTP/2")
                return _Connection(sock, "http" if self._name is None else "https")
            except BaseException:
                sock.close()
                raise
        except OSError as error:
            failed = NoAnswer(f"{type(error).__name__}: {error}")
            failed.sent = False
            raise failed from error

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()


class _Connection:
    """A socket on which both sides have said that they speak HTTP/2."""

    def __init__(self, sock: socket.socket, scheme: str) -> None:
        self._sock, self._scheme = sock, scheme
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding="latin-1")
        )
        self._h2.initiate_connection()
        self._flush()
        self.open, self._used = True, time.monotonic()

    def close(self) -> None:
        self.open = False
        self._sock.close()

    def usable(self) -> bool:
        """Whether the other side still listens; takes what it said meanwhile."""
        if time.monotonic() - self._used > IDLE_S:
            return False
        try:
            while self._waiting():
                self._sock.settimeout(1.0)
                self._receive()
        except (OSError, h2.exceptions.ProtocolError):
            return False
        return self.open

    def _waiting(self) -> bool:
        if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            return True
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return self.open and bool(poll.poll(0))

    def call(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], timeout: float
    ) -> Response:
        ends = time.monotonic() + timeout
        stream = self._h2.get_next_available_stream_id()
        named = {name.lower(): value for name, value in headers.items()}
        head = [
            (":method", method), (":scheme", self._scheme),
            (":authority", named.get("host", "")), (":path", path),
            *((name, value) for name, value in named.items() if name not in _NOT_HERE),
        ]  # fmt: skip
        self._h2.send_headers(stream, head, end_stream=not body)
        call = _Call(stream)
        left = body
        while not call.ended:
            left = self._send_some(stream, left) if left else left
            self._until(ends)
            self._flush()
            if not call.ended:
                self._until(ends)
                for event in self._receive():
                    call.take(event)
                    if isinstance(event, h2.events.DataReceived):
                        self._h2.acknowledge_received_data(
                            event.flow_controlled_length or 0, stream
                        )
        self._used = time.monotonic()
        if call.cut or left:
            # What is left of it, on either side, is not worth waiting for.
            self.open = False
        return Response(call.status, call.headers, bytes(call.body[:MAX_RESPONSE_BYTES]))

    def _send_some(self, stream: int, body: bytes) -> bytes:
        """As much of ``body`` as the other side has room for; what is left."""
        while body:
            room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
            if room <= 0:
                break
            part, body = body[:room], body[room:]
            self._h2.send_data(stream, part, end_stream=not body)
        return body

    def _until(self, ends: float) -> None:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)

    def _receive(self) -> list[Any]:
        data = self._sock.recv(65536)
        if not data:
            self.open = False
            raise NoAnswer("the connection was closed")
        events = self._h2.receive_data(data)
        if any(isinstance(event, h2.events.ConnectionTerminated) for event in events):
            self.open = False
        self._flush()
        return list(events)

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self._sock.sendall(data)


class _Call:
    """What has come of one answer."""

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self.status, self.headers, self.body = 0, dict[str, str](), bytearray()
        self.ended = self.cut = False

    def take(self, event: Any) -> None:
        """Look at an event. `NoAnswer` if there will be no answer."""
        if isinstance(event, h2.events.ConnectionTerminated):
            # Streams above the last one were not looked at (RFC 9113 section 6.8).
            if self._stream > (event.last_stream_id or 0):
                raise _unseen("the connection is being closed")
            return
        if getattr(event, "stream_id", None) != self._stream:
            return
        if isinstance(event, h2.events.ResponseReceived):
            for name, value in cast("list[tuple[str, str]]", event.headers or []):
                if name == ":status":
                    self.status = int(value)
                else:
                    self.headers[name] = value
        elif isinstance(event, h2.events.DataReceived):
            self.body += event.data or b""
            self.cut = self.ended = len(self.body) > MAX_RESPONSE_BYTES
        elif isinstance(event, h2.events.StreamEnded):
            self.ended = True
        elif isinstance(event, h2.events.StreamReset):
            if event.error_code == h2.errors.ErrorCodes.NO_ERROR and self.status:
                self.ended = True  # the answer is whole, and no more of ours is wanted
            elif event.error_code == h2.errors.ErrorCodes.REFUSED_STREAM:
                raise _unseen("the call was refused unseen")
            else:
                raise NoAnswer(f"the call was broken off ({event.error_code!r})")


def _unseen(text: str) -> NoAnswer:
    failed = NoAnswer(text)
    failed.sent = False
    return failed
