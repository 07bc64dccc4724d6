"""Visits that the store doesn't have yet, in a file: a kill loses none that was answered."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
import structlog

logger = structlog.get_logger(__name__)

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode
#: What only its owner may read; files of dead owners that are taken over at once.
_MODE, MOST = 0o600, 100


class Journal(Generic[T]):
    """A file of one process, locked for as long as it lives. Losing power may lose the last."""

    def __init__(self, folder: Path, kind: type[T]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._decode = folder, msgspec.json.Decoder(kind).decode
        name = uuid.uuid4().hex
        self._path, new = folder / f"{name}.jsonl", folder / f"{name}.new"
        self._file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _MODE)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        new.rename(self._path)  # nobody sees it before it is locked
        self._lock, self._open = threading.Lock(), 0

    def note(self, visit: T) -> None:
        """Write a visit down before it is answered."""
        with self._lock:
            self._open += 1
            try:
                os.write(self._file, _encode(visit) + b"\n")
            except OSError as error:  # it is kept all the same, unless we die
                logger.warning("visit_not_noted", error=str(error))

    def kept(self, count: int) -> None:
        """The store has so many of those that were noted."""
        with self._lock:
            self._open -= count
            if self._open == 0:
                os.ftruncate(self._file, 0)

    def left(self) -> Iterator[Sequence[T]]:
        """What processes that died had noted, file by file; each is gone once it was used."""
        for path in sorted(self._folder.glob("*.jsonl"))[:MOST]:
            if path == self._path:
                continue
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue  # its owner is alive
                yield self._read(path.name, file.read())
                path.unlink(missing_ok=True)

    def _read(self, name: str, data: bytes) -> list[T]:
        found = []
        for line in data.splitlines():
            try:
                found.append(self._decode(line))
            except msgspec.DecodeError as error:  # it died while it wrote
                logger.warning("visit_not_read", file=name, error=str(error))
        return found

    def close(self) -> None:
        """Let go of the file; what the store doesn't have stays in it."""
        with self._lock:
            if self._open == 0:
                self._path.unlink(missing_ok=True)
            os.close(self._file)


def opened(folder: Path, kind: type[T]) -> Journal[T] | None:
    """A journal in ``folder``; None where nothing can be written."""
    try:
        return Journal(folder, kind)
    except OSError as error:
        logger.warning("visits_not_noted", folder=str(folder), error=str(error))
        return None
