"""Every answer of the tracking endpoints, in one place.

SDKs read them: 200 must be exactly this object, 4xx means never again, 429 and 5xx
mean again later (segment.com: response codes; the SDKs' own sources).
"""

from __future__ import annotations

import json

from flask import Response

from cdp.log import LogFull, LogUnavailable, Record
from cdp.tracking.body import BadBody

_OK = b'{"success": true}'
#: Seconds after which a client is asked to come back.
RETRY_AFTER = {429: 2, 503: 5}

GIF = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)


def success() -> Response:
    """The message is on disk."""
    return Response(_OK, 200, content_type="application/json")


def error(status: int, code: str, message: str) -> Response:
    """An error in the form that all SDKs can read: ``code``, ``message``, ``error``."""
    body = json.dumps({"code": code, "message": message, "error": message})
    response = Response(body, status, content_type="application/json")
    if status in RETRY_AFTER:
        response.headers["Retry-After"] = str(RETRY_AFTER[status])
    if status == 429:
        response.headers["X-RateLimit-Reset"] = str(RETRY_AFTER[status])
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="write key"'
    return response


def bad_body(found: BadBody) -> Response:
    """The body can't be used, and never will be."""
    return error(found.status, found.code, found.detail)


def overloaded(found: LogFull | LogUnavailable) -> Response:
    """Nothing was kept: the client has to come back."""
    if isinstance(found, LogFull):
        return error(429, "rate_limited", "too many requests are waiting, try again shortly")
    return error(503, "unavailable", "the message could not be stored, try again shortly")


def pixel(kept: Response | None = None) -> Response:
    """A transparent dot, whatever came; with the status of what could not be ``kept``.

    Segment always says 200. So do we, unless the message got lost by our fault: a
    browser shows the dot of a 503 as well.
    """
    response = Response(GIF, 200, content_type="image/gif", headers={"Cache-Control": "no-store"})
    if kept is not None and kept.status_code in RETRY_AFTER:
        response.status_code = kept.status_code
        response.headers["Retry-After"] = kept.headers["Retry-After"]
    return response


def refused(found: BadBody, received_at: int, source: int, ip: str | None) -> Record:
    """What is kept of a body that was answered with an error."""
    return Record(
        received_at, source, "refused", found.body[: 64 * 1024], ip, None, found.code, found.detail
    )
