"""What browser and mobile SDKs fetch before they send: settings and analytics.js.

analytics.js is Segment's own, from npm, brought in when Headwater is set up. In
front of it stands one line that tells it from where it was loaded, for it only
recognises hosts with https by itself.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from cdp.tracking import answers, cors
from cdp.tracking.address import Hops
from cdp.tracking.auth import write_keys_of

#: Where the set-up puts the browser bundle of @segment/analytics-next.
BUNDLES = Path(__file__).parent.parent / "console" / "static" / "vendor" / "analytics-next"

_PRELUDE = (
    "(function(){var t=document.querySelector('script[data-global-segment-analytics-key]'),"
    "n=t?t.dataset.globalSegmentAnalyticsKey:'analytics',a=window[n]=window[n]||[],"
    "s=document.currentScript;a._writeKey=a._writeKey||%s;"
    "a._cdn=a._cdn||(s&&s.src?s.src.split('/analytics.js/v1/')[0]:location.origin)})();\n"
)


def settings_document(
    write_key: str, base: str, rules: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """The document at ``/v1/projects/<key>/settings`` (segment.com: CDN settings).

    ``base`` is our own address as the browser sees it, ``rules`` are those of
    `cdp.tracking.routing`. Customer.io's browser SDK is a sibling of analytics.js that
    looks for its own name.
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
        },
        "plan": {
            "track": {"__default": {"enabled": True, "integrations": {}}},
            "identify": {"__default": {"enabled": True}},
            "group": {"__default": {"enabled": True}},
        },
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {"routingRules": list(rules)},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }


def rudder_document(write_key: str, source: Any) -> dict[str, Any]:
    """What RudderStack's browser and mobile SDKs ask their control plane for.

    They want ``source.id``, ``.config`` and ``.destinations``; destinations are ours to
    call, so there are none for the page. Their own telemetry is off.
    """
    off = {"enabled": False}
    return {
        "source": {
            "id": str(source.id),
            "name": source.key,
            "writeKey": write_key,
            "enabled": True,
            "workspaceId": "headwater",
            "config": {"statsCollection": {"errors": off, "metrics": off}},
            "destinations": [],
            "connections": [],
            "dataplanes": {},
        }
    }


def add_sdk_routes(blueprint: Blueprint, sources: Any, public_url: str | None, hops: Hops) -> None:
    """Add what SDKs fetch; ``public_url`` is our address where the request doesn't tell it."""

    def known(write_key: str) -> Any:
        source = sources.by_write_key(write_key)
        return source if source is not None and source.enabled else None

    def get(path: str, name: str) -> Callable[[Callable[..., Response]], None]:
        def add(view: Callable[..., Response]) -> None:
            more: dict[str, Any] = {"strict_slashes": False, "provide_automatic_options": False}
            blueprint.add_url_rule(path, name, view, methods=["GET"], **more)
            blueprint.add_url_rule(
                path, f"{name}_preflight", cors.preflight, methods=["OPTIONS"], **more
            )

        return add

    @get("/v1/projects/<write_key>/settings", "settings")
    def project_settings(write_key: str) -> Response:
        source = known(write_key)
        if source is None:
            return _json({"error": f"no source has the write key {write_key[:64]!r}"}, 404)
        base = public_url or hops.base(request.environ)
        rules = sources.routing_rules(source)
        return _json(settings_document(write_key, base.rstrip("/"), rules), 200)

    @get("/sourceConfig", "rudder_settings")
    def rudder_settings() -> Response:
        for write_key in write_keys_of(request.environ, None):
            source = known(write_key)
            if source is not None:
                return _json(rudder_document(write_key, source), 200)
        return answers.error(401, "unknown_write_key", "no source has this write key")

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


@lru_cache(maxsize=64)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _json(value: Any, status: int) -> Response:
    body = json.dumps(value).encode()
    response = Response(body, status, content_type="application/json; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=30" if status == 200 else "no-store"
    return _conditional(response)


def _script(body: bytes, seconds: int) -> Response:
    small = "gzip" in request.environ.get("HTTP_ACCEPT_ENCODING", "")
    response = Response(
        _packed(body) if small else body, 200, content_type="text/javascript; charset=utf-8"
    )
    if small:
        response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    return _conditional(response)


def _conditional(response: Response) -> Response:
    """Let a browser that has it already keep what it has."""
    response.set_etag(sha256(response.get_data()).hexdigest()[:24])
    response.make_conditional(request)
    return response
