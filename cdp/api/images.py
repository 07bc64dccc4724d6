"""``/api/images``: the images that messages show."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import Schema, fields, validate

from cdp.api.errors import ApiError, not_found, wrong_fields
from cdp.api.fields import Empty, PageQuery, no_nul
from cdp.api.room import Room, author, here, page_of
from cdp.delivery.messages.letters import base_url
from cdp.events import format_time
from cdp.messaging.images import BadImage, read_image
from cdp.store.messages import images
from cdp.store.messages.images import ImageUsed, Kept, NoRoom

room = Room("images", "Images that messages show, under addresses that never change.", plain=True)

#: More than an image may have, so that what is too large is told in words.
MAX_UPLOAD = 8 * 1024 * 1024
_FILE = {
    "required": True,
    "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
}


class ImageSchema(Schema):
    """An image; ``hash`` names its content."""

    hash = fields.String()
    name = fields.String()
    type = fields.String(metadata={"description": "png, jpeg, gif or webp."})
    width = fields.Integer(metadata={"description": "In pixels."})
    height = fields.Integer()
    size = fields.Integer(metadata={"description": "In bytes."})
    address = fields.String(metadata={"description": "What templates say, and mailboxes load."})
    author = fields.String()
    at = fields.String()
    used_by = fields.List(
        fields.Dict(keys=fields.String(), values=fields.String()),
        metadata={"description": "What shows it: kind, key and name of each."},
    )


class ImageQuery(Schema):
    """What the image is called."""

    name = fields.String(load_default="Image", validate=[validate.Length(1, 100), no_nul])


def _shown(found: Kept, users: list[images.User]) -> dict[str, Any]:
    return {
        **found._asdict(),
        "address": f"{base_url(here().settings)}{found.path}",
        "at": format_time(found.at),
        "used_by": [user._asdict() for user in users],
    }


@room.on("GET", "/images", "templates:read", query=PageQuery, gives=page_of(ImageSchema))
def list_images(query: dict[str, Any]) -> dict[str, Any]:
    """List images, the last uploaded first."""
    limit, at = query["limit"], query.get("next", "")
    time_, _, hash_ = at.partition("-")
    if at and not (time_.isascii() and time_.isdigit() and len(time_) < 19 and hash_.isalnum()):
        raise wrong_fields({"next": ["It is no place in this list."]})
    with here().store.read() as tx:
        found = images.newest(tx, limit + 1, (int(time_), hash_) if at else None)
        users = images.users(tx)
    last = found[limit - 1] if len(found) > limit else None
    return {
        "data": [_shown(one, users.get(one.hash, [])) for one in found[:limit]],
        "next": f"{last.at}-{last.hash}" if last is not None else None,
    }


@room.on(
    "POST", "/images", "templates:write", query=ImageQuery, gives=ImageSchema, status=201,
    takes=_FILE, max_body=MAX_UPLOAD,
)  # fmt: skip
def add_image(query: dict[str, Any]) -> dict[str, Any]:
    """Keep an image, which is the body: PNG, JPEG, GIF or WebP, 2 MB at most.

    The same content is kept once: a second time answers with the image that there is.
    """
    try:
        image = read_image(request.get_data(cache=False))
    except BadImage as error:
        raise wrong_fields({"body": [f"It is not kept: {error}."]}) from None
    where = here()
    try:
        with where.store.write() as tx:
            room_ = where.settings.images_room
            made = images.add(tx, where.now(), author(), query["name"], image, room_)
            users = images.users(tx).get(made.hash, [])
    except NoRoom as error:
        raise ApiError(409, "conflict", f"It is not kept: {error}.") from None
    return _shown(made, users)


@room.on("GET", "/images/<hash_>", "templates:read", gives=ImageSchema)
def get_image(hash_: str) -> dict[str, Any]:
    """An image, and what shows it."""
    with here().store.read() as tx:
        found = images.get(tx, hash_)
        if found is None:
            raise not_found("There is no such image.")
        return _shown(found, images.users(tx).get(hash_, []))


@room.on("DELETE", "/images/<hash_>", "templates:write", gives=Empty)
def remove_image(hash_: str) -> dict[str, Any]:
    """Remove an image that nothing shows; messages that were sent with it lose it."""
    where = here()
    try:
        with where.store.write() as tx:
            gone = images.remove(tx, where.now(), author(), hash_)
    except ImageUsed as used:
        raise ApiError(409, "conflict", f"It is shown by {used}.") from None
    if not gone:
        raise not_found("There is no such image.")
    return {}
