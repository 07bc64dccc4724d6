"""HTTP/2 to one checked address, for the providers that speak nothing else (APNs)."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from typing import Any

import httpcore

from cdp.plugin.pool import MAX_RESPONSE_BYTES, NoAnswer, Response

#: Errors of a call of which surely nothing has arrived.
_NOT_SENT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout)


class _Pinned(httpcore.SyncBackend):
    """Connects to the address that was checked, whatever the host's name says now."""

    def __init__(self, address: str) -> None:
        self._address = address

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return super().connect_tcp(self._address, port, timeout, local_address, socket_options)


class HTTP2Pool:
    """As `cdp.plugin.pool.Pool`: many calls at the same time share few connections.

    Without a ``name`` HTTP/2 is spoken in clear, without asking first.
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
        self._secure, self._host, self._port = name is not None, name or address, port
        connect = min(timeout, 10.0)
        self._timeouts = {"connect": connect, "read": timeout, "write": timeout, "pool": timeout}
        # A context of its own: what protocols it offers is set on it.
        context = tls or ssl.create_default_context()
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=size,
            http1=False,
            http2=True,
            network_backend=_Pinned(address),
        )

    def call(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """One call. Raises `NoAnswer`; never sends twice what may have counted."""
        url = httpcore.URL(
            scheme=b"https" if self._secure else b"http",
            host=self._host.encode("idna"),
            port=self._port,
            target=path.encode("ascii"),
        )
        sent = [(name.lower(), value) for name, value in headers.items()]
        try:
            with self._pool.stream(
                method, url, headers=sent, content=body, extensions={"timeout": self._timeouts}
            ) as answer:
                data = b""
                for part in answer.iter_stream():
                    data += part[: MAX_RESPONSE_BYTES - len(data)]
                    if len(data) >= MAX_RESPONSE_BYTES:
                        break
                found = {n.decode("latin-1"): v.decode("latin-1") for n, v in answer.headers}
                return Response(answer.status, found, data)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            failed = NoAnswer(f"{type(error).__name__}: {error}")
            failed.sent = not isinstance(error, _NOT_SENT)
            raise failed from error

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()
