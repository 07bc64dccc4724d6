"""``cdp import --as people``: a table of people or accounts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import click

from cdp.cli.common import author, now_ms, open_store, print_object, print_rows
from cdp.cli.errors import CliError
from cdp.cli.import_messages import Folder
from cdp.files import BadFile, load_yaml
from cdp.store import Store
from cdp.store.profiles import imports
from cdp.store.profiles.imports import Import, Refusal
from cdp.store.tables import ACCOUNTS, USERS
from cdp.transfer import importing, undo
from cdp.transfer.background import file_of, folder, held
from cdp.transfer.dryrun import dry_run
from cdp.transfer.errors import TransferError
from cdp.transfer.importing import Counts, Importer, Options, Plan

#: Refused lines that are printed; all are in the report.
_SHOWN = 20


class Asked(NamedTuple):
    """The options of the command."""

    kind: str
    maps: tuple[str, ...]
    ids: tuple[str, ...]
    types: tuple[str, ...]
    mapping: Path | None
    format: str | None
    encoding: str | None
    delimiter: str | None
    preview: bool
    dry_run: bool
    report: Path | None
    again: bool

    def options(self) -> Options:
        """How the file is to be read."""
        told = {**_pairs("--map", self.maps)}
        told |= {
            column: to if to in _PLAIN else f"id:{to}"
            for column, to in _pairs("--id", self.ids).items()
        }
        columns = None
        if self.mapping is not None:
            try:
                body = load_yaml(self.mapping)
            except BadFile as error:
                raise CliError(f"{self.mapping}: {error}") from None
            columns = body.get("columns", body)
        delimiter = "\t" if self.delimiter in ("tab", "\\t") else self.delimiter
        kind = ACCOUNTS if self.kind == "accounts" else USERS
        types = _pairs("--type", self.types)
        return Options(kind, self.format, self.encoding, delimiter, columns, told, types)


_PLAIN = ("user_id", "anonymous_id", "group_id", "email", "phone")


def _pairs(option: str, items: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in items:
        # A column's name may hold the sign, what it becomes does not.
        name, equals, value = item.rpartition("=")
        if not equals or not name or not value:
            raise CliError(f"{option} takes COLUMN=…, not {item!r}")
        found[name] = value
    return found


def import_people(file: BinaryIO, asked: Asked, as_json: bool, **where: Any) -> None:
    """Preview, try or bring in a table."""
    settings, store = open_store(**where)
    try:
        with _as_path(file, settings) as (path, name):
            found = importing.plan(path, name, asked.options())
            if asked.preview:
                _show_preview(found, as_json)
                return
            with _reporting(asked.report) as report:
                work = _try if asked.dry_run else _bring
                work(settings, store, found, asked, report, as_json)
    except TransferError as error:
        raise CliError(str(error)) from None
    finally:
        store.close()


@contextmanager
def _as_path(file: BinaryIO, settings: Any) -> Iterator[tuple[Path, str]]:
    """The file by its path; what is piped in is put into the data folder meanwhile."""
    name = str(getattr(file, "name", "-"))
    if file.seekable() and Path(name).is_file():
        yield Path(name), Path(name).name
        return
    with tempfile.NamedTemporaryFile(dir=folder(settings), prefix="stdin-") as kept:
        shutil.copyfileobj(file, kept, 1 << 20)
        kept.flush()
        yield Path(kept.name), "stdin"


class _Report:
    """Refused lines: the first are kept to be shown, all go to a file, if there is one."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self.first: list[Refusal] = []
        self.count = 0

    def __call__(self, refusal: Refusal) -> None:
        self.count += 1
        if len(self.first) < _SHOWN:
            self.first.append(refusal)
        if self._writer is not None:
            self._writer.writerow([refusal.line, refusal.column or "", refusal.reason])

    def tell(self) -> None:
        for one in self.first:
            column = f", column {one.column!r}" if one.column else ""
            click.echo(f"line {one.line}{column}: {one.reason}", err=True)
        if self.count > len(self.first):
            click.echo(f"and {self.count - len(self.first):,} more", err=True)


@contextmanager
def _reporting(path: Path | None) -> Iterator[_Report]:
    import csv

    if path is None:
        yield _Report(None)
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "column", "reason"])
        yield _Report(writer)


def _show_preview(found: Plan, as_json: bool) -> None:
    shown = importing.preview(found)
    if as_json:
        print_object(shown, True)
        return
    about = ", ".join(
        f"{name} {shown[name]!r}"
        for name in ("format", "encoding", "delimiter")
        if shown[name] is not None
    )
    click.echo(f"{shown['file']}: {about}")
    rows = [
        {
            "column": column["column"],
            "becomes": column["to"],
            "type": f"{column['type']} {column['format'] or ''}".strip(),
            "examples": ", ".join(column["examples"]),
        }
        for column in shown["columns"]
    ]
    print_rows(rows, False)


@contextmanager
def _bar(total: int) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[refused]:,} refused"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("read", total=total, rows=0, refused=0)

        def told(counts: Counts) -> None:
            bar.update(task, completed=counts.read, rows=counts.rows, refused=counts.refused)

        yield told


def _try(
    settings: Any, store: Store, found: Plan, asked: Asked, report: _Report, as_json: bool
) -> None:
    size = found.path.stat().st_size
    item = importing.unnoted(found, author(), now_ms())
    with _bar(size) as told:
        result = dry_run(store, item, found, told, report)
    report.tell()
    if as_json:
        print_object(result, True)
        return
    click.echo(
        f"{result['rows']:,} rows would create {result['created']:,}, update "
        f"{result['updated']:,}, leave {result['unchanged']:,} as they are and merge "
        f"{result['merged']:,}; {result['refused']:,} lines are refused"
    )
    for kind in ("created", "updated", "merged"):
        for example in result["examples"][kind]:
            click.echo(f"  {kind}: ", nl=False)
            print_object(example, True)


def _bring(
    settings: Any, store: Store, found: Plan, asked: Asked, report: _Report, as_json: bool
) -> None:
    item = importing.begin(store, found, author(), now_ms(), again=asked.again)
    with store.read() as tx:
        for refusal in imports.all_refusals(tx, item.id):
            if refusal.line <= item.line or item.state == "done":
                report(refusal)  # of an earlier run
    if item.state != "done":
        size = found.path.stat().st_size
        with (
            held(settings, item.id),
            _bar(size) as told,
            Folder(settings, store) as step,
        ):
            Importer(store, settings, item, found, told).run(step, report=report)
    else:
        click.echo(f"import {item.id} brought this very file before (--again repeats it)", err=True)
    report.tell()
    with store.read() as tx:
        done = imports.by_id(tx, item.id)
        assert done is not None
        shown = shown_import(done, imports.taken(tx, done.source_id))
    if as_json:
        print_object(shown, True)
    else:
        click.echo(
            f"import {done.id}: {shown['taken']:,} rows taken, {shown['repeated']:,} known "
            f"already, {done.refused:,} refused (cdp import undo {done.id} takes it back)"
        )


def shown_import(item: Import, counts: dict[str, int]) -> dict[str, Any]:
    """An import as it is shown."""
    from cdp.events import format_time

    return {
        "id": item.id,
        "at": format_time(item.at),
        "author": item.author,
        "file": item.name,
        "as": "accounts" if item.collection == ACCOUNTS else "people",
        "state": item.state,
        "dry_run": item.dry_run,
        "taken": counts["taken"],
        "repeated": counts["repeated"],
        "suppressed": counts["suppressed"],
        "refused": item.refused,
        "error": item.error,
    }


def find(store: Store, number: int) -> Import:
    """An import, or a refusal."""
    with store.read() as tx:
        item = imports.by_id(tx, number)
    if item is None:
        raise CliError(f"there is no import {number}")
    return item


def undo_import(settings: Any, store: Store, item: Import) -> None:
    """Take an import back, with progress."""
    from rich.console import Console
    from rich.progress import Progress

    try:
        undo.check(item)
        with (
            held(settings, item.id),
            Progress(console=Console(stderr=True)) as bar,
            Folder(settings, store) as step,
        ):
            task = bar.add_task("take back", total=1.0)
            undo.undo(
                store,
                settings,
                item,
                author(),
                step,
                lambda share: bar.update(task, completed=share),
            )
        file_of(settings, item.id).unlink(missing_ok=True)
    except TransferError as error:
        raise CliError(str(error)) from None


__all__ = ["Asked", "find", "import_people", "shown_import", "undo_import"]
