"""Imports that go on in the background of a server, and after it was killed.

The file that was uploaded is kept in the data folder until its import has come to an
end; a lock beside it says which process is at it.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from cdp.config import Settings
from cdp.store import Store, imports
from cdp.store.imports import Import, Refusal
from cdp.transfer import importing, undo
from cdp.transfer.dryrun import dry_run
from cdp.transfer.errors import TransferError

logger = structlog.get_logger(__name__)


def folder(settings: Settings) -> Path:
    """Where files wait; only we can look into it."""
    found = settings.data / "imports"
    found.mkdir(parents=True, exist_ok=True, mode=0o700)
    return found


def file_of(settings: Settings, number: int) -> Path:
    """Where the file of an import is kept."""
    return folder(settings) / str(number)


@contextmanager
def held(settings: Settings, number: int) -> Iterator[None]:
    """Be the one process of this machine that works on an import. `TransferError` if another is."""
    path = folder(settings) / f"{number}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TransferError(f"another process works on import {number} just now") from None
        yield
    finally:
        os.close(handle)


class Background:
    """Works on imports in threads of this process."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings

    def resume(self) -> list[threading.Thread]:
        """Go on with what was left in the middle and is here; half an upload is thrown away."""
        for half in folder(self._settings).glob("upload-*"):
            half.unlink(missing_ok=True)
        with self._store.read() as tx:
            waiting = [item for item in imports.all_imports(tx) if item.state in imports.ACTIVE]
        return [
            self.start(item.id)
            for item in waiting
            if item.state == "undoing" or file_of(self._settings, item.id).exists()
        ]

    def start(self, number: int) -> threading.Thread:
        """Work on an import in a thread."""
        thread = threading.Thread(
            target=self.work, args=(number,), name=f"import-{number}", daemon=True
        )
        thread.start()
        return thread

    def work(self, number: int) -> None:
        """Bring an import to its end: read it, try it, or take it back."""
        try:
            with held(self._settings, number):
                self._work(number)
        except TransferError as error:
            logger.info("import_left_alone", number=number, why=str(error))
        except Exception as error:
            logger.exception("import_failed", number=number)
            importing.fail(self._store, number, f"{type(error).__name__}: {error}")
            # It is not gone on with by itself, and people's data must not lie about.
            file_of(self._settings, number).unlink(missing_ok=True)

    def _work(self, number: int) -> None:
        with self._store.read() as tx:
            item = imports.by_id(tx, number)
        if item is None or item.state not in imports.ACTIVE:
            return
        if item.state == "undoing":
            undo.undo(self._store, self._settings, item, item.undone_by or "")
            file_of(self._settings, number).unlink(missing_ok=True)
            return
        path = file_of(self._settings, number)
        try:
            found = importing.reopened(item, path)
            if item.dry_run:
                self._try(item, found)
            else:
                importing.Importer(self._store, self._settings, item, found).run()
        except TransferError as error:
            importing.fail(self._store, number, str(error))
        path.unlink(missing_ok=True)

    def _try(self, item: Import, found: importing.Plan) -> None:
        refusals: list[Refusal] = []

        def report(refusal: Refusal) -> None:
            if len(refusals) < importing.KEPT_REFUSALS:
                refusals.append(refusal)

        result = dry_run(self._store, item, found, report=report)
        importing.end_dry_run(self._store, item, result, refusals)
