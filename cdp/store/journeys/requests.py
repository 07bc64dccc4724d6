"""Launches that somebody asked for, and what was decided about them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from cdp.store import meta
from cdp.store.tables import journey_requests

WAITING, APPROVED, REFUSED, WITHDRAWN = "waiting", "approved", "refused", "withdrawn"
#: What holds for all journeys, as JSON under this key of `meta`.
SPACE = "journey_approval"
_c = journey_requests.c


class Request(NamedTuple):
    """A launch that somebody asked for: ``args`` are `people` and `enter` of it."""

    id: int
    journey: str
    version: int
    args: dict[str, Any]
    author: str
    at: int
    state: str
    decided_by: str | None
    decided_at: int | None
    reason: str | None


def add(
    tx: Connection, journey: str, version: int, args: Mapping[str, Any], author: str, now: int
) -> int:
    """Ask for a launch in place of what waits; the number of the request."""
    still = (_c.journey == journey, _c.state == WAITING)
    gone = {"state": WITHDRAWN, "decided_by": author, "decided_at": now}
    tx.execute(update(journey_requests).where(*still).values(**gone))
    number = meta.take_numbers(tx, "journey_request", 1)
    tx.execute(
        insert(journey_requests).values(
            id=number, journey=journey, version=version, args=json.dumps(dict(args)),
            author=author, at=now, state=WAITING,
        )
    )  # fmt: skip
    return number


def of(tx: Connection, journey: str, limit: int = 50) -> list[Request]:
    """The newest requests for a journey."""
    statement = select(journey_requests).where(_c.journey == journey)
    found = tx.execute(statement.order_by(_c.id.desc()).limit(limit))
    return [Request(*row)._replace(args=json.loads(row.args)) for row in found]


def waiting(tx: Connection, journey: str) -> Request | None:
    """What waits for somebody's word."""
    return next((one for one in of(tx, journey, 1) if one.state == WAITING), None)


def end(tx: Connection, id_: int, state: str, by: str, reason: str, now: int) -> None:
    """Note what was decided."""
    values = {"state": state, "decided_by": by, "decided_at": now, "reason": reason or None}
    tx.execute(update(journey_requests).where(_c.id == id_).values(**values))


def space_rule(tx: Connection) -> dict[str, Any] | None:
    """What holds for all journeys: ``role`` and ``other``; None: nothing."""
    found = meta.get(tx, SPACE)
    return json.loads(found) if found else None


def put_space_rule(tx: Connection, rule: Mapping[str, Any] | None) -> None:
    """Say what holds for all journeys."""
    meta.put(tx, SPACE, json.dumps(dict(rule)) if rule is not None else "")
