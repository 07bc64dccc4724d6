"""What lives come to, added up: who went which way, and what they got."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from cdp.journeys.replay import Life
from cdp.journeys.run import ACTIVE, Run, Send

WEEK_MS, DAY_MS = 604_800_000, 86_400_000
#: A message counts as near another one of the person within this time before or after.
NEAR_MS = DAY_MS


class Other(NamedTuple):
    """A message that a person really got, not from this journey: when, and from where."""

    at: int
    origin: str


class Tally:
    """Sums over people, for one version of a journey.

    ``edges`` has how often each exit of a step was taken, ``ended`` why runs ended, ``inside``
    where they still are, ``sent`` how often each template was sent, ``weeks`` in how many
    weeks of a person so many messages were sent, ``near`` how many messages came within a day
    of one from somewhere else, by where that is from. ``runs`` are samples.
    """

    def __init__(self, journey: str, start: int, samples: int = 100) -> None:
        self.journey, self._start, self._samples = journey, start, samples
        self.people = self.entered = self.runs_held = self.converted = 0
        self.edges: Counter[tuple[str, str]] = Counter()
        self.ended: Counter[str] = Counter()
        self.inside: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.weeks: Counter[int] = Counter()
        self.near: Counter[str] = Counter()
        self.most_in_a_week = 0
        self.runs: list[tuple[str, Run, list[str]]] = []

    def add(self, life: Life, others: Iterable[Other] = ()) -> None:
        """Add a life that is over."""
        runs = [run for run in life.course.runs.values() if run.journey == self.journey]
        if not runs:
            return
        self.people += 1
        self.entered += len(runs)
        ids, edges = {run.id for run in runs}, self.edges
        for move in life.course.transitions:
            if move.what == "left" and move.step is not None and move.run in ids:
                edges[move.step, move.exit or ""] += 1
        for run in runs:
            self.converted += run.goal_at is not None
            if run.status != ACTIVE:
                self.ended[run.reason or ""] += 1
            else:
                self.inside[run.step or ""] += 1
                self.runs_held += run.held
                if run.error:
                    self.errors[run.error] += 1
        sends = [
            (item.at, item.run.id, item.effect.templates[0])
            for item in life.done
            if type(item.effect) is Send and item.run.id in ids
        ]
        if sends:
            self._messages([at for at, _, _ in sends], list(others))
            for _, _, template in sends:
                self.sent[template] += 1
        for run in runs[: max(0, self._samples - len(self.runs))]:
            got = [template for _, id_, template in sends if id_ == run.id]
            self.runs.append((life.person, run, got))

    def _messages(self, times: list[int], others: list[Other]) -> None:
        weeks: dict[int, int] = {}
        for at in times:
            week = (at - self._start) // WEEK_MS
            weeks[week] = weeks.get(week, 0) + 1
        for n in weeks.values():
            self.weeks[n] += 1
            self.most_in_a_week = max(self.most_in_a_week, n)
        for at in times if others else ():
            self.near.update({o.origin for o in others if abs(o.at - at) <= NEAR_MS})

    def told(self) -> dict[str, Any]:
        """All of it as JSON has it; ``runs`` as (person, started, …)."""
        return {
            "people": self.people,
            "runs": self.entered,
            "converted": self.converted,
            "edges": [
                {"step": step, "exit": exit, "runs": n}
                for (step, exit), n in sorted(self.edges.items())
            ],
            "ended": dict(sorted(self.ended.items())),
            "inside": dict(sorted(self.inside.items())),
            "held": self.runs_held,
            "errors": dict(self.errors.most_common(20)),
            "messages": sum(self.sent.values()),
            "sent": dict(sorted(self.sent.items())),
            "messages_per_person_and_week": {str(n): w for n, w in sorted(self.weeks.items())},
            "most_in_a_week": self.most_in_a_week,
            "near_other_messages": dict(sorted(self.near.items())),
        }
