"""What guards the console: headers, the CSRF token, the brake on guessing passwords."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Response, request, session

#: Everything a page uses comes from this server; nothing is inline.
POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; img-src 'self' data:; frame-src 'self'"
)


def add_headers(response: Response) -> Response:
    """Put the security headers on an answer of the console."""
    # A message that is shown has a stricter one of its own.
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def csrf_token() -> str:
    """The token that every form of this session carries."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(24)
    return str(session["csrf"])


def csrf_holds() -> bool:
    """Whether the request carries its session's token, as a field or a header."""
    sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf") or ""
    return "csrf" in session and hmac.compare_digest(str(session["csrf"]).encode(), sent.encode())


def safe_next(target: str | None) -> str | None:
    """``target`` if it is a path on this server, else None."""
    if not target or not target.startswith("/"):
        return None
    # Browsers read a backslash as a slash and drop tabs and line ends.
    if target.startswith(("//", "/\\")) or any(ord(c) < 32 for c in target):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target


class Brake:
    """Lets a key fail ``limit`` times within ``window_s`` seconds, per process.

    At most ``size`` keys are remembered; the one unused the longest goes first.
    """

    def __init__(
        self,
        limit: int = 10,
        window_s: float = 300.0,
        size: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit, self.window_s, self.size, self.clock = limit, window_s, size, clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, key: str) -> int:
        """Seconds until ``key`` may try again; 0 if at once."""
        with self._lock:
            times = self._recent(key)
            if len(times) < self.limit:
                return 0
            return max(1, int(times[0] + self.window_s - self.clock()) + 1)

    def failed(self, key: str) -> None:
        """Note a failure of ``key``."""
        with self._lock:
            self._recent(key).append(self.clock())

    def forget(self, key: str) -> None:
        """``key`` has succeeded."""
        with self._lock:
            self._failures.pop(key, None)

    def _recent(self, key: str) -> deque[float]:
        times = self._failures.setdefault(key, deque(maxlen=self.limit))
        self._failures.move_to_end(key)
        while len(self._failures) > self.size:
            self._failures.popitem(last=False)
        oldest = self.clock() - self.window_s
        while times and times[0] <= oldest:
            times.popleft()
        return times
