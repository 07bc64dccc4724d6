"""HTTP for destinations: guarded, pooled, recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from cdp.plugin.errors import Retry
from cdp.plugin.guard import RESOLVE_S, Guard
from cdp.plugin.values import Exchange

#: How much of a body is kept to be shown, and read at all.
SHOWN_BYTES = 4096
MAX_RESPONSE_BYTES = 1 << 20

_SECRET_HEADERS = ("authorization", "cookie", "secret", "token", "api-key", "apikey", "signature")


class Response:
    """An answer: ``status``, ``headers`` and ``body`` (at most 1 MiB of it)."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


class GuardedHTTP:
    """A client of keep-alive pools that calls only addresses its `Guard` lets pass.

    Redirects are not followed. Each call is kept as an `Exchange` for the thread
    that made it, until `take_exchanges`. ``secrets`` are masked wherever they occur.
    """

    def __init__(
        self,
        guard: Guard,
        timeout: float = 10.0,
        pool_size: int = 32,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self._guard, self._pool_size = guard, pool_size
        self._timeout = Timeout(connect=min(timeout, 10.0), read=timeout)
        self._secrets = tuple(s for s in secrets if len(s) >= 4)
        self._pools: dict[tuple[str, str, int, str], Any] = {}
        self._routes: dict[str, tuple[float, tuple[Any, str, str]]] = {}
        self._lock = threading.Lock()
        self._local = threading.local()

    def request(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Response:
        """Call ``url``. `Retry` if no answer came, `Forbidden` if it may not be called."""
        sent = dict(headers or {})
        exchange = Exchange(method, self._hide(url), self._hide_headers(sent), at=_now_ms())
        began = time.perf_counter()
        try:
            pool, path, host = self._pool(url)
            sent.setdefault("Host", host)
            answer = pool.urlopen(
                method, path, body=body, headers=sent, redirect=False, retries=False,
                preload_content=False, assert_same_host=False, timeout=self._timeout,
            )  # fmt: skip
            data = _read(answer)
        except HTTPError as error:
            exchange.error = self._hide(f"{type(error).__name__}: {error}")[:500]
            self._finish(exchange, began, body)
            raise Retry(f"no answer from {urlsplit(url).netloc}: {exchange.error}") from None
        except Exception as error:
            exchange.error = self._hide(str(error))[:500]
            self._finish(exchange, began, body)
            raise
        exchange.status = answer.status
        exchange.response_headers = self._hide_headers(dict(answer.headers))
        exchange.response_body = self._hide(_text(data))
        self._finish(exchange, began, body)
        return Response(answer.status, dict(answer.headers), data)

    def take_exchanges(self) -> list[Exchange]:
        """The calls that this thread has made since it last asked."""
        found: list[Exchange] = getattr(self._local, "exchanges", [])
        self._local.exchanges = []
        return found

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()

    def _pool(self, url: str) -> tuple[Any, str, str]:
        """The pool, path and Host for ``url``; looked up anew when its address may change."""
        held = self._routes.get(url)
        now = time.monotonic()
        if held is not None and held[0] > now:
            return held[1]
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        host, port = parts.hostname or "", parts.port or (443 if secure else 80)
        if parts.scheme not in ("http", "https") or not host:
            self._guard.check_url(url)
        address = self._guard.addresses(host, port)[0]
        key = (parts.scheme, host, port, address)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with self._lock:
            pool = self._pools.get(key)
            if pool is None:
                pool = self._pools[key] = self._new_pool(secure, host, port, address)
            route = (pool, path, parts.netloc.rpartition("@")[2])
            if len(self._routes) > 1000:
                self._routes.clear()
            self._routes[url] = (now + RESOLVE_S, route)
        return route

    def _new_pool(self, secure: bool, host: str, port: int, address: str) -> Any:
        if secure:
            return urllib3.HTTPSConnectionPool(
                address, port, maxsize=self._pool_size, block=False,
                server_hostname=host, assert_hostname=host,
            )  # fmt: skip
        return urllib3.HTTPConnectionPool(address, port, maxsize=self._pool_size, block=False)

    def _finish(self, exchange: Exchange, began: float, body: bytes) -> None:
        exchange.duration_ms = round((time.perf_counter() - began) * 1000, 3)
        exchange.request_body = self._hide(_text(body))
        if not hasattr(self._local, "exchanges"):
            self._local.exchanges = []
        self._local.exchanges.append(exchange)

    def _hide(self, text: str) -> str:
        for value in self._secrets:
            if value in text:
                text = text.replace(value, "••••")
        return text

    def _hide_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        hide = self._hide
        return {n: "••••" if _is_secret(n) else hide(v) for n, v in headers.items()}


@lru_cache(maxsize=512)
def _is_secret(header: str) -> bool:
    name = header.lower()
    return name != "webhook-signature" and any(word in name for word in _SECRET_HEADERS)


def _read(answer: Any) -> bytes:
    """The answer's body, at most `MAX_RESPONSE_BYTES`; the connection is given back."""
    try:
        length = answer.length_remaining
        if (
            length is not None
            and length <= MAX_RESPONSE_BYTES
            and not answer.headers.get("content-encoding")
        ):
            return bytes(answer.read())
        data = bytes(answer.read(MAX_RESPONSE_BYTES, decode_content=True))
        if answer.read(1):
            answer.close()  # longer than anybody needs: give the connection up
        return data
    finally:
        answer.release_conn()


def _text(data: bytes) -> str:
    return data[:SHOWN_BYTES].decode(errors="replace")


def _now_ms() -> int:
    return int(time.time() * 1000)
