"""What the pipeline remembers between micro-batches so as not to ask again.

All of it can be read from the store; after a rolled-back transaction it is thrown
away and read anew.
"""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.identity import Rules
from cdp.pipeline.audiences.definitions import Plan
from cdp.pipeline.audiences.stage import Stage
from cdp.pipeline.catalogue import Catalogue
from cdp.pipeline.excerpt import reads_of
from cdp.pipeline.journeys.stage import Travels
from cdp.pipeline.kept import KeptProperties
from cdp.pipeline.met import MetNodes
from cdp.store import meta
from cdp.store.catalogue import fields
from cdp.store.events import history
from cdp.store.events.dedupe import DedupeIndex
from cdp.store.profiles import identity, object_types, regulations
from cdp.store.profiles.trait_rules import load_trait_rules

#: Event names whose numbers are remembered; the others are looked up.
MAX_NAMES = 20_000


class Memory:
    """Names, the newest partition, the dedupe index, the kept properties, the rules, the catalogue,
    the audiences, the journeys.

    ``turn`` is the number of the transaction that may use it next. What holds still is
    taken over from the memory ``before``.
    """

    def __init__(
        self,
        tx: Connection,
        turn: int,
        partition_messages: int,
        tell_changes: bool = False,
        before: Memory | None = None,
        now: int = 0,
    ) -> None:
        self.turn = turn
        # First: what a change that commits meanwhile has left half read is read again.
        self.version = meta.version(tx)
        self.rules: Rules = identity.load_rules(tx)
        self.cuts = identity.load_cuts(tx)
        self.met = MetNodes()
        self.trait_rules = load_trait_rules(tx)
        self.object_types = object_types.load(tx)
        self.tell_changes = tell_changes
        self.dedupe = DedupeIndex(tx)
        self.stage = _stage(tx, now, before, self.turn)
        self.travels = Travels(tx, self.stage.plan.travel, self.stage)
        self.kept = KeptProperties(tx)
        self.reads = reads_of({*self.kept.paths, *self.stage.plan.book.streams.wanted()})
        self.suppression = regulations.load_suppression(tx, self.rules)
        # What it found and has not written yet must not be lost.
        self.catalogue: Catalogue = before.catalogue if before is not None else Catalogue(tx)
        self.catalogue.classes = fields.load_classes(tx)
        self.names = history.first_names(tx, MAX_NAMES)
        self._knows_all_names = len(self.names) < MAX_NAMES
        self._partition_messages = partition_messages
        found = history.list_partitions(tx)
        self._partition = found[-1] if found else None

    def partition_for(self, tx: Connection, seq: int, now: int) -> history.PartitionInfo:
        """The partition to which position ``seq`` and what follows go."""
        newest = self._partition
        if newest is None or seq - newest.first_seq >= self._partition_messages:
            number = newest.id + 1 if newest is not None else 1
            newest = self._partition = history.begin_partition(tx, number, seq, now)
        return newest

    def learn_names(self, tx: Connection, pairs: list[tuple[str, str]], now: int) -> None:
        """Give each new event name a number; afterwards ``names`` has all of ``pairs``."""
        new = {pair for pair in pairs if pair not in self.names}
        if not new:
            return
        if len(self.names) + len(new) > MAX_NAMES:
            self.names = {pair: self.names[pair] for pair in pairs if pair not in new}
            self._knows_all_names = False
        if not self._knows_all_names:
            self.names.update(history.numbers_of_names(tx, new))
            new -= self.names.keys()
        self.names.update(history.add_names(tx, sorted(new), now))


def _stage(tx: Connection, now: int, before: Memory | None, turn: int) -> Stage:
    """The audiences; people are remembered on as long as nobody else had a turn."""
    if before is None:
        return Stage(Plan(tx, now))
    plan = Plan(tx, now, before.stage.plan)
    if plan.book is before.stage.plan.book and before.turn == turn:
        before.stage.plan = plan
        return before.stage
    return Stage(plan)
