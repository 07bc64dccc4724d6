"""The routes of the tracking API."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from flask import Blueprint, Response, request

from cdp.config import Settings
from cdp.events.message import TYPES
from cdp.log import LogFull, LogUnavailable, Record
from cdp.tracking import answers, cors, pixel
from cdp.tracking.address import client_address
from cdp.tracking.auth import write_key_of
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
    """Sources by write key."""

    def by_write_key(self, key: str) -> Any: ...


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
    address_of = client_address(settings.trusted_proxies)

    def take(kind: str, check: Callable[[bytes], Envelope]) -> Response:
        environ = request.environ
        now = int(clock() * 1000)
        try:
            envelope = check(read_body(environ))
        except BadBody as bad:
            key = write_key_of(environ, None)
            source = sources.by_write_key(key) if key else None
            keep_refused(bad, now, source.id if source else 0)
            return answers.bad_body(bad)
        return store(kind, envelope, now)

    def store(kind: str, envelope: Envelope, now: int) -> Response:
        environ = request.environ
        key = write_key_of(environ, envelope.write_key)
        source = sources.by_write_key(key) if key else None
        if source is None or not source.enabled:
            return unknown(key, source, envelope.raw, now)
        record = Record(
            now, source.id, kind, envelope.raw, address_of(environ), environ.get("HTTP_USER_AGENT")
        )
        try:
            log.append(record)
        except (LogFull, LogUnavailable) as full:
            return answers.overloaded(full)
        return answers.success()

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
        log.offer(answers.refused(bad, now, source, address_of(request.environ)))

    def single(kind: str) -> Callable[[], Response]:
        return lambda: take(kind, check_call)

    paths = {name: kind for kind in TYPES for name in (kind,)} | _LETTERS
    for name, kind in paths.items():
        _route(blueprint, f"/v1/{name}", f"call_{name}", single(kind))
    for name in ("batch", "b", "import"):
        _route(blueprint, f"/v1/{name}", f"batch_{name}", lambda: take("batch", check_batch))
    # Metrics of analytics.js: taken and forgotten, as they tell of the SDK itself.
    _route(blueprint, "/v1/m", "metrics", answers.success)

    @blueprint.get("/v1/pixel/<kind>")
    def image(kind: str) -> Response:
        kind = _LETTERS.get(kind, kind)
        now = int(clock() * 1000)
        try:
            if kind not in TYPES:
                raise BadBody("unknown_type", f"there is no call {kind[:40]!r}", b"")
            raw, write_key = pixel.message_of(request.query_string.decode(errors="replace"))
            envelope = check_call(raw)
        except BadBody as bad:
            keep_refused(bad, now, 0)
            return answers.pixel()
        store(kind, envelope._replace(write_key=write_key), now)
        return answers.pixel()

    add_sdk_routes(blueprint, sources, settings)
    blueprint.after_request(cors.allow)

    @blueprint.errorhandler(Exception)
    def unforeseen(found: Exception) -> Response:
        logger.exception("tracking_failed", path=request.path, error=str(found))
        return answers.error(500, "internal_error", "something went wrong here, try again")

    return blueprint


def _route(blueprint: Blueprint, path: str, name: str, view: Callable[[], Response]) -> None:
    """Answer POST (and the preflight) on ``path``, with and without a slash at its end."""
    blueprint.add_url_rule(path, name, view, methods=["POST"], strict_slashes=False,
                           provide_automatic_options=False)  # fmt: skip
    blueprint.add_url_rule(path, f"{name}_preflight", cors.preflight, methods=["OPTIONS"],
                           strict_slashes=False, provide_automatic_options=False)  # fmt: skip
    blueprint.add_url_rule(path + "/", f"{name}_slash", view, methods=["POST"])
