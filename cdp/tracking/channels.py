"""What comes to channels from outside: ``/channels/<key of the destination>/<path>``.

Webhooks of providers, and the clients of people. Who sends them is the channel's to check
(signatures, signed user tokens); no cookie and no token of ours is looked at, so any page
may call.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol
from urllib.parse import quote

import structlog
from flask import Blueprint, Response, request

from cdp.config import Settings
from cdp.delivery.receivers import Misconfigured, Receiver
from cdp.plugin import Forged, Inbound, PluginError, Reply, Report
from cdp.tracking import cors
from cdp.tracking.address import Hops

logger = structlog.get_logger(__name__)

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
#: Seconds after which somebody is asked to come back.
_BUSY_S, _BROKEN_S = 30, 60

#: Keeps what a reply reported of the messages of a channel.
Recorder = Callable[[Receiver, list[Report]], None]


class Finder(Protocol):
    """What is needed of `cdp.delivery.receivers.Receivers`."""

    def find(self, name: str) -> Receiver | None: ...
    def failed(self, plugin: str, error: BaseException) -> None: ...


class _Unreadable(ValueError):
    """A body that is too large, or was cut short."""


class Streams:
    """Counts the replies that are held open: each has a thread of the server to itself."""

    def __init__(self, limit: int) -> None:
        self._places = threading.BoundedSemaphore(limit) if limit else None

    def open(self, body: Iterator[bytes]) -> Stream | None:
        """``body``, counted until it ends; None if there are as many as there may be."""
        if self._places is None or not self._places.acquire(blocking=False):
            return None
        return Stream(body, self._places.release)


class Stream:
    """A body that is sent as it comes. ``close`` is called by the server, begun or not."""

    def __init__(self, body: Iterator[bytes], ended: Callable[[], None]) -> None:
        self._body, self._ended = body, ended
        self._lock = threading.Lock()
        self._open = True

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._body)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it; once."""
        with self._lock:
            was, self._open = self._open, False
        if was:
            self._ended()
            _close(self._body)


def create_channels_blueprint(
    receivers: Finder, record_reports: Recorder, settings: Settings
) -> Blueprint:
    """The routes under ``/channels``; what replies report goes to ``record_reports``."""
    blueprint = Blueprint("channels", __name__, url_prefix="/channels")
    hops, streams = Hops(settings.trusted_proxies), Streams(settings.open_streams)

    def take(name: str, path: str) -> Response:
        found = receivers.find(name)
        if found is None:
            return _refusal(404, f"there is no channel {name[:64]!r}")
        channel = found.channel
        inbound = _inbound(path, hops, settings.public_url, channel.max_request_bytes)
        try:
            reply = channel.receive(inbound)
        except (Forged, PluginError):
            raise
        except Exception as error:
            receivers.failed(channel.key, error)
            raise
        if reply is None:
            return _refusal(404, "this channel has no such address")
        if reply.reports:
            # Kept before it is answered: who gets no answer tells us again.
            record_reports(found, reply.reports)
        return answer(reply)

    def answer(reply: Reply) -> Response:
        body: Any = reply.body
        if not isinstance(body, bytes):
            body = streams.open(body)
            if body is None:
                _close(reply.body)
                return _refusal(503, "as many streams are open as may be, poll instead", _BUSY_S)
        return Response(body, reply.status, reply.headers, content_type=reply.type)

    def channel(name: str, path: str) -> Response:
        try:
            return take(name, path)
        except Forged as forged:
            logger.warning("forged_request", channel=name[:64], reason=str(forged)[:200])
            return _refusal(401, str(forged) or "the signature is wrong")
        except _Unreadable as unread:
            return _refusal(413, str(unread))
        except PluginError as later:
            return _refusal(503, str(later)[:500], _BROKEN_S)
        except Misconfigured:
            return _refusal(503, "the settings of this destination are wrong", _BROKEN_S)
        except Exception:
            logger.exception("receiving_failed", channel=name[:64], path=path[:200])
            return _refusal(503, "something went wrong here, try again", _BROKEN_S)

    def preflight(name: str, path: str) -> Response:
        response = cors.preflight()
        response.headers["Access-Control-Allow-Methods"] = ", ".join(_METHODS)
        return response

    for rule, given in (("/<name>/", {"path": ""}), ("/<name>/<path:path>", {})):
        for view, methods in ((channel, _METHODS), (preflight, ["OPTIONS"])):
            blueprint.add_url_rule(
                rule, view.__name__, view, defaults=given, methods=methods,
                provide_automatic_options=False,
            )  # fmt: skip

    @blueprint.after_request
    def finish(response: Response) -> Response:
        headers = response.headers
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = "Retry-After"
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        headers["X-Content-Type-Options"] = "nosniff"
        # Whatever a channel answers, it is no page of the console's origin.
        headers.setdefault("Content-Security-Policy", "default-src 'none'; sandbox")
        headers.setdefault("Cache-Control", "no-store")
        return response

    return blueprint


def _inbound(path: str, hops: Hops, public_url: str | None, most: int) -> Inbound:
    """The request as channels see it. Raises `_Unreadable`."""
    environ = request.environ
    promised = request.content_length
    if promised is not None and promised > most:
        raise _Unreadable(f"the request has {promised:,} bytes, {most:,} are allowed")
    body = environ["wsgi.input"].read(most + 1 if promised is None else promised)
    if len(body) > most:
        raise _Unreadable(f"the request has over {most:,} bytes")
    if promised is not None and len(body) < promised:
        raise _Unreadable(f"{len(body):,} of {promised:,} bytes arrived")
    base = (public_url or hops.base(environ)).rstrip("/")
    url = base + quote(request.path, safe="/:@!$&'()*+,;=~-._%")
    if query := environ.get("QUERY_STRING"):
        url += f"?{query}"
    return Inbound(
        method=request.method,
        path=path,
        url=url,
        query=request.args.to_dict(),
        headers={name.lower(): value for name, value in request.headers},
        body=body,
        remote=hops.remote(environ),
    )


def _refusal(status: int, text: str, after: int | None = None) -> Response:
    response = Response(json.dumps({"error": text}), status, content_type="application/json")
    if after is not None:
        response.headers["Retry-After"] = str(after)
    return response


def _close(body: Any) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()
