"""Which journeys run: what was launched, read with everything that it refers to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from cdp.audiences import Book
from cdp.conditions.expand import expand
from cdp.conditions.live import Streams
from cdp.conditions.parser import parse_text
from cdp.conditions.spelling import path_text
from cdp.definitions.space import Space
from cdp.journeys import JourneyError, Journeys, Program, Read
from cdp.journeys.groups import Groups, read_group
from cdp.journeys.moment import compiled
from cdp.store import definitions
from cdp.store.definitions import Version
from cdp.store.events.kept import KeptProperty
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys.launched import DRAINING, LIVE, PAUSED, JourneyRow

KIND, TEMPLATE, GROUP = "journey", "template", "journey_group"


class JourneyPlan:
    """What runs: ``journeys`` for `cdp.journeys`, ``rows`` by key, ``keys`` by number.

    ``channels`` has the channel and topic of each template, ``broken`` why a launched
    journey can't be read.
    """

    def __init__(
        self, tx: Connection, versions: list[Version], before: JourneyPlan | None = None
    ) -> None:
        rows = journeys.all_rows(tx)
        own = definitions.all_current(tx, KIND, TEMPLATE, GROUP) if rows else []
        self.stands: Any = (
            rows,
            [(item.kind, item.key, item.version) for item in (*versions, *own)],
        )
        if before is not None and before.stands == self.stands:
            self.__dict__.update(before.__dict__)
            return
        self.rows: dict[str, JourneyRow] = {row.key: row for row in rows}
        self.keys = {row.id: row.key for row in rows}
        self.channels = {
            item.key: (item.body["channel"], item.body.get("topic"))
            for item in own
            if item.kind == TEMPLATE and item.body
        }
        self.lists = {
            item.key
            for item in versions
            if item.kind == "audience" and (item.body or {}).get("static")
        }
        self.names = {
            item.key: name
            for item in own
            if item.kind == KIND and (name := (item.body or {}).get("name"))
        }
        self.groups = Groups(
            read_group(item.key, item.body)
            for item in own
            if item.kind == GROUP and item.body and not item.body.get("archived")
        )
        self.broken: dict[str, str] = {}
        self._space = Space({(item.kind, item.key): item.body or {} for item in versions})
        self.programs = self._programs(tx, rows)
        self.liquid = any(program.liquid for program in self.programs)
        self.asked = tuple(dict.fromkeys(root for p in self.programs for root in self.asked_of(p)))
        self.winners = {
            f"{row.key}:{step}": variant for row in rows for step, variant in row.winners.items()
        }
        self.closed = {
            f"{row.key}:{step}": frozenset(some)
            for row in rows
            for step, some in row.closed.items()
        }
        self.journeys = self._journeys(frozenset())

    def note_errors(self, tx: Connection) -> None:
        """Note which launched journeys can't be read, for people to see."""
        for row in self.rows.values():
            if row.error != self.broken.get(row.key):
                journeys.put_error(tx, row.id, self.broken.get(row.key))

    def _programs(self, tx: Connection, rows: list[JourneyRow]) -> list[Program]:
        wanted = {(row.id, row.version) for row in rows if row.state in (LIVE, PAUSED, DRAINING)}
        if rows:
            wanted |= journey_runs.versions_in_use(tx)
        found = []
        for number, version in sorted(wanted):
            key = self.keys.get(number)
            body = definitions.body_of(tx, KIND, key, version) if key is not None else None
            if key is None or body is None:
                continue
            made = self.read(key, body, version)
            if made is not None:
                found.append(made)
        return found

    def read(self, key: str, body: Mapping[str, Any], version: int) -> Program | None:
        """The program of a body; None, and noted in ``broken``, if it can't be read."""
        meant = self._space.made_of()
        row = self.rows.get(key)
        found = Read(key, body, version, lambda root: expand(root, meant))
        if found.program is None:
            self.broken[key] = str(JourneyError(found.wrong))[:1000]
        elif row is not None:
            stages = found.program.stages
            share = stages[min(row.stage, len(stages) - 1)].share
            share = row.rollout / 100 if row.rollout is not None else share
            return replace(found.program, rollout=share)
        return found.program

    def _journeys(self, waiting: frozenset[str]) -> Journeys:
        there = {(program.key, program.version) for program in self.programs}
        return Journeys(
            self.programs,
            {
                row.key: row.version
                for row in self.rows.values()
                if row.state == LIVE and (row.key, row.version) in there and row.key not in waiting
            },
            [row.key for row in self.rows.values() if row.state == PAUSED],
            self.groups,
        )

    def begin(self, book: Book, kept: list[KeptProperty]) -> None:
        """Take up a book that has what journeys ask; who reads what isn't known yet must wait."""
        self.book = book
        missing = {(item.event, item.path) for item in kept if not item.complete}
        waiting = set()
        for program in self.programs if missing else ():
            streams = Streams()
            compiled(self.asked_of(program), streams)
            if streams.wanted() & missing:
                waiting.add(program.key)
        self.waiting = frozenset(waiting)
        self.journeys = self._journeys(self.waiting)

    @staticmethod
    def asked_of(program: Program) -> tuple[Any, ...]:
        """What is asked for a program: its conditions, and the trait that triggers it."""
        trigger = program.trigger
        return (*program.asked, changes(trigger.name)) if trigger.kind == "trait" else program.asked

    def knows(self, kind: str, key: str) -> bool:
        """Whether what a step refers to is there."""
        if kind == "template":
            return key in self.channels
        if kind == "list":
            return key in self.lists
        return key in self.rows


def changes(trait: str) -> Any:
    """What makes the changes of a trait known of people."""
    return parse_text(f"changed({path_text(('traits', *trait.split('.')))})").root
