"""What browser and mobile SDKs fetch before they send: settings and analytics.js.

analytics.js is Segment's own, from npm, brought in when Headwater is set up. In
front of it stands one line that tells it from where it was loaded, for it only
recognises hosts with https by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from cdp.config import Settings
from cdp.tracking import cors

#: Where the set-up puts the browser bundle of @segment/analytics-next.
BUNDLES = Path(__file__).parent.parent / "console" / "static" / "vendor" / "analytics-next"

_PRELUDE = (
    "(function(){var t=document.querySelector('script[data-global-segment-analytics-key]'),"
    "n=t?t.dataset.globalSegmentAnalyticsKey:'analytics',a=window[n]=window[n]||[],"
    "s=document.currentScript;a._writeKey=a._writeKey||%s;"
    "a._cdn=a._cdn||(s&&s.src?new URL(s.src).origin:location.origin)})();\n"
)


def settings_document(write_key: str, base: str, destinations: dict[str, Any]) -> dict[str, Any]:
    """The document at ``/v1/projects/<key>/settings`` (segment.com: CDN settings).

    ``base`` is our own address as the browser sees it. Customer.io's browser SDK is
    a sibling of analytics.js that looks for its own name.
    """
    parts = urlsplit(base)
    home = {
        "apiKey": write_key,
        "apiHost": f"{parts.netloc}{parts.path}/v1",
        "protocol": parts.scheme,
        "unbundledIntegrations": [],
        "addBundledMetadata": True,
        "maybeBundledConfigIds": {},
        # Without "browser" here: by it each SDK would take its sibling's entry for a
        # destination to be loaded into the page.
        "versionSettings": {"version": "4.4.7", "componentTypes": []},
    }
    return {
        "integrations": {
            "Segment.io": home,
            "Customer.io Data Pipelines": dict(home),
            **destinations,
        },
        "plan": {
            "track": {"__default": {"enabled": True, "integrations": {}}},
            "identify": {"__default": {"enabled": True}},
            "group": {"__default": {"enabled": True}},
        },
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {"routingRules": []},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }


def own_address(settings: Settings) -> str:
    """Our address as the client sees it: the setting, else what it asked for."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    forwarded = request.headers.get("X-Forwarded-Proto") if settings.trusted_proxies else None
    return f"{forwarded or request.scheme}://{request.host}"


def add_sdk_routes(blueprint: Blueprint, sources: Any, settings: Settings) -> None:
    """Add what SDKs fetch to the tracking API."""

    def get(path: str, name: str) -> Callable[[Callable[..., Response]], None]:
        def add(view: Callable[..., Response]) -> None:
            blueprint.add_url_rule(path, name, view, methods=["GET"], strict_slashes=False)
            blueprint.add_url_rule(
                path,
                f"{name}_preflight",
                lambda **_: cors.preflight(),
                methods=["OPTIONS"],
                provide_automatic_options=False,
                strict_slashes=False,
            )

        return add

    @get("/v1/projects/<write_key>/settings", "settings")
    def project_settings(write_key: str) -> Response:
        source = sources.by_write_key(write_key)
        if source is None or not source.enabled:
            return _json({"error": f"no source has the write key {write_key[:64]!r}"}, 404)
        return _json(settings_document(write_key, own_address(settings), {}), 200)

    @get("/analytics.js/v1/<write_key>/<file>", "analytics_js")
    def analytics_js(write_key: str, file: str) -> Response:
        if file not in ("analytics.min.js", "analytics.js", "platform.min.js"):
            return Response("no such file\n", 404, content_type="text/plain")
        bundle = _bundle("standalone.js")
        if bundle is None:
            return Response(
                "// analytics.js is missing here: run `make setup`\n",
                503,
                content_type="text/javascript",
            )
        return _script((_PRELUDE % json.dumps(write_key)).encode() + bundle, 300)

    @get("/analytics-next/bundles/<file>", "analytics_bundle")
    def analytics_bundle(file: str) -> Response:
        bundle = _bundle(file)
        if bundle is None:
            return Response("no such bundle\n", 404, content_type="text/plain")
        return _script(bundle, 86_400)


@lru_cache(maxsize=64)
def _bundle(name: str) -> bytes | None:
    path = BUNDLES / name
    if path.parent != BUNDLES or path.suffix != ".js" or not path.is_file():
        return None
    return path.read_bytes()


def _json(value: Any, status: int) -> Response:
    body = json.dumps(value).encode()
    response = Response(body, status, content_type="application/json; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=30" if status == 200 else "no-store"
    return _conditional(response, body)


def _script(body: bytes, seconds: int) -> Response:
    response = Response(body, 200, content_type="text/javascript; charset=utf-8")
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    return _conditional(response, body)


def _conditional(response: Response, body: bytes) -> Response:
    """Let a browser that has it already keep what it has."""
    if not request.headers.get("Origin"):
        response.headers["Access-Control-Allow-Origin"] = "*"
    response.set_etag(sha256(body).hexdigest()[:24])
    response.make_conditional(request)
    return response
