"""How many may enter: the choice at a launch, and a rollout as it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import abort, flash, redirect, request, url_for
from marshmallow import ValidationError
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from cdp.conditions.durations import duration_in_words, format_duration
from cdp.console.auth import author
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.delivery.journeys import office, shown
from cdp.delivery.journeys.there import MAY, NoSuchJourney, Refused, launched
from cdp.journeys.rollout import Stage, read_rollout
from cdp.store.journeys import decisions
from cdp.store.journeys.decisions import HELD, STAGE
from cdp.store.journeys.launched import JourneyRow

#: What is offered to whoever has no stages yet, as rows of the form: per cent, for how long.
USUAL = [("1", "1d"), ("10", "2d"), ("100", "")]
#: Rows of the form that are empty.
SPARE = 2


class Choice(NamedTuple):
    """How many may enter: ``by`` is all, share or stages; ``rows`` are those of the form."""

    by: str
    share: float
    rows: list[tuple[str, str]]

    def value(self) -> Any:
        """What a journey's ``rollout`` says of it; `ValidationError`."""
        if self.by == "all":
            return 100.0
        if self.by == "share":
            read_rollout(self.share)
            return self.share
        said: list[Any] = []
        for share, time in self.rows:
            if not (share.strip() or time.strip()):
                continue
            try:
                per_cent = float(share.replace("%", "").replace(",", "."))
            except ValueError:
                raise ValidationError(f"“{share}” is no share in per cent.") from None
            plain = int(per_cent) if per_cent.is_integer() else per_cent
            said.append({"share": plain, "for": time.strip()} if time.strip() else plain)
        read_rollout(said)
        return said


def offered(body: Mapping[str, Any], row: JourneyRow | None) -> Choice:
    """What the form says at first: what the journey says, or somebody by hand meanwhile."""
    try:
        stages = read_rollout(body.get("rollout", 100.0))
    except ValidationError:
        stages = (Stage(1.0),)
    rows = [(f"{one.share * 100:g}", format_duration(one.ms) if one.ms else "") for one in stages]
    many = len(stages) > 1
    share = row.rollout if row is not None and row.rollout is not None else None
    by = "share" if share is not None else "stages" if many else "all"
    if share is None:
        share = 10.0 if many else stages[0].share * 100
    if share < 100 and not many:
        by = "share"
    return Choice(by, share, [*(rows if many else USUAL), *[("", "")] * SPARE])


def chosen(form: MultiDict[str, str], before: Choice) -> Choice:
    """What the form of a launch says; what it leaves out is as ``before``."""
    by = form.get("rollout_by", "share" if form.get("rollout") else before.by)
    if by not in ("all", "share", "stages"):
        abort(400, "Unknown rollout.")
    share = form.get("rollout", before.share, type=float)
    pairs = list(zip(form.getlist("share"), form.getlist("for"), strict=False))
    return Choice(by, share, pairs or before.rows)


def keep(body: dict[str, Any], choice: Choice, *, share: bool) -> dict[str, Any] | None:
    """The body with stages as they were chosen (and the ``share``); None: it says so already."""
    value = choice.value()
    if choice.by != "stages" and not share:
        return None
    try:
        if read_rollout(body.get("rollout", 100.0)) == read_rollout(value):
            return None
    except ValidationError:
        pass
    rest = {name: said for name, said in body.items() if name != "rollout"}
    return rest if value == 100.0 else {**body, "rollout": value}


def settle(tx: Connection, key: str, choice: Choice, by: str, now: int) -> None:
    """Have what was just launched let in as many as were chosen."""
    row = launched(tx, key)
    if choice.by == "stages":
        if row.rollout is not None:
            office.stage(tx, key, by, now, "release", "launched again")
        return
    goes_on = row.rollout is None and bool(shown.stages_of(tx, row))
    if goes_on or shown.share_of(tx, row) != choice.value():
        office.rollout(tx, key, by, now, choice.value())


# As it goes on.


class Step(NamedTuple):
    """A stage on the page; ``at`` is before, here or after."""

    share: str
    time: str
    at: str


class Rollout(NamedTuple):
    """How many may enter now, and what can be done about it; shares are in words."""

    share: float
    by_hand: bool
    steps: list[Step]
    since: int
    until: int | None
    held: bool
    why: str
    following: str
    before: str
    last: str


def of(tx: Connection, row: JourneyRow | None, body: Mapping[str, Any]) -> Rollout | None:
    """The rollout of what runs; None where nobody can enter any more."""
    if row is None or row.state not in MAY["rollout"]:
        return None
    try:
        stages = read_rollout(body.get("rollout", 100.0))
    except ValidationError:
        return None
    here = min(row.stage, len(stages) - 1)
    by_hand = row.rollout is not None
    steps = []
    for at, one in enumerate(stages if len(stages) > 1 else ()):
        place = "after" if by_hand or at > here else "here" if at == here else "before"
        steps.append(Step(one.text, duration_in_words(one.ms) if one.ms else "", place))
    ms, moving = stages[here].ms, not (by_hand or row.stage_held)
    return Rollout(
        share=row.rollout if row.rollout is not None else stages[here].share * 100,
        by_hand=by_hand,
        steps=steps,
        since=row.stage_at,
        until=row.stage_at + ms if ms is not None and moving else None,
        held=row.stage_held,
        why=_why(tx, row) if row.stage_held else "",
        following=stages[here + 1].text if here + 1 < len(stages) else "",
        before=stages[here - 1].text if here else "",
        last=stages[-1].text if here + 2 < len(stages) else "",
    )  # fmt: skip


def _why(tx: Connection, row: JourneyRow) -> str:
    """Why it stands still: what was decided last about its stages."""
    found = [one for kind in (HELD, STAGE) for one in decisions.of(tx, row.id, 1, kind=kind)]
    last = max(found, default=None)
    return f"{last.reason} ({last.author or 'by its own rule'})" if last is not None else ""


def act(key: str) -> Response:
    """Hold the rollout, let it go on, bring it to another stage, or say a share by hand."""
    action, reason = request.form.get("action", ""), request.form.get("reason", "").strip()
    if action != "share" and action not in office.STAGE_ACTS:
        abort(400, "Unknown action.")
    answer = redirect(f"{url_for('console.journey', key=key)}#rollout", 303)
    by, now = author(), console().now()
    try:
        with console().store.write() as tx:
            if action == "share":
                choice = chosen(request.form, Choice("share", 100.0, []))
                office.rollout(tx, key, by, now, float(choice.value()))
            else:
                office.stage(tx, key, by, now, action, reason)
    except NoSuchJourney:
        abort(404, f"There is no journey {key}.")
    except ValidationError as error:
        flash(" ".join(map(str, error.messages)), "bad")
        return answer
    except Refused as error:
        flash(as_sentence(str(error)), "bad")
        return answer
    flash("Done." if action == "share" else "It is done within a few seconds.", "good")
    return answer
