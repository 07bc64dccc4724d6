"""The routes of the tracking API."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from cdp.config import Settings
from cdp.events.message import TYPES
from cdp.log import LogFull, LogUnavailable, Record
from cdp.tracking import answers, cors, pixel
from cdp.tracking.address import Hops
from cdp.tracking.auth import write_keys_of
from cdp.tracking.body import BadBody, Envelope, check_batch, check_call, read_body
from cdp.tracking.sdk import add_sdk_routes

logger = structlog.get_logger(__name__)

#: ``/v1/t`` and so on; analytics.js uses the first letter of the type.
_LETTERS = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}


class Source(Protocol):
    """What is needed of a source."""

    @property
    def id(self) -> int: ...
    @property
    def enabled(self) -> bool: ...


class Sources(Protocol):
    """Sources by write key, and how pages filter what goes to the destinations of one."""

    def by_write_key(self, key: str) -> Any: ...
    def routing_rules(self, source: Any) -> list[dict[str, Any]]: ...


class Appender(Protocol):
    """What is needed of the log."""

    def append(self, record: Record) -> None: ...
    def offer(self, record: Record) -> bool: ...


def create_blueprint(
    log: Appender,
    sources: Sources,
    settings: Settings | None = None,
    clock: Callable[[], float] = time.time,
) -> Blueprint:
    """The tracking API over ``log``; ``sources`` know the write keys."""
    settings = settings or Settings()
    blueprint = Blueprint("tracking", __name__)
    hops = Hops(settings.trusted_proxies)

    def take(kind: str, check: Callable[[bytes], Envelope]) -> Response:
        environ = request.environ
        now = int(clock() * 1000)
        try:
            envelope = check(read_body(environ))
        except BadBody as bad:
            _, source = source_of(environ, None)
            keep_refused(bad, now, source.id if source else 0)
            return answers.bad_body(bad)
        return store(environ, kind, envelope, now)

    def store(environ: dict[str, Any], kind: str, envelope: Envelope, now: int) -> Response:
        key, source = source_of(environ, envelope.write_key)
        if source is None or not source.enabled:
            return unknown(key, source, envelope.raw, now)
        record = Record(
            now, source.id, kind, envelope.raw, hops.client(environ), environ.get("HTTP_USER_AGENT")
        )
        try:
            log.append(record)
        except (LogFull, LogUnavailable) as full:
            return answers.overloaded(full)
        return answers.success()

    def source_of(environ: dict[str, Any], in_body: Any) -> tuple[str | None, Any]:
        first = None
        for key in write_keys_of(environ, in_body):
            source = sources.by_write_key(key)
            if source is not None:
                return key, source
            first = first or key
        return first, None

    def unknown(key: str | None, source: Any, raw: bytes, now: int) -> Response:
        if key is None:
            code, detail = "no_write_key", "the request has no write key"
        elif source is None:
            code, detail = "unknown_write_key", f"no source has the write key {key[:64]!r}"
        else:
            code, detail = "source_disabled", f"the source {source.key} is disabled"
        keep_refused(BadBody(code, detail, raw), now, source.id if source else 0)
        return answers.error(401, code, detail)

    def keep_refused(bad: BadBody, now: int, source: int) -> None:
        log.offer(answers.refused(bad, now, source, hops.client(request.environ)))

    def single(kind: str) -> Callable[[], Response]:
        return lambda: take(kind, check_call)

    paths = dict(zip(TYPES, TYPES, strict=True)) | _LETTERS
    for name, kind in paths.items():
        _route(blueprint, f"/v1/{name}", f"call_{name}", single(kind))
    for name in ("batch", "b", "import"):
        _route(blueprint, f"/v1/{name}", f"batch_{name}", lambda: take("batch", check_batch))
    # RudderStack's SDKs for the browser send here when the page is left.
    _route(blueprint, "/beacon/v1/batch", "batch_beacon", lambda: take("batch", check_batch))
    # Metrics of analytics.js: taken and forgotten, as they tell of the SDK itself.
    _route(blueprint, "/v1/m", "metrics", answers.success)

    @blueprint.get("/v1/pixel/<kind>", strict_slashes=False)
    def image(kind: str) -> Response:
        kind, environ = _LETTERS.get(kind, kind), request.environ
        now = int(clock() * 1000)
        query = request.query_string
        try:
            if kind not in TYPES:
                raise BadBody("unknown_type", f"there is no call {kind[:40]!r}", query)
            raw, write_key = pixel.message_of(query.decode(errors="replace"))
            envelope = check_call(raw)
        except BadBody as bad:
            _, source = source_of(environ, None)
            keep_refused(bad, now, source.id if source else 0)
            return answers.pixel()
        envelope = envelope._replace(write_key=write_key)
        return answers.pixel(store(environ, kind, envelope, now))

    add_sdk_routes(blueprint, sources, settings.public_url, hops)
    blueprint.after_request(cors.allow)

    @blueprint.errorhandler(Exception)
    def unforeseen(found: Exception) -> Response:
        if isinstance(found, HTTPException) and found.code is not None:
            return answers.error(found.code, "http_error", found.description or found.name)
        logger.exception("tracking_failed", path=request.path, error=str(found))
        return answers.error(500, "internal_error", "something went wrong here, try again")

    return blueprint


def _route(blueprint: Blueprint, path: str, name: str, view: Callable[[], Response]) -> None:
    """Answer POST (and the preflight) on ``path``, with and without a slash at its end."""
    more: dict[str, Any] = {"strict_slashes": False, "provide_automatic_options": False}
    blueprint.add_url_rule(path, name, view, methods=["POST"], **more)
    blueprint.add_url_rule(path, f"{name}_preflight", cors.preflight, methods=["OPTIONS"], **more)
