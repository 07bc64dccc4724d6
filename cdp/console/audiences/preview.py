"""Who would be in an audience, and how that went: counted before anybody saves it."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from flask import abort, render_template, request
from sqlalchemy import Connection

from cdp.conditions import ConditionError
from cdp.console.context import console
from cdp.definitions import Body, Id, title_of
from cdp.store.audiences import counting, membership
from cdp.store.audiences import preview as previews
from cdp.store.audiences.counting import Preview
from cdp.store.audiences.quickest import Quickest
from cdp.store.defined import defining, meaning
from cdp.store.profiles.faces import Face
from cdp.store.stopping import Stopped, Turn, stopping
from cdp.store.tables import ACCOUNTS, USERS

OVERLAPS = 5
DAY_MS = 86_400_000
#: What the curve looks back on, in days, and for how long it is drawn (s): it comes after the
#: count, so that nobody waits for it.
DAYS, SECONDS = 28, 0.9


class Overlap(NamedTuple):
    """How many of those who would be in it are in another audience, and their share."""

    key: str
    name: str
    people: int
    share: float


class Asked(NamedTuple):
    """What a form asks about: a condition with all that it stands for, and of whom."""

    condition: Any
    id: Id
    bodies: dict[Id, Body]
    collection: int

    @classmethod
    def from_form(cls, tx: Connection) -> Asked:
        """Read it from the form that was sent; 400 if it can't be counted."""
        text, of = request.form.get("text", ""), request.form.get("of", "people")
        # A key that nothing has stands for one that is new.
        id_ = ("audience", request.form.get("key") or "-")
        bodies = {**defining.bodies(defining.load(tx)), id_: {"who": text, "of": of}}
        try:
            condition = meaning.whole(tx, text, id_, bodies)
        except ConditionError as error:
            abort(400, error.located)
        return cls(condition, id_, bodies, ACCOUNTS if of == "accounts" else USERS)


def _nouns() -> dict[str, str]:
    """What one of those that are asked about is called, and several."""
    accounts = request.form.get("of") == "accounts"
    one, many = ("account", "accounts") if accounts else ("person", "people")
    return {"noun": one, "nouns": many}


def preview() -> str | tuple[str, int]:
    """The piece of a page with the count, a few of the people, and other audiences of theirs.

    With ``soon`` it says at once what a few of the people say. The exact answer to an older
    question of the same ``asker`` is given up, and so is one that takes too long: then the
    few are all that can be said.
    """
    if "soon" in request.form:
        return _estimated(waiting=True)
    with console().turns.begin(request.form.get("asker", "")) as turn:
        try:
            return _counted(turn)
        except Stopped:
            return ("", 204) if turn.over else _estimated(waiting=False)


def _estimated(waiting: bool) -> str:
    now = console().now()
    with console().store.read() as tx:
        asked = Asked.from_form(tx)
        counted = counting.estimate(tx, asked.condition, now, asked.collection, show=previews.SHOWN)
        people = previews.shown(tx, counted)
    return _piece(counted, people, waiting=waiting, first=True)


def _counted(turn: Turn) -> str:
    now = console().now()
    with console().store.read() as tx, stopping(tx, previews.LONGEST, turn):
        asked = Asked.from_form(tx)
        condition, collection = asked.condition, asked.collection
        began = time.monotonic()
        who = Quickest(tx, condition, now, collection)
        counted = counting.count_people(
            tx, condition, now, collection, show=previews.SHOWN, who=who
        )
        # Where a single point of the curve would take much longer than it may, nobody need try.
        drawn = time.monotonic() - began < SECONDS * 2
        people = previews.shown(tx, counted)
        shared = previews.overlaps(who)
        state = membership.states(tx, "audience", asked.id[1]).get(asked.id[1])
        changed = None
        if state is not None and state.state == "live":
            changed = previews.change_of(who, state.id, state.size)
    overlaps = [
        Overlap(one.key, title_of(one.key, asked.bodies["audience", one.key]), one.people, 0.0)
        for one in shared
        if one.key != asked.id[1] and ("audience", one.key) in asked.bodies
    ]
    shares = [
        one._replace(share=min(one.people / counted.people, 1.0) if counted.people else 0.0)
        for one in overlaps[:OVERLAPS]
    ]
    return _piece(counted, people, changed=changed, drawn=drawn, overlaps=shares)


def _piece(counted: Preview, people: list[Face], **said: Any) -> str:
    fields: dict[str, Any] = {
        "first": False,
        "waiting": False,
        "changed": None,
        "drawn": False,
        "overlaps": [],
    }
    return render_template(
        "console/audience_preview.html",
        counted=counted,
        share=counted.people / counted.of if counted.of else 0.0,
        people=people,
        longest=int(previews.LONGEST),
        **fields | said,
        **_nouns(),
    )


def growth() -> str | tuple[str, int]:
    """The piece with the curve of how many it would have been in the last weeks.

    It ends with ``today``, if so many have just been counted.
    """
    now = console().now()
    with console().turns.begin(request.form.get("asker", "")) as turn:
        try:
            with console().store.read() as tx, stopping(tx, previews.LONGEST, turn):
                asked = Asked.from_form(tx)
                who = Quickest(tx, asked.condition, now, asked.collection)
                today = request.form.get("today", type=int)
                points = previews.growth(who, DAYS * DAY_MS, today, seconds=SECONDS)
        except Stopped:
            if turn.over:
                return "", 204
            points = []
    return render_template("console/audience_growth.html", growth=points, **_nouns())
