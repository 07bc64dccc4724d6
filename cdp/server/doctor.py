"""Looking a space over: each check is a line that says what is, and what to do."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from cdp import __version__
from cdp.config import Settings
from cdp.events import format_time
from cdp.log import open_reader
from cdp.log.files import segments
from cdp.plugin import manager
from cdp.server import outgoing
from cdp.server.check import FAIL, MANY_WAITING, OK, WARN, Check
from cdp.server.functions import know_functions
from cdp.server.health import SILENT_MS
from cdp.server.supervise import CannotServe, hold
from cdp.store import Store, meta, snapshot
from cdp.store.audiences.warehouse import Reached, all_reached
from cdp.store.db import FILE
from cdp.store.events import console_queries, progress
from cdp.store.migrate import HEAD, current

_MB = 1 << 20
#: Free space below which the log may soon stop, and below which it does.
FEW_BYTES, TOO_FEW_BYTES = 2048 * _MB, 200 * _MB
CLOCK_MS = 5_000
#: How long a lost part of the log is told of.
VANISHED_DAYS = 30
_DAY_MS = 86_400_000


def examine(settings: Settings, deep: bool = True) -> Iterator[Check]:
    """Every check in order; ``deep`` reads the database files whole. Changes nothing."""
    yield from _versions(settings)
    yield from _folder(settings)
    running = _running(settings)
    word = "a server runs over this folder" if running else "no server runs over this folder"
    yield Check("server", OK, word)
    if not settings.database_url and not (settings.data / FILE).exists():
        todo = "The first `cdp serve` makes it."
        yield Check("store", WARN, f"there is none in {settings.data}", todo)
        return
    store = Store.open(settings)
    try:
        found = _store(store)
        yield found
        if found.state != OK:
            return
        if not settings.database_url and deep:
            yield from _integrity(settings)
        yield _clock(store)
        yield _pipeline(store, running or bool(settings.database_url))
        yield from _log(store, settings, running)
        yield from outgoing.destinations(store)
        yield from map(_warehouse, all_reached(store, settings))
        yield from outgoing.streams(store)
        yield from outgoing.journeys(store)
        yield from _plugins(store, settings)
    finally:
        store.close()
    if settings.redis_url:
        yield _redis(settings.redis_url)


def _versions(settings: Settings) -> Iterator[Check]:
    names = f"Headwater {__version__}, Python {platform.python_version()}"
    yield Check("version", OK, f"{names}, SQLite {sqlite3.sqlite_version}")
    where = "Postgres" if settings.database_url else str(settings.data.absolute())
    yield Check("settings", OK, f"they can be read; the store is in {where}")


def _folder(settings: Settings) -> Iterator[Check]:
    data = settings.data
    if not data.is_dir():
        yield Check("folder", WARN, f"{data} does not exist", "The first `cdp serve` makes it.")
        return
    try:
        with tempfile.TemporaryFile(dir=data):
            pass
    except OSError as error:
        todo = "Give the user that runs Headwater the right to write there."
        yield Check("folder", FAIL, f"{data} can't be written: {error.strerror}", todo)
    else:
        if data.stat().st_mode & 0o007:
            todo = f"It holds personal data: chmod 700 {data}"
            yield Check("folder", WARN, f"{data} is open to every user of this machine", todo)
        else:
            yield Check("folder", OK, f"{data} can be written")
    free = shutil.disk_usage(data).free
    state = FAIL if free < TOO_FEW_BYTES else WARN if free < FEW_BYTES else OK
    todo = "" if state == OK else "Make room: when the disk is full, no event is accepted."
    yield Check("disk", state, f"{free // _MB:,} MB are free", todo)


def _running(settings: Settings) -> bool:
    if not os.access(settings.data, os.W_OK):
        return False
    try:
        os.close(hold(settings.data, wait_s=0.0))
    except CannotServe:
        return True
    return False


def _store(store: Store) -> Check:
    try:
        at = current(store)
    except SQLAlchemyError as error:
        line = str(error).splitlines()[0]
        return Check("store", FAIL, f"it can't be read: {line}", "Is the database there?")
    if at is None:
        return Check("store", WARN, "it is empty", "The first `cdp serve` makes its tables.")
    if at < HEAD:
        text_ = f"it is at migration {at}, this Headwater at {HEAD}"
        return Check("store", WARN, text_, "`cdp serve` brings it up to date; back it up first.")
    if at > HEAD:
        text_ = f"it is at migration {at}, this Headwater knows {HEAD}"
        return Check("store", FAIL, text_, "Run the newer Headwater that made it.")
    return Check("store", OK, f"it is at migration {at}")


def _integrity(settings: Settings) -> Iterator[Check]:
    log = settings.data / "log"
    parts = [p for p in log.iterdir() if p.is_dir()] if log.is_dir() else []
    files = [settings.data / FILE, *(path for part in parts for _, path in segments(part))]
    bad = [(path, faults) for path in files if (faults := snapshot.faults_of(path))]
    for path, faults in bad:
        todo = "Stop the server and restore the latest backup: cdp restore FILE --force"
        yield Check("integrity", FAIL, f"{path} is damaged: {faults[0]}", todo)
    if not bad:
        yield Check("integrity", OK, f"{len(files)} database files are sound")


def _clock(store: Store) -> Check:
    now = int(time.time() * 1000)
    todo = "Set the machine's clock, best by NTP: times of events are corrected by it."
    with store.read() as tx:
        newest = int(meta.get(tx, "pipeline_seen") or 0)
        if store.dialect == "postgresql":
            there = float(
                tx.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
            )
            apart = abs(there * 1000 - time.time() * 1000)
            if apart > CLOCK_MS:
                return Check("clock", FAIL, f"it is {apart / 1000:.0f} s from the database's", todo)
    if newest - now > CLOCK_MS:
        text_ = f"it stands {(newest - now) / 1000:.0f} s before the server's last sign of life"
        return Check("clock", FAIL, text_, todo)
    return Check("clock", OK, time.strftime("it says %Y-%m-%d %H:%M:%S UTC", time.gmtime()))


def _pipeline(store: Store, expected: bool) -> Check:
    with store.read() as tx:
        seen = int(meta.get(tx, "pipeline_seen") or 0)
    silent = int(time.time() * 1000) - seen
    if not expected:
        return Check("pipeline", OK, "it runs with the server")
    if silent > SILENT_MS:
        todo = "Look into the server's log; a restart takes up where it stopped."
        return Check("pipeline", FAIL, "it has given no sign of life for a minute", todo)
    return Check("pipeline", OK, "it is at work")


def _log(store: Store, settings: Settings, running: bool) -> Iterator[Check]:
    reader = open_reader(settings)
    try:
        with store.read() as tx:
            known = {row.part: row for row in progress.parts(tx)}
        at = {part: row.pos for part, row in known.items()}
        there = reader.parts()
        waiting = sum(max(0, reader.end(part) - at.get(part, 0)) for part in there)
        gaps = [(part, at.get(part, 0) + 1, reader.first(part) - 1) for part in there]
    finally:
        reader.close()
    what = f"{waiting:,} requests wait for the pipeline"
    if waiting > MANY_WAITING:
        todo = "It takes them in order; if the number grows, see what holds it up in the log."
        yield Check("log", WARN, what, "" if not running else todo)
    elif waiting and not running and not settings.database_url:
        yield Check("log", WARN, what, "`cdp serve` takes them.")
    else:
        yield Check("log", OK, what)
    for part, first, last in gaps:
        if last >= first:
            what = f"the store never took {first:,} to {last:,}, which the log no longer has"
            todo = "The store is older than its log. Restore both from one backup."
            yield Check(f"log {part}", WARN, what, todo)
    lately = int(time.time() * 1000) - VANISHED_DAYS * _DAY_MS
    for row in known.values():
        if row.part not in there and row.ended_at is None and row.updated_at > lately:
            when = format_time(row.updated_at)
            what = f"it is gone; what it held behind the {row.pos:,} taken until {when} is lost"
            todo = (
                "If a copy of the log's folder has it, put it back there and restart: what was "
                f"taken is not doubled. Else this goes after {VANISHED_DAYS} days."
            )
            yield Check(f"log {row.part}", WARN, what, todo)


def _warehouse(found: Reached) -> Check:
    if found.error is not None:
        used = f" (the trait {found.trait} asks it)" if found.trait else ""
        todo = f"See [warehouses] in cdp.toml, or CDP_WAREHOUSE_{found.name.upper()}."
        return Check("warehouse", FAIL, f"{found.error}{used}", todo)
    text_ = f"{found.name} answers ({found.dialect})"
    if found.mighty:
        todo = "Give a user that may only read what traits are made of."
        return Check("warehouse", WARN, f"{text_}, and its user may do everything there", todo)
    return Check("warehouse", OK, text_)


def _plugins(store: Store, settings: Settings) -> Iterator[Check]:
    loaded = know_functions(manager.load(settings.plugin_folder))
    loaded.destinations()
    for failure in loaded.failures:
        text_ = f"{failure.hook} failed: {failure.error}"
        yield Check(f"plugin {failure.plugin}", FAIL, text_, "Mend or remove it.")
    since = int(time.time() * 1000) - _DAY_MS
    with store.read() as tx:
        raised = [e for e in console_queries.all_plugin_errors(tx) if e.last_at > since]
    broken = {failure.plugin for failure in loaded.failures}
    for error in raised:
        if error.plugin not in broken:
            text_ = f"{error.hook} raised {error.n:,} times, last within a day: {error.error}"
            yield Check(f"plugin {error.plugin}", WARN, text_, "The traceback: console, Plugins.")
    if not loaded.failures and not raised:
        yield Check("plugins", OK, f"{len(loaded.names())} loaded, none raised within a day")


def _redis(url: str) -> Check:
    import redis

    try:
        redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3).ping()
    except (redis.RedisError, ValueError) as error:
        return Check("redis", FAIL, f"it can't be reached: {error}", "Is it running?")
    return Check("redis", OK, "it answers")
