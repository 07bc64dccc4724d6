"""``/api/lists``: lists of texts that conditions ask with ``in list("…")``."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import Schema, fields

from cdp.api.errors import ApiError, not_found, sentence, wrong_fields
from cdp.api.fields import Empty
from cdp.api.room import Room, author, here, page_of
from cdp.conditions.lists import MAX_BYTES, BrokenList, read_values
from cdp.events import format_time
from cdp.store.audiences import lists
from cdp.store.audiences.lists import Listed, ListInUse, NoSuchList

room = Room("lists", "Lists of texts that conditions ask, one value a line.", plain=True)
_BODY = {
    "required": True,
    "description": "One value a line, in UTF-8.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


class ListSchema(Schema):
    """A list as it holds now."""

    key = fields.String()
    version = fields.Integer(metadata={"description": "Each upload of other values is one."})
    values = fields.Integer(metadata={"description": "How many there are, each counted once."})
    at = fields.String()
    author = fields.String()


def shown(item: Listed) -> dict[str, Any]:
    """A list as the API gives it."""
    return {
        "key": item.key,
        "version": item.version,
        "values": item.size,
        "at": format_time(item.at),
        "author": item.author,
    }


@room.on("GET", "/lists", "audiences:read", gives=page_of(ListSchema))
def list_lists() -> dict[str, Any]:
    """List them."""
    with here().store.read() as tx:
        return {"data": [shown(item) for item in lists.all_lists(tx)], "next": None}


@room.on("GET", "/lists/<key>", "audiences:read", gives=ListSchema)
def get_list(key: str) -> dict[str, Any]:
    """One list."""
    try:
        with here().store.read() as tx:
            return shown(lists.find(tx, key))
    except NoSuchList as error:
        raise _absent(error) from None


@room.on(
    "PUT",
    "/lists/<key>",
    "audiences:write",
    gives=ListSchema,
    takes=_BODY,
    max_body=2 * MAX_BYTES,
)
def put_list(key: str) -> dict[str, Any]:
    """Upload a list, or replace all of one. Nothing changes if one line is broken."""
    if lists.KEY.fullmatch(key) is None:
        text = "Small letters, digits and _, a letter first, 60 characters at the most."
        raise wrong_fields({"key": [text]})
    try:
        values = read_values(request.stream)
    except BrokenList as error:
        raise wrong_fields({"values": [str(error)]}) from None
    where = here()
    return shown(lists.put(where.store, where.now(), key, values, author()))


@room.on("POST", "/lists/<key>/revert", "audiences:write", body=Empty, gives=ListSchema)
def revert_list(_body: dict[str, Any], key: str) -> dict[str, Any]:
    """Let the values before the last upload hold again."""
    try:
        with here().store.write() as tx:
            return shown(lists.revert(tx, here().now(), key, author()))
    except NoSuchList as error:
        raise _absent(error) from None


@room.on("DELETE", "/lists/<key>", "audiences:write", gives=Empty)
def remove_list(key: str) -> dict[str, Any]:
    """Remove a list that no condition asks for."""
    where = here()
    try:
        lists.remove(where.store, where.now(), key, author())
    except NoSuchList as error:
        raise _absent(error) from None
    except ListInUse as error:
        raise ApiError(409, "conflict", f"{str(error).capitalize()}.") from None
    return {}


def _absent(error: NoSuchList) -> ApiError:
    return not_found(sentence(error))
