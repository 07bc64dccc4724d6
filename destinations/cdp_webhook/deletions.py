"""Deleted people as calls of type ``delete``, in the form of Segment's other calls."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

#: Identifiers in one call at most.
MOST = 500

Identifier = tuple[str, str]
T = TypeVar("T")


def deletions(identifiers: Sequence[Identifier], now: datetime) -> list[dict[str, Any]]:
    """The calls that say that the people of ``identifiers`` (sorted) were deleted.

    One for each user id. All others stand in ``context.externalIds``: beside the user id where
    there is one alone, otherwise in calls of their own, since nobody knows any more whose
    they were.
    """
    users = [value for type_, value in identifiers if type_ == "user_id"]
    others = [item for item in identifiers if item[0] != "user_id"]
    if len(users) == 1 and len(others) <= MOST:
        return [_call(users[0], others, now)]
    calls = [_call(user, (), now) for user in users]
    return calls + [_call(None, some, now) for some in batched(others, MOST)]


def _call(user: str | None, others: Sequence[Identifier], now: datetime) -> dict[str, Any]:
    named = "".join(f"{type_}\0{value}\0" for type_, value in others)
    digest = hashlib.blake2b(f"{user}\0{named}".encode(), digest_size=16).hexdigest()
    call: dict[str, Any] = {
        "type": "delete",
        "messageId": f"delete-{digest}",
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if user is not None:
        call["userId"] = user
    anonymous = [value for type_, value in others if type_ == "anonymous_id"]
    if len(anonymous) == 1:
        call["anonymousId"] = anonymous[0]
    if others:
        call["context"] = {
            "externalIds": [
                {"id": value, "type": type_, "collection": "users", "encoding": "none"}
                for type_, value in others
            ]
        }
    return call


def batched(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """``items`` in pieces of ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
