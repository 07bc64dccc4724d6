"""Who would be in an audience: counted before anybody saves it."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import abort, render_template, request
from sqlalchemy import Connection

from cdp.conditions import ConditionError, Context, check
from cdp.conditions.expand import expand
from cdp.conditions.parser import parse_text
from cdp.conditions.size import check_size
from cdp.console.context import console
from cdp.definitions import Body, Id, title_of
from cdp.definitions.space import Space
from cdp.definitions.words import inlined, readable
from cdp.store import counting, defining, membership
from cdp.store import preview as previews
from cdp.store.tables import ACCOUNTS, USERS

OVERLAPS = 5


class Overlap(NamedTuple):
    """How many of those who would be in it are in another audience, and their share."""

    key: str
    name: str
    people: int
    share: float


def preview() -> str:
    """The piece of a page with the count, a few of the people, and other audiences of theirs."""
    text, of = request.form.get("text", ""), request.form.get("of", "people")
    # A key that nothing has stands for one that is new.
    id_, now = ("audience", request.form.get("key") or "-"), console().now()
    accounts = of == "accounts"
    collection = ACCOUNTS if accounts else USERS
    with console().store.read() as tx:
        bodies = {**defining.bodies(defining.load(tx)), id_: {"who": text, "of": of}}
        try:
            condition = _whole(tx, id_, text, bodies)
        except ConditionError as error:
            abort(400, error.located)
        counted = counting.count_people(tx, condition, now, collection, show=previews.SHOWN)
        people = previews.shown(tx, counted)
        shared = previews.overlaps(tx, condition, now, collection)
    overlaps = [
        Overlap(one.key, title_of(one.key, bodies["audience", one.key]), one.people, 0.0)
        for one in shared
        if one.key != id_[1] and ("audience", one.key) in bodies
    ]
    return render_template(
        "console/audience_preview.html",
        counted=counted,
        share=counted.people / counted.of if counted.of else 0.0,
        people=people,
        overlaps=[
            one._replace(share=min(one.people / counted.people, 1.0) if counted.people else 0.0)
            for one in overlaps[:OVERLAPS]
        ],
        noun="account" if accounts else "person",
        nouns="accounts" if accounts else "people",
    )


def _whole(tx: Connection, id_: Id, text: str, bodies: dict[Id, Body]) -> Any:
    """The condition with all that it stands for.

    Audiences that are not worked out yet stand in it with their conditions.
    """
    check(parse_text(text).root, Context.PERSON)
    states = membership.states(tx, "audience")
    live = {key for key, state in states.items() if state.state == "live"}
    inside = {
        key: body["who"]
        for (kind, key), body in bodies.items()
        if kind == "audience" and key not in live and key != id_[1]
        if "who" in body and not body.get("archived")
    }
    whole = expand(inlined(parse_text(text).root, readable(inside)), Space(bodies).made(id_))
    check_size(whole)
    return whole
