"""Fields that several rooms of the admin API share."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from cdp.api import cursors
from cdp.events import parse_time

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
MAX_NAME = 100
MAX_LIMIT = 200


def no_nul(value: str) -> None:
    """Refuse a text that Postgres can't hold."""
    if "\0" in value:
        raise ValidationError("It must not hold a NUL character.")


class Words(fields.String):
    """A text of at most 500 characters."""

    def __init__(self, **more: Any) -> None:
        super().__init__(validate=[validate.Length(max=500), no_nul], **more)


class Key(fields.String):
    """The name by which commands and addresses call a thing; it never changes."""

    def __init__(self, **more: Any) -> None:
        text = "Small letters, digits, - and _, 60 at most, a letter or digit first."
        super().__init__(validate=_matches(KEY, text), **more)


class Name(fields.String):
    """What people call a thing."""

    def __init__(self, **more: Any) -> None:
        super().__init__(validate=[validate.Length(min=1, max=MAX_NAME), no_nul], **more)


def _matches(pattern: re.Pattern[str], text: str) -> Any:
    def check(value: str) -> None:
        if not pattern.fullmatch(value):
            raise ValidationError(text)

    return check


class PageQuery(Schema):
    """Which part of a list."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, MAX_LIMIT))
    next = fields.String(metadata={"description": "From the page before."})


def moment(text: str) -> int | None:
    """A time in ISO 8601, or in milliseconds, as milliseconds since 1970."""
    number = re.fullmatch(r"-?[0-9]{1,15}", text)
    return parse_time(int(text) if number else text)


class Moment(fields.String):
    """A time as `moment` reads it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        found = moment(super()._deserialize(value, attr, data, **more))
        if found is None:
            raise ValidationError("It must be a time as in ISO 8601, or in milliseconds.")
        return found


class Empty(Schema):
    """Nothing."""


def place(query: dict[str, Any]) -> int | None:
    """The number that the cursor of a query stands for."""
    return cursors.decode_place(query["next"]) if "next" in query else None


def following(rows: list[Any], limit: int, number: int | None) -> str | None:
    """The cursor behind a page, if it is full."""
    full = len(rows) == limit and number is not None
    return cursors.encode(number) if full and number is not None else None
