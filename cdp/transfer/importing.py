"""Bringing a file in: begin, read it into the log, see that it was folded.

An import can die at any moment and be gone on with: what it has put into the log is
noted every so often, and a row that comes again has the same message id.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cdp.config import Settings
from cdp.log import Record, open_log, open_reader
from cdp.log.record import CHECKED, checked_body
from cdp.store import Store
from cdp.store.events import progress
from cdp.store.profiles import identity, imports, regulations, trait_rules
from cdp.store.profiles.imports import Import, Refusal
from cdp.transfer import mapping as mappings
from cdp.transfer.errors import Refused, TransferError
from cdp.transfer.mapping import Column, Mapping
from cdp.transfer.rows import RowReader, look_up
from cdp.transfer.tables import SAMPLE, Bad, Table, TableRow, open_table
from cdp.transfer.values import number

#: Rows in one record of the log; how often progress is noted.
CHUNK, _NOTE_S = 500, 1.0
#: Refused lines of one import that the store keeps; a report file has all.
KEPT_REFUSALS = 100_000
_WAIT_S = 0.05


class Options(NamedTuple):
    """How a file is to be read, where it is not to be found out."""

    collection: int
    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    #: As people write it: column → target, or an object with to, type, format.
    columns: dict[str, Any] | None = None
    #: Over a guess: column → target, and column → type.
    over: dict[str, str] | None = None
    types: dict[str, str] | None = None


class Plan(NamedTuple):
    """A file, opened, and what its columns are."""

    table: Table
    mapping: Mapping
    name: str
    path: Path
    options: Options

    def stored(self) -> dict[str, Any]:
        """What an import keeps of it, so that another process can open the file anew."""
        return {
            "columns": mappings.to_json(self.mapping),
            "encoding": getattr(self.table, "encoding", None) or self.options.encoding,
            "delimiter": getattr(self.table, "delimiter", None),
        }


def plan(path: Path, name: str, options: Options, checked: bool = True) -> Plan:
    """Open a file and settle what its columns are. `TransferError`.

    Not ``checked``, they may be such that nobody can be found by them: a guess to show.
    """
    table = open_table(path, options.format, name, options.encoding, options.delimiter)
    if options.columns is not None:
        found = mappings.from_json(options.columns, table.columns)
    else:
        found = mappings.guess(table.columns, options.collection)
    for column, to in (options.over or {}).items():
        told = options.types or {}
        if options.columns is None:  # what is told stands in for what was guessed to be the same
            for other, known in found.items():
                if known.to == to and other != column:
                    found[other] = Column(mappings.IGNORE)
        found[column] = Column(to, told.get(column, "auto"))
    for column, type_ in (options.types or {}).items():
        kind, _, format_ = type_.partition(":")
        known = found.get(column, Column(mappings.IGNORE))
        found[column] = known._replace(type=kind, format=format_ or None)
    nested = table.format == "jsonl"
    if checked:
        mappings.check(found, table.columns, options.collection, nested)
    return Plan(table, _settled(found, table), name, path, options)


def _settled(mapping: Mapping, table: Table) -> Mapping:
    """A text file's columns are text as a whole unless all first cells are numbers, or booleans."""
    if table.format != "csv":
        return {
            name: column._replace(type="own") if column.type == "auto" else column
            for name, column in mapping.items()
        }
    open_ = {n for n, c in mapping.items() if c.type == "auto" and c.to.startswith("traits.")}
    for row in islice(table.rows(), SAMPLE):
        if isinstance(row, TableRow):
            open_ -= {name for name in open_ if not _typed(row.cells[name].strip())}
    return {
        name: column._replace(type="text")
        if column.type == "auto" and column.to.startswith("traits.") and name not in open_
        else column
        for name, column in mapping.items()
    }


def _typed(text: str) -> bool:
    return not text or text.casefold() in ("true", "false") or number(text) is not None


def preview(found: Plan, rows: int = 5) -> dict[str, Any]:
    """What a file is taken for, with its first rows."""
    first = [row for row in islice(found.table.rows(), rows * 10) if isinstance(row, TableRow)]
    return {
        "file": found.name,
        "format": found.table.format,
        "encoding": getattr(found.table, "encoding", None),
        "delimiter": getattr(found.table, "delimiter", None),
        "columns": [
            {
                "column": name,
                **column._asdict(),
                "examples": [
                    str(cell)[:60]
                    for row in first[:rows]
                    if (cell := look_up(row.cells, name)) not in (None, "")
                ][:3],
            }
            for name, column in found.mapping.items()
        ],
    }


def digest_of(found: Plan) -> str:
    """What two imports of the same content under the same mapping have in common."""
    hashed = blake2b(digest_size=20)
    with found.path.open("rb") as file:
        while piece := file.read(1 << 20):
            hashed.update(piece)
    told = {**found.stored(), "collection": found.options.collection}
    hashed.update(msgspec.json.Encoder(order="deterministic").encode(told))
    return hashed.hexdigest()


def begin(
    store: Store, found: Plan, author: str, now: int, dry_run: bool = False, again: bool = False
) -> Import:
    """Note an import, or find the one that brought the very same before (and may be unfinished)."""
    digest = digest_of(found)
    with store.write() as tx:
        known = None if dry_run or again else imports.same_file(tx, digest)
        if known is not None:
            return known
        return imports.begin(
            tx,
            now,
            author,
            name=found.name,
            format=found.table.format,
            collection=found.options.collection,
            mapping=found.stored(),
            digest=digest,
            dry_run=dry_run,
            total=found.path.stat().st_size,
        )


def unnoted(found: Plan, author: str, now: int) -> Import:
    """An import that is tried at once and leaves no trace."""
    return Import(
        id=0,
        at=now,
        author=author,
        name=found.name,
        format=found.table.format,
        collection=found.options.collection,
        mapping=found.stored(),
        digest="",
        dry_run=True,
        source_id=None,
        state="running",
        error=None,
        total=None,
        read=0,
        line=0,
        rows=0,
        refused=0,
        result=None,
        updated_at=now,
        finished_at=None,
        undone_by=None,
    )


def reopened(item: Import, path: Path) -> Plan:
    """The plan of an import that was begun earlier."""
    kept = item.mapping
    options = Options(
        item.collection, item.format, kept["encoding"], kept["delimiter"], kept["columns"]
    )
    return plan(path, item.name, options)


class Counts(NamedTuple):
    """How far an import is."""

    line: int
    rows: int
    refused: int
    read: int


Told = Callable[[Counts], None]
Report = Callable[[Refusal], None]


def row_reader(store: Store, item: Import, mapping: Mapping) -> RowReader:
    """What makes messages of an import's rows, under the rules that hold now."""
    with store.read() as tx:
        rules, traits = identity.load_rules(tx), trait_rules.load_trait_rules(tx)
    source = item.source_id or 0
    return RowReader(mapping, item.collection, rules, traits, item.id, source, item.at)


#: What is said of a file that may bring somebody back.
FORGOTTEN = (
    "people were deleted since this file was handed over, and it may bring them back; "
    "look through it and begin anew"
)


def refuse_if_forgotten(store: Store, at: int) -> None:
    """`TransferError` if a deletion was done whose people a file of ``at`` may still name.

    While one is under way, the pipeline itself passes its people over.
    """
    with store.read() as tx:
        if regulations.any_done_since(tx, at):
            raise TransferError(FORGOTTEN)


class Importer:
    """Reads the file of one import into the log."""

    def __init__(
        self, store: Store, settings: Settings, item: Import, found: Plan, told: Told | None = None
    ) -> None:
        self._store, self._settings, self._item, self._plan = store, settings, item, found
        self._told = told or (lambda _counts: None)
        self._reader = row_reader(store, item, found.mapping)
        self._line, self._rows, self._refused = item.line, item.rows, item.refused
        self._refusals: list[Refusal] = []
        self._noted = 0.0

    def run(
        self,
        step: Callable[[], Any] = lambda: None,
        stop: Callable[[], bool] = lambda: False,
        report: Report | None = None,
    ) -> bool:
        """Read what is left of the file and wait until it is folded; False if stopped before.

        ``step`` is called while waiting (it may do the folding); ``report`` is told each
        line that is refused.
        """
        self._change(state="running", error=None)
        log = open_log(self._settings, "import")
        try:
            chunk: list[tuple[bytes, bytes]] = []
            for row in self._plan.table.rows():
                if row.line <= self._item.line:
                    continue  # in the log already
                raw = self._take(row, report)
                if raw is not None:
                    chunk.append((raw, b"null"))
                self._line = row.line
                if len(chunk) >= CHUNK or len(self._refusals) >= CHUNK:
                    self._append(log, chunk)
                    chunk = []
                    if stop():
                        self._note()
                        return False
            self._append(log, chunk)
            self._note()
            return self._folded(log.part, step, stop)
        finally:
            log.close()

    def _take(self, row: TableRow | Bad, report: Report | None) -> bytes | None:
        try:
            if isinstance(row, Bad):
                raise Refused(row.reason, row.column)
            return self._reader.read(row).raw
        except Refused as why:
            refusal = Refusal(row.line, why.column, why.reason[:500])
        self._refused += 1
        if self._refused <= KEPT_REFUSALS:
            self._refusals.append(refusal)
        if report is not None:
            report(refusal)
        return None

    def _append(self, log: Any, chunk: list[tuple[bytes, bytes]]) -> None:
        if chunk:
            refuse_if_forgotten(self._store, self._item.at)
            source = self._item.source_id
            assert source is not None
            log.append(Record(self._item.at, source, CHECKED, checked_body(chunk), live=False))
            self._rows += len(chunk)
        self._told(Counts(self._line, self._rows, self._refused, self._plan.table.read))
        if time.monotonic() - self._noted > _NOTE_S or len(self._refusals) >= CHUNK:
            self._note()

    def _note(self) -> None:
        with self._store.write() as tx:
            imports.add_refusals(tx, self._item.id, self._refusals)
            imports.change(
                tx,
                self._item.id,
                _now(),
                line=self._line,
                rows=self._rows,
                refused=self._refused,
                read=self._plan.table.read,
            )
        self._refusals = []
        self._noted = time.monotonic()

    def _folded(self, part: str, step: Callable[[], Any], stop: Callable[[], bool]) -> bool:
        if not wait_for_log(self._store, self._settings, [part], step, stop):
            return False
        self._change(state="done", finished_at=_now())
        return True

    def _change(self, **values: Any) -> None:
        with self._store.write() as tx:
            imports.change(tx, self._item.id, _now(), **values)


def wait_for_log(
    store: Store,
    settings: Settings,
    parts: list[str] | None,
    step: Callable[[], Any],
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Wait until some parts of the log (None: all of imports) are folded; False if stopped."""
    reader = open_reader(settings)
    try:
        wanted = parts or [part for part in reader.parts() if part.startswith("import")]
        ends = {part: reader.end(part) for part in wanted}
        while True:
            step()
            with store.read() as tx:
                at = progress.positions(tx)
            if all(at.get(part, 0) >= end for part, end in ends.items()):
                return True
            if stop():
                return False
            time.sleep(_WAIT_S)
    finally:
        reader.close()


def end_dry_run(
    store: Store, item: Import, result: dict[str, Any], refusals: list[Refusal]
) -> None:
    """Note what a dry run found out."""
    with store.write() as tx:
        imports.add_refusals(tx, item.id, refusals)
        imports.change(
            tx,
            item.id,
            _now(),
            state="done",
            result=result,
            rows=result["rows"],
            refused=result["refused"],
            read=item.total,
            finished_at=_now(),
        )


def fail(store: Store, number: int, error: str) -> None:
    """Note why an import could not go on."""
    with store.write() as tx:
        imports.change(tx, number, _now(), state="failed", error=error[:500], finished_at=_now())


def _now() -> int:
    return int(time.time() * 1000)


__all__ = ["Importer", "Options", "Plan", "TransferError", "begin", "plan", "preview", "reopened"]
