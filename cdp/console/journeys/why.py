"""Why somebody is in a journey, or is not: what lets them in, checked one by one."""

from __future__ import annotations

import re
from typing import NamedTuple

from flask import abort, render_template

from cdp.console.audiences.reasons import ClauseLine, clause_lines
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.console.format import moment
from cdp.console.journeys.overview import TONES, find
from cdp.console.journeys.people import Journey, of_person
from cdp.console.persons import person_subject
from cdp.events import parse_time
from cdp.pipeline.journeys.explain import NoJourney, explained
from cdp.store.profiles import people

#: What is checked, in words.
CHECKS = {
    "launched": "It runs", "trigger": "Something began it", "filter": "They may enter",
    "rollout": "They are of the share", "entry": "They may enter so often",
}  # fmt: skip


_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def _said(found: re.Match[str]) -> str:
    """A time as people read it: ``12 Mar 2026, 15:30 UTC``."""
    at = parse_time(found[0])
    return f"{moment(at):%-d %b %Y, %H:%M} UTC" if at is not None else found[0]


def _told(text: str) -> str:
    return as_sentence(_TIME.sub(_said, text))


class Held(NamedTuple):
    """A check in words; ``clauses`` are those of the filter, with their values."""

    name: str
    ok: bool
    text: str
    clauses: list[ClauseLine]


def page(key: str, profile: str) -> str:
    """How one person stands in one journey."""
    with console().store.read() as tx:
        found = find(tx, key)
        subject = person_subject(tx, profile)
        whole = people.by_id(tx, subject.profile.id)
        checks: list[Held] = []
        wrong, runs = "", list[Journey]()
        if whole is None:
            abort(404, "They are gone.")
        try:
            told = explained(tx, key, whole, console().now())
            checks = [
                Held(CHECKS.get(one.name, one.name.capitalize()), one.ok, _told(one.text),
                     clause_lines(list(one.clauses)))
                for one in told.checks
            ]  # fmt: skip
        except NoJourney as error:
            wrong = as_sentence(str(error))
        runs = [one for one in of_person(tx, subject.profile.id)["journeys"] if one.key == key]
    return render_template(
        "console/journey_why.html",
        found=found,
        subject=subject,
        checks=checks,
        wrong=wrong,
        runs=runs,
        tones=TONES,
    )
