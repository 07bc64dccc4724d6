"""Whom a broadcast is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection

from cdp.conditions import ConditionError, Context
from cdp.definitions.words import words
from cdp.store import definitions
from cdp.store.audiences import counting, membership
from cdp.store.audiences.counting import Preview
from cdp.store.audiences.matching import count_all
from cdp.store.defined import defining, meaning
from cdp.store.messages import broadcast_people


class NoPeople(ValueError):
    """It can't be said whom a broadcast is for: the audience is gone, or can't be read."""


def chosen(tx: Connection, who: Mapping[str, Any], now: int) -> Iterator[list[int]]:
    """The profiles of all whom ``who`` names, in pieces, each once; `NoPeople`.

    An audience that has been worked out has its members; one that hasn't is asked anew.
    """
    if who.get("everybody"):
        yield from broadcast_people.everybody(tx)
        return
    state = _state(tx, who)
    if state is not None and state.state == "live":
        yield from broadcast_people.members_of(tx, state.id)
        return
    yield from broadcast_people.meeting(tx, _condition(tx, who), now)


def count(tx: Connection, who: Mapping[str, Any], now: int, show: int = 0) -> Preview:
    """How many ``who`` names, and some of them; `NoPeople`."""
    if who.get("everybody"):
        n = count_all(tx)
        some = next(broadcast_people.everybody(tx), [])[:show] if show else []
        return Preview(n, n, n, n, True, 0, frozenset(), tuple(some))
    state = _state(tx, who)
    if state is not None and state.state == "live":
        some = [item.profile for item in membership.page(tx, state.id, 0, show)] if show else []
        n = state.size
        return Preview(n, n, n, count_all(tx), True, 0, frozenset(), tuple(some))
    return counting.count_people(tx, _condition(tx, who), now, show=show)


def in_words(tx: Connection, who: Mapping[str, Any]) -> str:
    """Whom it is for, in a few words."""
    if who.get("everybody"):
        return "everybody"
    if "audience" in who:
        found = definitions.current(tx, "audience", who["audience"])
        return str((found.body or {}).get("name") or who["audience"]) if found else who["audience"]
    return str(who.get("condition", "nobody yet"))


def _state(tx: Connection, who: Mapping[str, Any]) -> membership.State | None:
    if "audience" not in who:
        return None
    key = who["audience"]
    found = definitions.current(tx, "audience", key)
    if found is None or found.body is None:
        raise NoPeople(f"there is no audience {key}")
    if found.body.get("of") == "accounts":
        raise NoPeople(f"the audience {key} is one of accounts; messages go to people")
    if found.body.get("archived"):
        raise NoPeople(f"the audience {key} is archived")
    return membership.states(tx, "audience", key).get(key)


def _condition(tx: Connection, who: Mapping[str, Any]) -> Any:
    bodies = defining.bodies(defining.load(tx))
    try:
        if "audience" in who:
            id_ = ("audience", who["audience"])
            return meaning.whole(tx, bodies[id_]["who"], id_, bodies)
        if "condition" not in who:
            raise NoPeople("it is not said whom it is for")
        for use in words(who["condition"], Context.PERSON, "who"):
            if use.word.of == "audience" and ("audience", use.word.text) not in bodies:
                raise NoPeople(f"there is no audience {use.word.text}")
        return meaning.whole(tx, who["condition"], bodies=bodies)
    except ConditionError as error:
        raise NoPeople(error.located) from None


def known(tx: Connection, who: Mapping[str, Any]) -> None:
    """`NoPeople` if it can't be said whom ``who`` names."""
    if who.get("everybody"):
        return
    if _state(tx, who) is None:
        _condition(tx, who)
