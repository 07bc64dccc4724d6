"""HTTP for destinations: guarded, pooled, recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, urlsplit

from cdp.plugin.errors import Retry
from cdp.plugin.guard import RESOLVE_S, Guard
from cdp.plugin.pool import NoAnswer, Pool, Response
from cdp.plugin.values import Exchange

#: How much of a body is kept to be shown.
SHOWN_BYTES = 4096
#: What stands in a path as it is; all else is percent-encoded.
_PATH = "/%:@!$&'()*+,;=~-._"

_SECRET_HEADERS = ("authorization", "cookie", "secret", "token", "api-key", "apikey", "signature")


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
        self._timeout = timeout
        self._secrets = tuple(s for s in secrets if len(s) >= 4)
        self._pools: dict[tuple[str, str, int, str], Pool] = {}
        self._routes: dict[str, tuple[float, tuple[Pool, str, str]]] = {}
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
            answer = pool.call(method, path, body, sent)
        except NoAnswer as error:
            exchange.error = self._hide(str(error))[:500]
            self._finish(exchange, began, body)
            raise Retry(f"no answer from {urlsplit(url).netloc}: {exchange.error}") from None
        except Exception as error:
            exchange.error = self._hide(str(error))[:500]
            self._finish(exchange, began, body)
            raise
        exchange.status = answer.status
        exchange.response_headers = self._hide_headers(answer.headers)
        exchange.response_body = self._hide(_text(answer.body))
        self._finish(exchange, began, body)
        return answer

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

    def _pool(self, url: str) -> tuple[Pool, str, str]:
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
        path = quote(parts.path or "/", _PATH) + (
            f"?{quote(parts.query, _PATH + '?')}" if parts.query else ""
        )
        with self._lock:
            pool = self._pools.get(key)
            if pool is None:
                name = host if secure else None
                made = Pool(address, port, self._timeout, self._pool_size, name)
                pool = self._pools[key] = made
            route = (pool, path, parts.netloc.rpartition("@")[2].encode("idna").decode())
            if len(self._routes) > 1000:
                self._routes.clear()
            self._routes[url] = (now + RESOLVE_S, route)
        return route

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


def _text(data: bytes) -> str:
    return data[:SHOWN_BYTES].decode(errors="replace")


def _now_ms() -> int:
    return int(time.time() * 1000)
