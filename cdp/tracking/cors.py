"""Cross-origin requests: any page may send events and read what an SDK fetches."""

from __future__ import annotations

from flask import Response, request

_METHODS = "POST, GET, OPTIONS"
_HEADERS = "Content-Type, Authorization, X-Retry-Count"


def allow(response: Response) -> Response:
    """Let the asking page read ``response``, with credentials."""
    environ = request.environ
    origin = environ.get("HTTP_ORIGIN")
    cached = environ["REQUEST_METHOD"] == "GET"
    if origin:
        headers = response.headers
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Allow-Credentials"] = "true"
        headers["Access-Control-Expose-Headers"] = "Retry-After, X-RateLimit-Reset"
    elif cached:
        # A script's tag sends no origin; a fetch may later find its answer in the cache.
        response.headers["Access-Control-Allow-Origin"] = "*"
    if cached:
        response.vary.add("Origin")
    return response


def preflight(**_: str) -> Response:
    """Answer OPTIONS: what was asked for is allowed."""
    response = Response(status=204)
    asked = request.headers.get("Access-Control-Request-Headers")
    response.headers["Access-Control-Allow-Methods"] = _METHODS
    response.headers["Access-Control-Allow-Headers"] = asked or _HEADERS
    response.headers["Access-Control-Max-Age"] = "86400"
    if request.headers.get("Access-Control-Request-Private-Network"):
        response.headers["Access-Control-Allow-Private-Network"] = "true"
    return response
