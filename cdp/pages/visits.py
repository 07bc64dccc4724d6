"""``/e/…``: the pixel that tells of an opening, and links that count clicks."""

from __future__ import annotations

import base64
import time

from flask import Blueprint, Response, request

from cdp.delivery.messages.seen import Seeing, Seen
from cdp.messaging.machines import Guess, Visit, of_visit
from cdp.pages.finish import missing
from cdp.pages.known import Known

#: One transparent pixel.
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def add(blueprint: Blueprint, known: Known, seeing: Seeing) -> None:
    """Add the addresses that count."""

    @blueprint.get("/e/o/<name>.gif")
    def opened(name: str) -> Response:
        number = known.number(name)
        if number is None:
            return Response(GIF, 404, content_type="image/gif")
        seeing.take(Seen(number, _now(), _guess()), wait_s=0)
        return Response(GIF, content_type="image/gif")

    @blueprint.get("/e/c/<name>/<signature>/<address>")
    def clicked(name: str, signature: str, address: str) -> Response:
        number = known.number(name)
        url = known.url(name, signature, address) if number is not None else None
        if number is None or url is None or not url.lower().startswith(("http://", "https://")):
            return missing()
        seeing.take(Seen(number, _now(), _guess(), url))
        response = Response(status=302)
        response.headers["Location"] = url
        return response


def _guess() -> Guess:
    return of_visit(Visit(request.method, {key.lower(): v for key, v in request.headers}))


def _now() -> int:
    return int(time.time() * 1000)
