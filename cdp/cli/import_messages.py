"""``cdp import`` of messages from a file of JSON lines."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, BinaryIO

import click
import msgspec

from cdp.cli.common import author, now_ms, open_store
from cdp.cli.errors import CliError
from cdp.cli.import_faults import Faults
from cdp.config import Settings
from cdp.events.decode import MalformedJSON, decode_mending

#: Messages that go into one record of the log.
CHUNK = 500
_WAIT_S = 0.05


def import_messages(file: BinaryIO, source: str, live: bool, as_json: bool, **flags: Any) -> None:
    """Take messages from ``file``, those of `cdp export messages` exactly as they were."""
    from cdp.log import open_log
    from cdp.store import config_rows
    from cdp.transfer.errors import TransferError
    from cdp.transfer.replay import Replay, is_head

    settings, store = open_store(**flags)
    with store.read() as tx:
        found = {item.key: item for item in config_rows.all_sources(tx)}
    if source not in found:
        raise CliError(f"there is no source {source!r}; known: {', '.join(found)}")
    log = open_log(settings, "import")
    try:
        work = _Import(settings, store, log, found[source].id, live)
        first = file.readline()
        if is_head(first):
            work.replay = Replay(store, first, now_ms(), author(), live)
            result = work.run(file)
        else:
            result = work.run(_Behind(first, file))
    except TransferError as error:
        raise CliError(str(error)) from None
    finally:
        log.close()
        store.close()
    if work.replay is not None and work.replay.skipped_cuts:
        text = f"{work.replay.skipped_cuts} cuts were left out: the store was not empty"
        click.echo(text, err=True)
    if as_json:
        click.echo(msgspec.json.encode(result).decode())
    else:
        click.echo(
            f"{result['lines']:,} lines: {result['new']:,} new, {result['repeated']:,} known "
            f"already, {result['rejected']:,} rejected (cdp events --rejected)"
        )


class _Behind:
    """A file of which the first line was read already."""

    def __init__(self, first: bytes, file: BinaryIO) -> None:
        self._first, self._file = first, file

    def __iter__(self) -> Iterator[bytes]:
        if self._first:
            yield self._first
        yield from self._file

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, place: int) -> None:
        self._file.seek(place)
        self._first = b""


class _Import:
    def __init__(self, settings: Settings, store: Any, log: Any, source: int, live: bool) -> None:
        self.settings, self.store, self.log = settings, store, log
        self.source, self.live = source, live
        self.replay: Any = None

    def run(self, file: Any) -> dict[str, int]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        from cdp.log import open_reader
        from cdp.store.events import progress as checkpoints

        before = self._totals()
        lines = 0
        faults = Faults()
        # A file is looked through a second time, and only if something was refused.
        again = file.seekable()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,}/{task.total:,}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as bar:
            reading = bar.add_task("read", total=0)
            for record, count in self._records(file, None if again else faults):
                self.log.append(record)
                lines += count
                bar.update(reading, total=lines, completed=lines)
            reader = open_reader(self.settings)
            part = self.log.part
            end = reader.end(part)
            folding = bar.add_task("fold in", total=max(end, 1))
            with Folder(self.settings, self.store) as step:
                while True:
                    step()
                    with self.store.read() as tx:
                        at = checkpoints.positions(tx).get(part, 0)
                    bar.update(folding, completed=at)
                    if at >= end:
                        break
                    time.sleep(_WAIT_S)
            reader.close()
        after = self._totals()
        if self.replay is not None:
            faults = Faults.of(self.replay.refused)
            after["rejected"] += faults.count
        elif again and after["rejected"] > before["rejected"]:
            file.seek(0)
            faults.look_at(file)
        faults.tell()

        def grown(key: str) -> int:
            return after[key] - before[key]

        return {"lines": lines, **{key: grown(key) for key in ("new", "repeated", "rejected")}}

    def _records(self, file: Any, faults: Faults | None) -> Iterator[tuple[Any, int]]:
        from cdp.log import Record

        if self.replay is not None:
            for record in self.replay.records(file):
                lines, self.replay.lines = self.replay.lines, 0
                yield record, lines
            return
        for chunk in _chunks(file if faults is None else _looked_at(file, faults)):
            body = b'{"batch":[' + b",".join(chunk) + b"]}"
            yield Record(now_ms(), self.source, "batch", body, live=self.live), len(chunk)

    def _totals(self) -> dict[str, int]:
        from cdp.store.events import progress

        totals = {"new": 0, "repeated": 0, "rejected": 0}
        with self.store.read() as tx:
            for what, count in progress.total_counts(tx).items():
                kind = what.split(":")[0]
                totals[kind if kind in totals else "new"] += count
        return totals


class Folder:
    """Folds the log in by itself where no server does; a running one holds the lock."""

    def __init__(self, settings: Settings, store: Any) -> None:
        self._settings, self._store = settings, store

    def __enter__(self) -> Any:
        from cdp.log import open_reader
        from cdp.pipeline.run import Pipeline
        from cdp.plugin import manager
        from cdp.server.plugins import PluginEnricher
        from cdp.server.supervise import CannotServe, hold

        self._lock = None
        if not self._settings.database_url:
            try:
                self._lock = hold(self._settings.data, wait_s=0.0)
            except CannotServe:
                return lambda: None
        else:
            return lambda: None
        self._reader = open_reader(self._settings)
        plugins = manager.load(self._settings.plugin_folder)
        enricher = PluginEnricher(plugins, self._store, self._settings)
        return Pipeline(self._store, self._reader, self._settings, enricher).drain

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            import os

            self._reader.close()
            os.close(self._lock)


def _looked_at(lines: Iterable[bytes], faults: Faults) -> Iterator[bytes]:
    for number, line in enumerate(lines, 1):
        faults.look(number, line)
        yield line


def _chunks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    for line in lines:
        text = line.strip()
        if text:
            chunk.append(_with_id(text))
            if len(chunk) >= CHUNK:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


class _Ids(msgspec.Struct):
    messageId: Any = None
    message_id: Any = None


_peek = msgspec.json.Decoder(_Ids).decode


def _with_id(line: bytes) -> bytes:
    """The line as an item of a batch; one that is no object is wrapped to be shown."""
    digest = blake2b(line, digest_size=16).hexdigest()
    try:
        line.decode()
        ids = decode_mending(_peek, line)
    except (MalformedJSON, msgspec.ValidationError, UnicodeDecodeError):
        return msgspec.json.encode(line.decode(errors="replace"))
    if ids.messageId or ids.message_id:
        return line
    # Last, so that it wins over an empty one that the line may have.
    comma = b"" if line[1:].lstrip().startswith(b"}") else b","
    return line[:-1] + comma + b'"messageId":"import-' + digest.encode() + b'"}'
