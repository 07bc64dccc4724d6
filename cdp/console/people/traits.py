"""The traits tab of a person: what they are, were at a time, and who set them."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from flask import request
from sqlalchemy import Connection

from cdp.events import parse_time
from cdp.profiles.traits import TraitMap
from cdp.store.profiles import graph
from cdp.store.profiles.graph import ProfileRow
from cdp.store.profiles.trait_history import Said, trait_history, traits_at

#: Values that the tab shows below the traits, and a page of one trait's history.
RECENT, PAGE = 300, 50


class Trait(NamedTuple):
    """A trait: who said so, and when."""

    name: str
    value: Any
    t: int
    source: int
    message_id: str


def current_traits(tx: Connection, profile: int) -> TraitMap:
    """The traits of a profile as they are now."""
    return TraitMap.decode(graph.profile_traits(tx, [profile]).get(profile))


def shown(traits: TraitMap) -> list[Trait]:
    """What is shown of a map, by name."""
    return [
        Trait(name, value, stamp.t, stamp.source, stamp.message_id)
        for name, value, stamp in traits.items()
    ]


def tab(tx: Connection, profile: ProfileRow, traits: TraitMap) -> dict[str, Any]:
    """What the tab shows: one trait's history, the traits at a time, or what they are now."""
    name = request.args.get("trait", "")
    typed = request.args.get("at", "").strip()
    at = parse_time(int(typed) if re.fullmatch("[0-9]{1,15}", typed) else typed)
    found: dict[str, Any] = {
        "one": name,
        "said": [],
        "following": None,
        "first": True,
        "at": typed,
        "at_t": at,
        "then": None,
        "past": {},
        "older": False,
    }
    if name:
        after = _place(request.args.get("next", ""))
        page = trait_history(tx, profile.id, profile.collection, name, PAGE, after)
        found |= {"said": page.rows, "first": after is None}
        if page.next is not None:
            t, seq, done = page.next  # one trait: on to the next message
            found["following"] = f"{t}-{seq - 1 if done else seq}"
    elif at is not None:
        then = traits_at(tx, profile.id, profile.collection, traits, at)
        found["then"] = shown(then)
    else:
        page = trait_history(tx, profile.id, profile.collection, limit=RECENT)
        found |= {"past": _changes(page.rows), "older": page.next is not None}
    return found


def _changes(rows: list[Said]) -> dict[str, list[Said]]:
    """Of each trait the messages that changed it, newest first."""
    found: dict[str, list[Said]] = {}
    for row in reversed(rows):
        said = found.setdefault(row.name, [])
        if not said or (type(said[-1].value), said[-1].value) != (type(row.value), row.value):
            said.append(row)
    return {name: said[::-1] for name, said in found.items()}


def _place(text: str) -> tuple[int, int, str] | None:
    found = re.fullmatch(r"(-?[0-9]{1,18})-([0-9]{1,18})", text)
    return (int(found[1]), int(found[2]), "") if found else None
