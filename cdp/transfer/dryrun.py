"""Trying an import out: the real pipeline over a copy of what the file touches.

The part of the graph that a row's identifiers lead to is copied into a scratch store,
the rows are taken there, and what has become of people is compared. So the answer knows
rules, limits, cuts and late facts, and nothing real is written or held up.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from cdp.identity import identifier_hash, public_id
from cdp.pipeline.batch import run_batch
from cdp.pipeline.memory import Memory
from cdp.pipeline.prepare import Prepared
from cdp.profiles.traits import TraitMap
from cdp.store import Store
from cdp.store.bulk import blob
from cdp.store.events import progress
from cdp.store.migrate import migrate
from cdp.store.profiles import exports, graph, scratch
from cdp.store.profiles.imports import Import, Refusal
from cdp.transfer.errors import Refused
from cdp.transfer.importing import CHUNK, Counts, Plan, Report, Told, row_reader
from cdp.transfer.rows import Taken
from cdp.transfer.tables import Bad, TableRow

_PART = "dry-run"
#: How many of each kind are shown, and how many profiles are compared at a time.
EXAMPLES, _PAGE = 5, 500


def dry_run(
    store: Store, item: Import, found: Plan, told: Told | None = None, report: Report | None = None
) -> dict[str, Any]:
    """What the import would do: counts, and examples of each.

    ``{"rows", "created", "updated", "unchanged", "merged", "refused", "suppressed",
    "examples": {…}}``
    """
    with (
        tempfile.TemporaryDirectory(prefix="headwater-dry-") as folder,
        exports.one_moment(store) as source,
    ):
        copy = Store.at(Path(folder) / "scratch.db")
        try:
            migrate(copy)
            return _DryRun(source, copy, store, item, found, told, report).run()
        finally:
            copy.close()


class _DryRun:
    def __init__(
        self,
        source: Connection,
        copy: Store,
        store: Store,
        item: Import,
        found: Plan,
        told: Told | None,
        report: Report | None,
    ) -> None:
        self._source, self._copy, self._item, self._plan = source, copy, item, found
        self._told = told or (lambda _counts: None)
        self._report = report or (lambda _refusal: None)
        self._reader = row_reader(store, item, found.mapping)
        self._now = int(time.time() * 1000)
        self._rows = self._refused = self._suppressed = 0
        self._refusals: list[Refusal] = []
        with copy.write() as tx:
            scratch.prepare(source, tx)
            _, self._epoch = progress.take_over(tx, _PART, self._now)
            self._memory = Memory(tx, 0, 1 << 30)

    def run(self) -> dict[str, Any]:
        chunk: list[Taken] = []
        line = 0
        for row in self._plan.table.rows():
            line = row.line
            taken = self._take(row)
            if taken is not None:
                chunk.append(taken)
            if len(chunk) >= CHUNK:
                self._fold(chunk)
                chunk = []
                read = self._plan.table.read
                self._told(Counts(line, self._rows, self._refused, read))
        self._fold(chunk)
        self._told(Counts(line, self._rows, self._refused, self._plan.table.read))
        return self._result()

    def _take(self, row: TableRow | Bad) -> Taken | None:
        try:
            if isinstance(row, Bad):
                raise Refused(row.reason, row.column)
            return self._reader.read(row)
        except Refused as why:
            refusal = Refusal(row.line, why.column, why.reason)
        self._refused += 1
        if len(self._refusals) < EXAMPLES:
            self._refusals.append(refusal)
        self._report(refusal)
        return None

    def _fold(self, chunk: list[Taken]) -> None:
        if not chunk:
            return
        hashes: set[int] = set()
        for taken in chunk:
            for collection, ids in enumerate((taken.named.person, taken.named.account)):
                hashes.update(identifier_hash(collection, one) for one in ids)
        self._rows += len(chunk)
        messages = [taken.message for taken in chunk]
        with self._copy.write() as tx:
            scratch.copy_around(self._source, tx, hashes)
            batch = Prepared(_PART, self._rows, messages, [], {})
            done = run_batch(tx, batch, {}, self._memory, self._epoch, self._now)
        self._suppressed += done.suppressed

    def _result(self) -> dict[str, Any]:
        collection = self._item.collection
        with self._copy.read() as tx:
            created = scratch.count_created(tx, collection)
            fresh = [
                {"id": public_id(c, anchor), "traits": TraitMap.decode(blob(traits)).values()}
                for c, anchor, traits in scratch.created(tx, collection, EXAMPLES)
            ]
            updated, unchanged, changes = self._compare(tx, collection)
            merged, gone = self._merged(tx, collection)
        return {
            "rows": self._rows,
            "created": created,
            "updated": updated,
            "unchanged": unchanged,
            "merged": merged,
            "refused": self._refused,
            "suppressed": self._suppressed,
            "examples": {
                "created": fresh,
                "updated": changes,
                "merged": gone,
                "refused": [refusal._asdict() for refusal in self._refusals],
            },
        }

    def _compare(self, tx: Connection, collection: int) -> tuple[int, int, list[dict[str, Any]]]:
        updated = unchanged = after = 0
        examples: list[dict[str, Any]] = []
        while page := scratch.remaining(tx, after, _PAGE, collection):
            ids = [row.id for row in page]
            after = ids[-1]
            before = graph.profile_traits(self._source, ids)
            gained = scratch.gained(tx, ids)
            for id_, anchor, traits in page:
                old = TraitMap.decode(blob(before.get(id_))).values()
                new = TraitMap.decode(blob(traits)).values()
                if old == new and id_ not in gained:
                    unchanged += 1
                    continue
                updated += 1
                if len(examples) < EXAMPLES:
                    names = sorted(n for n in {*old, *new} if old.get(n) != new.get(n))
                    examples.append(
                        {
                            "id": public_id(collection, anchor),
                            "traits": {n: [old.get(n), new.get(n)] for n in names},
                            "identifiers": [f"{t}:{v}" for t, v in sorted(gained.get(id_, []))],
                        }
                    )
        return updated, unchanged, examples

    def _merged(self, tx: Connection, collection: int) -> tuple[int, list[dict[str, Any]]]:
        count = after = 0
        examples: list[dict[str, Any]] = []
        while page := scratch.merged(tx, after, _PAGE):
            after = page[-1]
            names = exports.anchors(self._source, page)
            for id_ in page:
                kind, anchor = names[id_]
                if kind != collection:
                    continue
                count += 1
                if len(examples) < EXAMPLES:
                    into = scratch.home_of(tx, anchor)
                    named = exports.anchors(tx, [into]) if into is not None else {}
                    examples.append(
                        {
                            "id": public_id(kind, anchor),
                            "into": public_id(*named[into]) if into in named else None,
                        }
                    )
        return count, examples
