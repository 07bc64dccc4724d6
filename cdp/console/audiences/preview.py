"""Who would be in an audience: counted before anybody saves it."""

from __future__ import annotations

from typing import NamedTuple

from flask import abort, render_template, request

from cdp.conditions import ConditionError
from cdp.console.context import console
from cdp.definitions import title_of
from cdp.store.audiences import counting, membership
from cdp.store.audiences import preview as previews
from cdp.store.defined import defining, meaning
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
            condition = meaning.whole(tx, text, id_, bodies)
        except ConditionError as error:
            abort(400, error.located)
        counted = counting.count_people(tx, condition, now, collection, show=previews.SHOWN)
        people = previews.shown(tx, counted)
        shared = previews.overlaps(tx, condition, now, collection)
        state = membership.states(tx, "audience", id_[1]).get(id_[1])
        changed = None
        if state is not None and state.state == "live":
            changed = previews.change_of(tx, condition, now, state.id, state.size, collection)
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
        changed=changed,
        overlaps=[
            one._replace(share=min(one.people / counted.people, 1.0) if counted.people else 0.0)
            for one in overlaps[:OVERLAPS]
        ],
        noun="account" if accounts else "person",
        nouns="accounts" if accounts else "people",
    )
