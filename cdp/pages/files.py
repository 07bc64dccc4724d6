"""``/files/<hash>.<type>``: the images of messages, for everybody who has their address."""

from __future__ import annotations

from flask import Blueprint, Response, abort, request

from cdp.messaging.images import TYPES
from cdp.store import Store
from cdp.store.messages import images

#: What an address shows never changes: another image has another address.
_FOREVER = "public, max-age=31536000, immutable"


def add(blueprint: Blueprint, store: Store) -> None:
    """Add the images."""

    @blueprint.get("/files/<hash_>.<type_>")
    def image(hash_: str, type_: str) -> Response:
        with store.read() as tx:
            kept = images.get(tx, hash_) if type_ in TYPES and hash_.isalnum() else None
            if kept is None or kept.type != type_:
                abort(404)
            fresh = kept.hash in request.if_none_match
            data = None if fresh else images.data_of(tx, hash_)
        response = Response(data, status=304 if fresh else 200, mimetype=TYPES[type_])
        response.set_etag(kept.hash)
        response.headers["Cache-Control"] = _FOREVER
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        # Mail in a browser, and an app's pages, are other origins.
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response
