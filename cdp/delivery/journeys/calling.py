"""Beginning runs by a call: of the API with people and data for each, or from outside.

A call becomes an event in the log, like anything that somebody did (`TRIGGERED`), so that it
is durable before it is answered and begins runs in its turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import Connection

from cdp.delivery.journeys.there import Refused, body_of, launched
from cdp.events import at_path, format_time
from cdp.journeys.triggers import TRIGGERED
from cdp.messaging.calls import message_id
from cdp.messaging.choices import who_of
from cdp.store.journeys.launched import LIVE
from cdp.store.messages import emissions

#: People in one call, and bytes of one's data.
MOST_PEOPLE, MOST_DATA = 10_000, 30_000
#: How a person may be named, and the identifier that it is.
NAMES = {"user_id": "user_id", "id": "user_id", "email": "email", "anonymous_id": "anonymous_id"}


class Called(NamedTuple):
    """A person whom a call is about, with their data."""

    person: Mapping[str, str]
    data: Mapping[str, Any]


def begin(
    tx: Connection, key: str, people: Sequence[Called], by: str, now: int, ref: str | None = None
) -> int:
    """Let people enter by a call; how many. `Refused`, `NoSuchJourney`.

    ``by`` is ``api`` or ``webhook``, as the journey's trigger says. A call that is made again
    with the same ``ref`` begins nothing anew.
    """
    row = launched(tx, key)
    trigger = trigger_of(tx, key, row.version)
    if not trigger.get(by):
        raise Refused(f"the journey {key} is not begun by {_WORDS[by]}")
    if row.state != LIVE:
        raise Refused(f"the journey {key} is {row.state}: nobody can enter")
    if len(people) > MOST_PEOPLE:
        raise Refused(f"a call is about {MOST_PEOPLE:,} people at most; here are {len(people):,}")
    ref = ref or uuid4().hex
    events: list[tuple[int | None, int, dict[str, Any]]] = []
    for number, item in enumerate(people):
        who = who_of(item.person)
        if who is None:
            raise Refused(f"people[{number}]: say one of {', '.join(NAMES)}")
        events.append(
            (
                None,
                0,  # whoever brings it into the log knows the source
                {
                    "type": "track",
                    "event": TRIGGERED,
                    "messageId": message_id(f"called:{key}:{ref}:{number}"),
                    "timestamp": format_time(now),
                    "properties": {**item.data, "journey": key, "by": by},
                    **who,
                },
            )
        )
    emissions.add(tx, events, now)
    return len(events)


_WORDS = {"api": "calls of the API (trigger: { api: true })",
          "webhook": "calls from outside (trigger: { webhook: true })"}  # fmt: skip


def trigger_of(tx: Connection, key: str, version: int) -> Mapping[str, Any]:
    """The trigger of a version, as it is written."""
    found: Mapping[str, Any] = body_of(tx, key, version)[1]["trigger"]
    return found


def from_outside(trigger: Mapping[str, Any], body: Mapping[str, Any]) -> Called:
    """Whom a body from outside is about, by the trigger's ``person``; `Refused`."""
    path = trigger.get("person") or "userId"
    value = at_path(dict(body), tuple(path.split(".")))
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise Refused(f"the body has no user id at {path}")
    return Called({"user_id": str(value)}, body)
