"""Cross-origin requests: any page may send events and read what an SDK fetches."""

from __future__ import annotations

from flask import Response, request

_METHODS = "POST, GET, OPTIONS"
_HEADERS = "Content-Type, Authorization, X-Retry-Count"


def allow(response: Response) -> Response:
    """Let the asking page read ``response``, with credentials."""
    origin = request.environ.get("HTTP_ORIGIN")
    if origin:
        headers = response.headers
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Allow-Credentials"] = "true"
        headers["Access-Control-Expose-Headers"] = "Retry-After, X-RateLimit-Reset"
        headers.add("Vary", "Origin")
    return response


def preflight() -> Response:
    """Answer OPTIONS: what was asked for is allowed."""
    response = Response(status=204)
    asked = request.headers.get("Access-Control-Request-Headers")
    response.headers["Access-Control-Allow-Methods"] = _METHODS
    response.headers["Access-Control-Allow-Headers"] = asked or _HEADERS
    response.headers["Access-Control-Max-Age"] = "86400"
    if request.headers.get("Access-Control-Request-Private-Network"):
        response.headers["Access-Control-Allow-Private-Network"] = "true"
    return response
