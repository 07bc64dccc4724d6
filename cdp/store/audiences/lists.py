"""Uploaded lists: kept in versions, replaced as a whole, read by every process once.

The values of a version are written in pieces, so that nobody waits long for it, and
hold from the transaction on that names it in the list's definition.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Container, Iterable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, collate, delete, insert, select, update

from cdp.conditions import ConditionError
from cdp.conditions.ast import Uploaded, walk
from cdp.conditions.lists import Texts
from cdp.conditions.parser import parse_text
from cdp.profiles.needles import Needles
from cdp.store import config_rows, definitions, meta
from cdp.store.bulk import chunks, insert_many
from cdp.store.db import Store
from cdp.store.tables import list_values, lists

KIND = "list"
KEY = re.compile(r"[a-z][a-z0-9_]{0,59}")
#: Kinds of definitions with conditions.
_ASKING = ("audience", "computed_trait", "virtual_event", "journey")
#: Values in one transaction.
PIECE = 20_000
#: Versions of a list whose values are kept: the one that holds, and the one before it.
KEPT = 2
#: An upload that has not ended after so long has been given up.
GIVEN_UP_MS = 6 * 3_600_000
#: How old an answer may be.
FRESH_S = 0.4


class Listed(NamedTuple):
    """A list as it holds now. ``id`` is the number of its values."""

    key: str
    id: int
    version: int
    size: int
    digest: str
    author: str
    at: int


class ListInUse(ValueError):
    """A list that conditions ask for can't go; the text says whose."""


class NoSuchList(LookupError):
    """There is no list of that name, or none of that version any more."""


def all_lists(tx: Connection) -> list[Listed]:
    """All lists, by name."""
    found = [_listed(tx, item) for item in definitions.all_current(tx, KIND)]
    return [item for item in found if item is not None]


def find(tx: Connection, key: str) -> Listed:
    """The list of that name; `NoSuchList`."""
    item = definitions.current(tx, KIND, key)
    found = _listed(tx, item) if item is not None else None
    if found is None:
        raise NoSuchList(f"there is no list {key}")
    return found


def _listed(tx: Connection, item: definitions.Version) -> Listed | None:
    number = (item.body or {}).get("list")
    row = tx.execute(select(lists).where(lists.c.id == number)).first()
    if row is None:
        return None
    return Listed(item.key, row.id, item.version, row.size, row.digest, item.author, item.at)


def put(store: Store, now: int, key: str, values: Sequence[str], author: str) -> Listed:
    """Make a list of these values (`read_values`), or replace the one that has the name."""
    if KEY.fullmatch(key) is None:
        raise ValueError(
            f"{key[:80]!r} is no name of a list: small letters, digits and _, a letter first"
        )
    digest = sha256("\n".join(values).encode()).hexdigest()
    with store.write() as tx:
        old = definitions.current(tx, KIND, key)
        held = _listed(tx, old) if old is not None else None
        if held is not None and held.digest == digest and held.size == len(values):
            return held
        number = meta.take_numbers(tx, KIND, 1)
        row = {"id": number, "key": key, "size": len(values), "digest": digest}
        tx.execute(insert(lists).values(**row, whole=False, at=now))
    for piece in chunks(values, PIECE):
        with store.write() as tx:
            insert_many(tx, list_values, ("list", "value"), [(number, value) for value in piece])
    with store.write() as tx:
        meta.bump(tx)
        tx.execute(update(lists).where(lists.c.id == number).values(whole=True))
        body = {"list": number, "values": len(values), "digest": digest}
        definitions.put(tx, now, KIND, key, body, author)
        made = find(tx, key)
    drop_old(store, now)
    return made


def before(tx: Connection, key: str) -> Listed | None:
    """The version before the one that holds, while its values are kept."""
    held = find(tx, key)
    for version in definitions.versions(tx, KIND, key):
        number = (version.body or {}).get("list")
        if version.version < held.version and number not in (None, held.id):
            return _listed(tx, version)
    return None


def revert(tx: Connection, now: int, key: str, author: str) -> Listed:
    """Let the version before the one that holds hold again; `NoSuchList` if it is gone."""
    old = before(tx, key)
    if old is None:
        raise NoSuchList(f"of the list {key} no earlier version is kept")
    body = definitions.body_of(tx, KIND, key, old.version)
    definitions.put(tx, now, KIND, key, body, author)
    return find(tx, key)


def remove(store: Store, now: int, key: str, author: str) -> None:
    """Remove a list; `ListInUse` while a condition asks for it."""
    with store.write() as tx:
        meta.bump(tx)
        find(tx, key)
        users = used_by(tx, key)
        if users:
            raise ListInUse(f"the list {key} is asked for by {', '.join(users)}")
        definitions.put(tx, now, KIND, key, None, author)
        tx.execute(update(lists).where(lists.c.key == key).values(whole=False, at=0))
    drop_old(store, now)


def users_of(tx: Connection, key: str) -> list[tuple[str, str]]:
    """Who has a condition that asks for a list: kinds and keys."""
    found = [
        ("destination", item.key)
        for item in config_rows.all_destinations(tx)
        if _asks_for(item.filter, key)
    ]
    for item in definitions.all_current(tx, *_ASKING):
        if any(_asks_for(text, key) for text in _strings(item.body)):
            found.append((item.kind, item.key))
    return found


def used_by(tx: Connection, key: str) -> list[str]:
    """Who has a condition that asks for a list, in words."""
    return [f"the {kind.replace('_', ' ')} {name}" for kind, name in users_of(tx, key)]


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _asks_for(text: str, key: str) -> bool:
    if key not in text:
        return False
    try:
        root = parse_text(text).root
    except ConditionError:
        return False
    return any(isinstance(node, Uploaded) and node.name == key for node in walk(root))


def drop_old(store: Store, now: int) -> None:
    """Take out the values of versions that are no longer kept, and of uploads given up."""
    with store.read() as tx:
        rows = tx.execute(select(lists).order_by(lists.c.id.desc())).all()
    whole: dict[str, int] = {}
    for row in rows:
        if row.whole:
            whole[row.key] = whole.get(row.key, 0) + 1
            if whole[row.key] <= KEPT:
                continue
        elif row.at > now - GIVEN_UP_MS:
            continue
        _drop(store, row.id)


def _drop(store: Store, number: int) -> None:
    values = list_values.c
    some = select(values.value).where(values.list == number).limit(PIECE)
    while True:
        with store.write() as tx:
            # Between looking and now it may have come to hold again.
            if _holds(tx, number):
                return
            gone = delete(list_values).where(values.list == number, values.value.in_(some))
            if tx.execute(gone).rowcount == 0:
                tx.execute(delete(lists).where(lists.c.id == number))
                return


def _holds(tx: Connection, number: int) -> bool:
    return any((v.body or {}).get("list") == number for v in definitions.all_current(tx, KIND))


def values_of(tx: Connection, number: int) -> Texts:
    """The values of a version, held in little memory."""
    value: Any = list_values.c.value
    by_code_point = collate(value, "C") if tx.dialect.name == "postgresql" else value
    statement = select(value).where(list_values.c.list == number).order_by(by_code_point)
    rows = tx.execute(statement.execution_options(yield_per=10_000))
    return Texts(row[0] for row in rows)


# -- forgetting ---------------------------------------------------------------------


def lines_about(tx: Connection, needles: Needles) -> list[tuple[int, str]]:
    """The values, with their list's number, that hold something of deleted people."""
    statement = select(list_values.c.list, list_values.c.value)
    rows = tx.execute(statement.execution_options(yield_per=10_000))
    return [(number, value) for number, value in rows if needles.named_in(f'"{value}"')]


def forget(tx: Connection, lines: Iterable[tuple[int, str]]) -> None:
    """Take values out of their lists."""
    gone: dict[int, int] = {}
    for number, value in lines:
        values = list_values.c
        where = (values.list == number, values.value == value)
        gone[number] = gone.get(number, 0) + tx.execute(delete(list_values).where(*where)).rowcount
    for number, count in gone.items():
        size = lists.c.size - count
        # Its digest is no longer that of the file: to bring this one again makes a version.
        tx.execute(update(lists).where(lists.c.id == number).values(size=size, digest=""))
    if gone:
        meta.bump(tx)


# -- for evaluators -----------------------------------------------------------------

#: A version of a list; its size changes where people are forgotten.
_Number = tuple[int, int]
#: What a process holds in memory of each database: every list once.
_held: WeakKeyDictionary[Engine, dict[str, tuple[_Number, Texts]]] = WeakKeyDictionary()


def _numbers(tx: Connection) -> dict[str, _Number]:
    return {item.key: (item.id, item.size) for item in all_lists(tx)}


def _texts(tx: Connection, key: str, number: _Number) -> Texts:
    """The values of a version, from memory if it was read before."""
    known = _held.setdefault(tx.engine, {})
    found = known.get(key)
    if found is None or found[0] != number:
        found = known[key] = (number, values_of(tx, number[0]))
    return found[1]


class ListsAt:
    """The lists as they are in a transaction."""

    def __init__(self, tx: Connection) -> None:
        self._tx = tx
        self._current: dict[str, _Number] | None = None

    def get(self, name: str) -> Container[str] | None:
        """The list of a name; None if there is none."""
        if self._current is None:
            self._current = _numbers(self._tx)
        number = self._current.get(name)
        return _texts(self._tx, name, number) if number is not None else None


class Lists:
    """The lists of a store, at most `FRESH_S` old."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._looked = 0.0
        self._version = -1
        self._current: dict[str, _Number] = {}

    def get(self, name: str) -> Container[str] | None:
        """The list of a name; None if there is none."""
        if time.monotonic() - self._looked > FRESH_S:
            self._look()
        number = self._current.get(name)
        if number is None:
            return None
        found = _held.get(self._store.engine, {}).get(name)
        return found[1] if found is not None and found[0] == number else self._read(name, number)

    def _look(self) -> None:
        with self._lock, self._store.read() as tx:
            version = meta.version(tx)
            if version != self._version:
                self._current, self._version = _numbers(tx), version
                known = _held.get(self._store.engine, {})
                for gone in known.keys() - self._current.keys():
                    known.pop(gone, None)
            self._looked = time.monotonic()

    def _read(self, name: str, number: _Number) -> Texts:
        with self._lock, self._store.read() as tx:
            return _texts(tx, name, number)


_of: WeakKeyDictionary[Store, Lists] = WeakKeyDictionary()


def lists_of(store: Store) -> Lists:
    """The one `Lists` of a store in this process."""
    found = _of.get(store)
    if found is None:
        found = _of.setdefault(store, Lists(store))
    return found
