"""Imports that go on in the background of a server, and after it was killed.

The file that was uploaded is kept in the data folder until its import has come to an
end; a lock beside it says which process is at it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from cdp.config import Settings
from cdp.store import Store
from cdp.store.profiles import imports
from cdp.store.profiles.imports import Import, Refusal
from cdp.transfer import importing, undo
from cdp.transfer.dryrun import dry_run
from cdp.transfer.errors import TransferError
from cdp.transfer.importing import Plan

#: How long a draft (`cdp.transfer.drafts`) and what nobody needs any more is kept.
KEPT_S = 2 * 3600

logger = structlog.get_logger(__name__)


def folder(settings: Settings) -> Path:
    """Where files wait; only we can look into it."""
    found = settings.data / "imports"
    found.mkdir(parents=True, exist_ok=True, mode=0o700)
    return found


def drop_drafts(settings: Settings) -> None:
    """Throw away files that waited too long for somebody to say what is in them."""
    for path in folder(settings).glob("draft-*"):
        _drop_old(path)


def _drop_old(path: Path) -> None:
    with suppress(FileNotFoundError):  # another process was faster
        if path.stat().st_mtime < time.time() - KEPT_S:
            path.unlink()


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
        drop_drafts(self._settings)
        for half in folder(self._settings).glob("upload-*"):
            half.unlink(missing_ok=True)
        with self._store.read() as tx:
            waiting = [item for item in imports.all_imports(tx) if item.state in imports.ACTIVE]
        self._drop_files_but(item.id for item in waiting)
        return [
            self.start(item.id)
            for item in waiting
            if item.state == "undoing" or file_of(self._settings, item.id).exists()
        ]

    def _drop_files_but(self, ids: Iterable[int]) -> None:
        """Throw away old files whose import was over when its process was killed."""
        needed = {str(number) for number in ids}
        for path in folder(self._settings).iterdir():
            if path.name.isdigit() and path.name not in needed:
                _drop_old(path)

    def begin(
        self,
        found: Plan,
        author: str,
        now: int,
        dry_run: bool = False,
        again: bool = False,
        keeps: bool = False,
    ) -> Import:
        """Bring a file in, which becomes ours unless ``keeps``; or find the import that did."""
        item = importing.begin(self._store, found, author, now, dry_run, again)
        if item.state == "done":
            return item
        path = file_of(self._settings, item.id)
        if keeps:
            shutil.copyfile(found.path, path, follow_symlinks=False)
            path.chmod(0o600)
        else:
            found.path.replace(path)
        if item.state == "failed":
            with self._store.write() as tx:
                imports.change(tx, item.id, now, state="waiting", error=None)
        self.start(item.id)
        return item

    def undo(self, item: Import, author: str, now: int) -> None:
        """Begin to take an import back. `TransferError` if that can't be, or somebody is at it."""
        undo.check(item)
        # Whoever reads the file in must have come to an end, or be dead.
        with held(self._settings, item.id), self._store.write() as tx:
            imports.change(tx, item.id, now, state="undoing", undone_by=author)
        self.start(item.id)

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
