"""Keep-alive connections to one checked address.

Stands on the standard library's client: measured at half the work a call of the
pools of urllib3, which matters where delivery is nothing but calls.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from http.client import HTTPConnection, HTTPException

#: What is read of an answer.
MAX_RESPONSE_BYTES = 1 << 20


class NoAnswer(OSError):
    """The connection failed, or ended before the answer was complete.

    ``sent`` is False if nothing of the call can have arrived.
    """

    sent = True


class Response:
    """An answer: ``status``, ``headers`` and ``body`` (at most 1 MiB of it)."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


class _Connection(HTTPConnection):
    """A connection to ``address``; over TLS it insists on a certificate for ``name``."""

    def __init__(
        self,
        address: str,
        port: int,
        timeout: float,
        name: str | None,
        connect_timeout: float,
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(address, port, timeout=timeout)
        self._name, self._connect_timeout, self._tls = name, connect_timeout, tls

    def connect(self) -> None:
        timeout, self.timeout = self.timeout, self._connect_timeout
        super().connect()
        self.timeout = timeout
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._name is not None:
            tls = self._tls or default_tls()
            self.sock = tls.wrap_socket(self.sock, server_hostname=self._name)
        self.sock.settimeout(timeout)

    def dropped(self) -> bool:
        """Whether the other side has closed it while it was idle."""
        if self.sock is None:
            return True
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))


@lru_cache(maxsize=1)
def default_tls() -> ssl.SSLContext:
    """What TLS connections are made with, where nothing else is said."""
    return ssl.create_default_context()


class Pool:
    """Connections to ``address``:``port``; ``name`` is the host of the certificate.

    May be used by many threads; at most ``size`` idle connections are kept. ``tls`` has
    certificates of one's own, if there are any.
    """

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
        self._timeout, self._size, self._tls = timeout, size, tls
        self._idle: deque[_Connection] = deque()

    def call(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """One call. Raises `NoAnswer`; never sends twice, for the call may have counted."""
        connection = self._take()
        if connection.sock is None:
            try:
                connection.connect()
            except (OSError, HTTPException) as error:
                connection.close()
                failed = NoAnswer(f"{type(error).__name__}: {error}")
                failed.sent = False
                raise failed from error
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            data = answer.read(MAX_RESPONSE_BYTES)
            whole = answer.isclosed() or not answer.read(1)
        except (OSError, HTTPException) as error:
            connection.close()
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        except BaseException:
            connection.close()
            raise
        if whole and not answer.will_close and len(self._idle) < self._size:
            self._idle.append(connection)
        else:
            connection.close()
        return Response(answer.status, dict(answer.headers), data)

    def _take(self) -> _Connection:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                connect_timeout = min(self._timeout, 10.0)
                return _Connection(
                    self._address, self._port, self._timeout, self._name, connect_timeout, self._tls
                )
            if not connection.dropped():
                return connection
            connection.close()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()
