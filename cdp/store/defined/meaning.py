"""What a condition stands for just now: all that it names put in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from cdp.conditions import Context, check
from cdp.conditions.expand import expand
from cdp.conditions.parser import parse_text
from cdp.conditions.size import check_size
from cdp.definitions import Body, Id
from cdp.definitions.space import Space
from cdp.definitions.words import inlined, readable
from cdp.store.audiences import membership
from cdp.store.defined import defining


def whole(
    tx: Connection, text: str, id_: Id = ("audience", "-"), bodies: Mapping[Id, Body] | None = None
) -> Any:
    """The condition over a person with all that it stands for; `ConditionError`.

    Audiences that are not worked out yet stand in it with their conditions. ``bodies`` are
    all definitions, ``id_`` names the one whose condition it is.
    """
    bodies = bodies if bodies is not None else defining.bodies(defining.load(tx))
    bodies = {id_: {"who": text}, **bodies}
    check(parse_text(text).root, Context.PERSON)
    states = membership.states(tx, "audience")
    live = {key for key, state in states.items() if state.state == "live"}
    inside = {
        key: body["who"]
        for (kind, key), body in bodies.items()
        if kind == "audience" and key not in live and key != id_[1]
        if "who" in body and not body.get("archived")
    }
    found = expand(inlined(parse_text(text).root, readable(inside)), Space(bodies).made(id_))
    check_size(found)
    return found
