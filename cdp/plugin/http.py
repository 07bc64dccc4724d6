"""HTTP for destinations: guarded, pooled, recorded."""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from cdp.plugin.errors import Retry, Unanswered
from cdp.plugin.guard import RESOLVE_S, Guard
from cdp.plugin.pool import NoAnswer, Pool, Response
from cdp.plugin.settings import MASK
from cdp.plugin.values import Exchange

if TYPE_CHECKING:
    from cdp.plugin.http2 import HTTP2Pool

#: How much of a body is kept to be shown.
SHOWN_BYTES = 4096
#: What stands in a path as it is; all else is percent-encoded.
_PATH = "/%:@!$&'()*+,;=~-._"

#: Parameters of an address whose values are not shown.
_SECRET_PARAMETER = re.compile(
    r"(?i)\b((?:[\w.-]*(?:token|secret|passw(?:or)?d|api[-_]?key|access[-_]?key|signature))"
    r"|key|sig|pw|auth)=[^&#]*"
)
_SECRET_HEADERS = ("authorization", "cookie", "secret", "token", "api-key", "apikey", "signature")


class _Route(NamedTuple):
    """Where an address leads: checked, with its ``Host`` and what its user part says."""

    pool: Pool | HTTP2Pool
    path: str
    host: str
    authorization: str | None


class GuardedHTTP:
    """A client of keep-alive pools that calls only addresses its `Guard` lets pass.

    Redirects are not followed. Each call is kept as an `Exchange` for the thread
    that made it, until `take_exchanges`. ``secrets`` are masked wherever they occur.
    ``tls`` has certificates of one's own; with ``http2`` nothing but HTTP/2 is spoken.
    """

    def __init__(
        self,
        guard: Guard,
        timeout: float = 10.0,
        pool_size: int = 32,
        secrets: tuple[str, ...] = (),
        tls: ssl.SSLContext | None = None,
        http2: bool = False,
    ) -> None:
        self._guard, self._pool_size = guard, pool_size
        self._tls, self._http2 = tls, http2
        self._siblings: list[GuardedHTTP] = []
        self._timeout = timeout
        self._secrets = _forms(secrets)
        # A secret that is cut off at the end of what is shown must not show its head.
        self._look = SHOWN_BYTES + max((len(s.encode()) for s in self._secrets), default=0)
        self._pools: dict[tuple[str, str, int, str], Pool | HTTP2Pool] = {}
        self._routes: dict[str, tuple[float, _Route]] = {}
        self._shown_urls: dict[str, str] = {}
        self._lock = threading.Lock()
        self._local = threading.local()

    def also(self, tls: ssl.SSLContext | None = None, http2: bool = False) -> GuardedHTTP:
        """One more client, with the same guard and secrets; it records and closes with this."""
        made = GuardedHTTP(self._guard, self._timeout, self._pool_size, (), tls, http2)
        made._secrets, made._look, made._local = self._secrets, self._look, self._local
        self._siblings.append(made)
        return made

    def request(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        show: bool = True,
    ) -> Response:
        """Call ``url``. `Forbidden` if it may not be called.

        `Unanswered` if no answer came, a plain `Retry` if not even a connection.
        Without ``show`` the bodies are not kept: they have passwords or tokens.
        """
        sent = dict(headers or {})
        exchange = Exchange(method, self._shown_url(url), self._hide_headers(sent), at=_now_ms())
        began = time.perf_counter()
        try:
            route = self._route(url)
            sent.setdefault("Host", route.host)
            if route.authorization and not any(n.lower() == "authorization" for n in sent):
                sent["Authorization"] = route.authorization
            answer = route.pool.call(method, route.path, body, sent)
        except NoAnswer as error:
            exchange.error = self._hide(str(error))[:500]
            self._finish(exchange, began, body, show)
            place = urlsplit(url).netloc.rpartition("@")[2]
            kind = Unanswered if error.sent else Retry
            raise kind(f"no answer from {place}: {exchange.error}") from None
        except Exception as error:
            exchange.error = self._hide(str(error))[:500]
            self._finish(exchange, began, body, show)
            raise
        exchange.status = answer.status
        exchange.response_headers = self._hide_headers(answer.headers)
        exchange.response_body = self._shown(answer.body) if show else MASK
        self._finish(exchange, began, body, show)
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
        for sibling in self._siblings:
            sibling.close()

    def _route(self, url: str) -> _Route:
        """How to call ``url``; looked up anew when its address may change."""
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
                made = _kind_of_pool(self._http2)(
                    address, port, self._timeout, self._pool_size, name, self._tls
                )
                pool = self._pools[key] = made
            user, _, place = parts.netloc.rpartition("@")
            route = _Route(pool, path, place.encode("idna").decode(), _basic(user))
            if len(self._routes) > 1000:
                self._routes.clear()
            self._routes[url] = (now + RESOLVE_S, route)
        return route

    def _finish(self, exchange: Exchange, began: float, body: bytes, show: bool) -> None:
        exchange.duration_ms = round((time.perf_counter() - began) * 1000, 3)
        exchange.request_body = self._shown(body) if show else MASK
        if not hasattr(self._local, "exchanges"):
            self._local.exchanges = []
        self._local.exchanges.append(exchange)

    def _hide(self, text: str) -> str:
        for value in self._secrets:
            if value in text:
                text = text.replace(value, MASK)
        return text

    def _shown(self, data: bytes) -> str:
        return self._hide(data[: self._look].decode(errors="replace"))[:SHOWN_BYTES]

    def _shown_url(self, url: str) -> str:
        """``url`` without secrets: known ones, a user's password, and what is named like one."""
        known = self._shown_urls.get(url)
        if known is not None:
            return known
        shown, parts = url, urlsplit(url)
        _, at, host = parts.netloc.rpartition("@")
        if at or _SECRET_PARAMETER.search(parts.query):
            query = _SECRET_PARAMETER.sub(rf"\1={MASK}", parts.query)
            shown = parts._replace(netloc=f"{MASK}@{host}" if at else host, query=query).geturl()
        if len(self._shown_urls) > 1000:
            self._shown_urls.clear()
        shown = self._shown_urls[url] = self._hide(shown)
        return shown

    def _hide_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        hide = self._hide
        return {n: MASK if _is_secret(n) else hide(v) for n, v in headers.items()}


def _kind_of_pool(http2: bool) -> type[Pool] | type[HTTP2Pool]:
    if not http2:
        return Pool
    from cdp.plugin.http2 import HTTP2Pool  # dear to import, and few need it

    return HTTP2Pool


@lru_cache(maxsize=512)
def _is_secret(header: str) -> bool:
    name = header.lower()
    return name != "webhook-signature" and any(word in name for word in _SECRET_HEADERS)


def _basic(user: str) -> str | None:
    if not user:
        return None
    return "Basic " + base64.b64encode(unquote(user).encode()).decode()


def _forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Secrets as they may stand in addresses and in JSON, the longest first."""
    long = {value for value in secrets if len(value) >= 4}
    found = long | {quote(v, "") for v in long} | {json.dumps(v)[1:-1] for v in long}
    return tuple(sorted(found, key=len, reverse=True))


def _now_ms() -> int:
    return int(time.time() * 1000)
