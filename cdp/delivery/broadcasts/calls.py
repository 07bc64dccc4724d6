"""Calls of a broadcast: each goes to the people that it names, with data of its own.

The shapes are Customer.io's (customer.io: App API, broadcast triggers).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection

from cdp.delivery.broadcasts import named, who
from cdp.delivery.broadcasts.filters import BadFilter, condition_of
from cdp.delivery.broadcasts.turns import turns
from cdp.messaging.broadcasts import states
from cdp.messaging.broadcasts.plan import plan_of
from cdp.store.messages import broadcast_people, broadcasts
from cdp.store.messages.broadcasts import Broadcast
from cdp.store.messages.deliveries import pack

#: Bytes of ``data``; people in one call; calls that may be on their way at once.
MAX_DATA, MAX_NAMED, MAX_CALLS = 50_000, 10_000, 5
#: Faults of a call that are kept.
MAX_FAULTS = 100
WAYS = ("recipients", "ids", "emails", "per_user_data", "data_file_url")
FLAGS = ("id_ignore_missing", "email_ignore_missing", "email_add_duplicates")
_encode = msgspec.json.Encoder().encode


class BadCall(ValueError):
    """A call that is not taken; the text says why."""


class TooMany(RuntimeError):
    """So many calls are on their way that another has to wait."""


class Called(NamedTuple):
    """A call that was kept; with ``faults`` it goes to nobody."""

    row: Broadcast
    faults: list[dict[str, str]]


def call(tx: Connection, id_: int, body: Mapping[str, Any], author: str, now: int) -> Called:
    """Let a broadcast go to those whom ``body`` names; `BadCall`, `TooMany`, `NotNow`."""
    parent = broadcasts.hold(tx, id_)
    states.check("call", parent.state)
    busy = [row for row in broadcasts.calls_of(tx, id_, 200) if row.state not in states.OVER]
    if len(busy) >= MAX_CALLS:
        raise TooMany(f"{len(busy)} calls of this broadcast are on their way")
    way, data = _read(body)
    flags = {name: bool(body.get(name)) for name in FLAGS if body.get(name)}
    brought: dict[str, Any] = {"trigger": data, "flags": flags}
    entries = _entries(way, body)
    if way == "recipients":
        try:
            brought["who"] = {"condition": condition_of(body["recipients"])}
            who.known(tx, brought["who"])
        except (BadFilter, who.NoPeople) as error:
            raise BadCall(f"recipients: {error}") from None
    elif way == "data_file_url":
        brought["file"] = body["data_file_url"]
    elif way is None and not parent.body.get("who"):
        raise BadCall("say recipients, ids, emails, per_user_data or data_file_url: "
                      "the broadcast itself names nobody")  # fmt: skip
    made = broadcasts.add(
        tx, None, parent.body, author, now, parent=id_, state=states.SCHEDULED, begins_at=now,
        data=brought,
    )  # fmt: skip
    if entries is None:
        return Called(made, [])
    return _named(tx, made, entries, flags, now)


def _named(
    tx: Connection,
    made: Broadcast,
    entries: list[dict[str, Any]],
    flags: Mapping[str, bool],
    now: int,
) -> Called:
    """The people that a call names are chosen in the transaction that takes it."""
    found = named.resolve(tx, entries, flags)
    if found.faults:
        broadcasts.change(
            tx, made.id, state=states.FAILED, ended_at=now,
            error=f"{len(found.faults)} of the people can't be sent to",
            data=pack({**made.brought, "faults": found.faults[:MAX_FAULTS]}),
        )  # fmt: skip
        return Called(broadcasts.get(tx, made.id), found.faults)
    plan = plan_of(made.body)
    chosen = turns(tx, made.parent or made.id, plan, list(found.people), now, found.people)
    broadcast_people.add(tx, made.id, chosen)
    broadcasts.change(
        tx, made.id, state=states.SENDING, as_of=now, people=len(chosen),
        held_out=sum(item.wave < 0 for item in chosen),
    )  # fmt: skip
    return Called(broadcasts.get(tx, made.id), [])


def _read(body: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
    unknown = sorted(set(body) - {"data", *WAYS, *FLAGS})
    if unknown:
        raise BadCall(f"there is no field {unknown[0]!r:.60}")
    data = body.get("data") or {}
    if not isinstance(data, dict):
        raise BadCall("data must be an object")
    if len(_encode(data)) > MAX_DATA:
        raise BadCall(f"data has more than {MAX_DATA:,} bytes")
    # Customer.io's client for Go sends recipients: {} where nobody is named.
    given = [name for name in WAYS if body.get(name) not in (None, {}, [], "")]
    if len(given) > 1:
        raise BadCall(f"say one of {' and '.join(given)}")
    return (given[0] if given else None), data


def _entries(way: str | None, body: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The people named one by one; None where they are not."""
    if way == "data_file_url":
        url = body[way]
        if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
            raise BadCall("data_file_url must be an address with http or https")
        return None
    if way not in ("ids", "emails", "per_user_data"):
        return None
    given = body[way]
    if not isinstance(given, list):
        raise BadCall(f"{way} must be a list")
    if len(given) > MAX_NAMED:
        raise BadCall(f"{way} has more than {MAX_NAMED:,} entries: use data_file_url")
    if way == "per_user_data":
        if not all(isinstance(item, dict) for item in given):
            raise BadCall("per_user_data: each entry must be an object")
        return given
    return [{"id" if way == "ids" else "email": item} for item in given]
