"""Backups: the store, the log and the plugins of a data folder in one archive.

The store is copied first, the log after it, and nothing of the log is dropped
meanwhile. So every message that was acknowledged before the backup began is in the
one or the other, and what is in both is folded in once (law 2). The archive is a
``.tar.gz`` with a ``manifest.json``; it holds secrets, and only its owner can read it.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from cdp import __version__
from cdp.config import Settings
from cdp.events import format_time
from cdp.log.files import keeping, segments
from cdp.server.supervise import CannotServe, hold
from cdp.store import Store, snapshot
from cdp.store.db import FILE
from cdp.store.events import kept_files
from cdp.store.migrate import HEAD
from cdp.store.profiles import exports

FORMAT = 1
MANIFEST = "manifest.json"
#: What of a data folder is ours, and so is put away and replaced.
OURS = (FILE, FILE + "-wal", FILE + "-shm", kept_files.FOLDER, "log", "plugins", "name")


class CannotBackUp(RuntimeError):
    """A backup can't be made or read; the text is one line for the operator."""


def back_up(
    settings: Settings, target: Path, force: bool = False, author: str = "somebody"
) -> dict[str, Any]:
    """Write an archive of the data folder to ``target`` and return its manifest.

    The store notes where it went, for what a deletion lists later. With a store in Postgres
    the archive has no store and no log: `pg_dump` has both.
    """
    if target.exists() and not force:
        raise CannotBackUp(f"{target} exists already")
    if not settings.data.is_dir():
        raise CannotBackUp(f"there is no data folder {settings.data}")
    database = "postgresql" if settings.database_url else "sqlite"
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "version": __version__,
        "database": database,
        "made_at": format_time(_now()),
    }
    noted = _note(settings, target, author) if database == "sqlite" else None
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.absolute().parent) as work:
        room = Path(work)
        if database == "sqlite":
            _copy_databases(settings.data, room)
            manifest["migration"] = snapshot.migration_of(room / FILE)
        part = room / "archive"
        with tarfile.open(part, "w:gz", compresslevel=3) as archive:
            _add_bytes(archive, MANIFEST, json.dumps(manifest, indent=1).encode())
            for path in sorted(room.rglob("*.db")):
                archive.add(path, str(path.relative_to(room)))
            for path, name in _others(settings):
                archive.add(path, name, recursive=False)
        part.chmod(0o600)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(part, target)
    if noted is not None:
        _note_end(settings, noted)
    return {**manifest, "file": str(target), "bytes": target.stat().st_size}


def _note(settings: Settings, target: Path, author: str) -> int | None:
    """Note a backup among what left the store; None in a store that an older version made."""
    if not (settings.data / FILE).exists() or snapshot.migration_of(settings.data / FILE) != HEAD:
        return None
    store = Store.open(settings)
    try:
        with store.write() as tx:
            where = str(target.absolute())
            return exports.begin_export(tx, _now(), author, "backup", "tar.gz", {}, where)
    finally:
        store.close()


def _note_end(settings: Settings, number: int) -> None:
    store = Store.open(settings)
    try:
        with store.write() as tx:
            exports.end_export(tx, number, _now(), 0)
    finally:
        store.close()


def _now() -> int:
    return int(time.time() * 1000)


def _copy_databases(data: Path, room: Path) -> None:
    if not (data / FILE).exists():
        raise CannotBackUp(f"there is no store in {data}")
    with keeping(data / "log"):
        snapshot.copy_file(data / FILE, room / FILE)
        for folder in sorted(p for p in (data / "log").iterdir() if p.is_dir()):
            (room / "log" / folder.name).mkdir(parents=True)
            for _, path in segments(folder):
                snapshot.copy_file(path, room / "log" / folder.name / path.name)


def _others(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Files that are copied as they are, with their names in the archive."""
    if (settings.data / "name").is_file():
        yield settings.data / "name", "name"
    for path in sorted(settings.plugin_folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts:
            yield path, f"plugins/{path.relative_to(settings.plugin_folder).as_posix()}"


def _add_bytes(archive: tarfile.TarFile, name: str, body: bytes) -> None:
    item = tarfile.TarInfo(name)
    item.size, item.mode, item.mtime = len(body), 0o600, int(time.time())
    archive.addfile(item, io.BytesIO(body))


def restore(settings: Settings, source: Path, force: bool = False) -> dict[str, Any]:
    """Put an archive's content into the data folder and return its manifest.

    Refuses a folder that a server uses, and without ``force`` one that holds
    something. The archive is unpacked and checked beside what is there before that
    is replaced; files that are not ours stay.
    """
    data = settings.data
    with _archive(source) as archive:
        manifest = _manifest(archive, source)
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            lock = hold(data, wait_s=0.0)
        except CannotServe as error:
            raise CannotBackUp(str(error)) from None
        try:
            if not force and any(path.name != "serve.lock" for path in data.iterdir()):
                raise CannotBackUp(f"{data} is not empty; --force replaces what is there")
            with tempfile.TemporaryDirectory(prefix=".restore-", dir=data) as work:
                _unpack(archive, Path(work), source)
                _check(Path(work), manifest, source)
                _replace(Path(work), data)
        finally:
            os.close(lock)
    return manifest


@contextmanager
def _archive(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, "r:gz") as archive:
            yield archive
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CannotBackUp(f"{source} is no whole backup: {error}") from None


def _manifest(archive: tarfile.TarFile, source: Path) -> dict[str, Any]:
    first = archive.next()
    file = archive.extractfile(first) if first is not None and first.name == MANIFEST else None
    try:
        found = json.loads(file.read()) if file else None
    except ValueError:
        found = None
    if not isinstance(found, dict) or "format" not in found:
        raise CannotBackUp(f"{source} is no backup of Headwater")
    if found["format"] != FORMAT or (found.get("migration") or "") > HEAD:
        raise CannotBackUp(
            f"{source} was made by Headwater {found.get('version')}, which is newer than this one"
        )
    return found


def _unpack(archive: tarfile.TarFile, room: Path, source: Path) -> None:
    for item in archive:
        path = PurePosixPath(item.name)
        if item.name == MANIFEST:
            continue
        if not item.isfile() or path.is_absolute() or ".." in path.parts:
            raise CannotBackUp(f"{source} holds {item.name!r}, which no backup does")
        if path.parts[0] not in OURS:
            raise CannotBackUp(f"{source} holds {item.name!r}, which no backup does")
        target = room.joinpath(*path.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        file = archive.extractfile(item)
        assert file is not None  # it is a file
        with target.open("wb") as out:
            shutil.copyfileobj(file, out)
            out.flush()
            os.fsync(out.fileno())
        target.chmod(0o600)


def _check(room: Path, manifest: dict[str, Any], source: Path) -> None:
    if manifest["database"] == "sqlite" and not (room / FILE).exists():
        raise CannotBackUp(f"{source} has no store")
    for path in [room / FILE, *(room / "log").rglob("*.db")]:
        faults = snapshot.faults_of(path) if path.exists() else []
        if faults:
            raise CannotBackUp(f"{source}: {path.relative_to(room)} is damaged: {faults[0]}")


def _replace(room: Path, data: Path) -> None:
    for name in OURS:
        old = data / name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    for path in room.iterdir():
        os.replace(path, data / path.name)
    handle = os.open(data, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
