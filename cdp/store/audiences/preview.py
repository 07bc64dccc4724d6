"""What saving a condition would mean: how many people, who, in which audiences, since when."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from cdp.store.audiences import counting, matching, persons
from cdp.store.audiences import members as member_rows
from cdp.store.audiences.counting import Preview
from cdp.store.audiences.quickest import Quickest
from cdp.store.bulk import chunks
from cdp.store.profiles import faces
from cdp.store.profiles.faces import Face
from cdp.store.tables import audiences, members

#: People that are shown, points of the growth chart, and for how long they are drawn (s).
SHOWN, POINTS, SECONDS = 8, 8, 0.5
#: How long an exact count may take (s); beyond it an estimate is what there is.
LONGEST = 20.0
#: People who are decided on one by one for a point of the chart.
_DECIDED = 500
#: People who are decided on one by one to say who would enter and leave.
_FEW = 5_000


class Overlap(NamedTuple):
    """How many of those who meet a condition are in an audience, which has ``size`` people."""

    key: str
    people: int
    size: int


class Growth(NamedTuple):
    """How many met a condition at an instant (ms), by what was known of them then.

    Who was in an audience that is asked for follows from who came and went since; whoever was
    not known yet counts as somebody who had done nothing. ``exact``: it was decided on everybody.
    """

    at: int
    people: int
    exact: bool


def shown(tx: Connection, preview: Preview) -> list[Face]:
    """The people that a preview names."""
    return faces.faces_of_profiles(tx, list(preview.some))


def overlaps(who: Quickest) -> list[Overlap]:
    """The live audiences that share people with those who surely meet a condition."""
    a = audiences.c
    live = select(a.id, a.key, a.size).where(
        a.kind == "audience", a.state == "live", a.collection == who.collection
    )
    rows = {row.id: row for row in who.tx.execute(live)}
    if not rows:
        return []

    def shared(made: matching.Matches) -> list[tuple[int, int]]:
        side, m = made.found.sure, members.c
        if side.ids is None and not side.all_but:
            return []
        if made.gatherer is not None and side.ids is not None:
            return made.gatherer.shared(side, list(rows))
        counted = select(m.audience, func.count()).where(m.audience.in_(rows))
        if side.ids is not None:
            counted = counted.where(_inside(made, m.profile))
        return [(id_, int(n)) for id_, n in made.run(counted.group_by(m.audience))]

    found = [Overlap(rows[id_].key, n, rows[id_].size) for id_, n in who.ask(shared)]
    return sorted(found, key=lambda one: (-one.people, one.key))


def _inside(made: matching.Matches, profile: Any) -> Any:
    """Whether a profile surely meets a condition, as some do and some don't."""
    side, sets = made.found.sure, made.people.sets
    return (sets.outside if side.all_but else sets.among)(side, profile)


class Change(NamedTuple):
    """How many would enter an audience by another condition, and leave it, counted exactly."""

    enter: int
    leave: int


def change_of(who: Quickest, audience: int, size: int) -> Change | None:
    """What a condition would change of an audience's members.

    None where more are left to be decided on one by one than is worth it.
    """

    def changed(made: matching.Matches) -> Change | None:
        yes: list[int] = []
        if not made.found.exact:
            few = matching.ids_of(made, made.open).limit(_FEW + 1)
            left = list(made.run(few).scalars())
            if len(left) > _FEW:
                return None
            wants = persons.asked(who.condition)
            for ids in chunks(left, _DECIDED):
                yes += counting.decide(
                    who.tx, who.condition, list(ids), wants, who.now, who.collection
                )
        side, m = made.found.sure, members.c
        if side.ids is None:
            stay = size if side.all_but else 0
        else:
            mine = (m.audience == audience, _inside(made, m.profile))
            counted = select(func.count().label("n")).select_from(members).where(*mine)
            stay = int(made.run(counted).scalar_one())
        everybody = matching.count_all(who.tx, who.collection)
        total = matching.size(who.tx, made, side, everybody) + len(yes)
        stay += len(member_rows.among(who.tx, audience, yes))
        return Change(total - stay, size - stay)

    return who.ask(changed)


def growth(
    who: Quickest,
    span: int,
    today: int | None = None,
    *,
    points: int = POINTS,
    seconds: float = SECONDS,
) -> list[Growth]:
    """How many met a condition at up to ``points`` instants of the last ``span`` ms, oldest first.

    As many instants, at equal distances, as fit into ``seconds``, and no fewer than now and
    then. ``today`` is how many are known to meet it now, exactly; else they are counted. What
    is estimated of then follows it, as the same few are looked at each time.
    """
    now, last = who.now, who

    def count(at: int) -> Preview:
        nonlocal last
        last, share = last.at(at), seconds / points
        return counting.count_people(
            who.tx, who.condition, at, who.collection,
            most=_DECIDED, seconds=share, who=last,
        )  # fmt: skip

    began, scale = time.monotonic(), 1.0
    found = [Growth(now, today or 0, True)]
    if today is None:
        all_ = counting.count_people(who.tx, who.condition, now, who.collection, who=who)
        found = [Growth(now, all_.people, all_.exact)]
        if all_.looked_at > _DECIDED:
            few = count(now)
            scale = all_.people / few.people if few.people and not few.exact else 1.0

    def add(at: int) -> None:
        then = count(at)
        people = then.people if then.exact else min(round(then.people * scale), then.of)
        found.append(Growth(at, people, then.exact))

    before = time.monotonic()
    add(now - span)
    cost = time.monotonic() - before
    more = min(points - 2, int((seconds - (time.monotonic() - began)) / max(cost, 1e-6)))
    for index in range(1, more + 1):
        add(now - span * index // (more + 1))
    return sorted(found)
