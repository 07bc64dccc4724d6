"""What is to be evaluated: what people defined, against what is under way."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from cdp.audiences import AUDIENCE, COMPUTED_TRAIT, Book, Entry
from cdp.conditions import ConditionError, Context, parse
from cdp.conditions.ast import Expr, Uploaded, walk
from cdp.conditions.expand import Made, Virtual, expand
from cdp.store import audiences, definitions, kept, lists, trait_values
from cdp.store.audiences import COMPUTING, FAILED, GONE, LIVE, WAITING, AudienceRow
from cdp.store.definitions import Version
from cdp.store.persons import asked
from cdp.store.tables import ACCOUNTS, USERS

VIRTUAL_EVENT = "virtual_event"
KINDS = (AUDIENCE, COMPUTED_TRAIT, VIRTUAL_EVENT)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Expr).decode
_COLLECTIONS = {"people": USERS, "accounts": ACCOUNTS}


class Wanted(NamedTuple):
    """A definition that is to be evaluated, with everything made in it expanded."""

    version: Version
    collection: int
    root: Any
    fingerprint: str
    error: str | None


def made_of(versions: list[Version]) -> tuple[Made, dict[str, str]]:
    """What conditions may name; and of computed traits that can't be read, why not."""
    events: dict[str, Virtual] = {}
    traits: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for item in versions:
        body = item.body or {}
        try:
            if item.kind == VIRTUAL_EVENT:
                where = str(body.get("where") or "").strip()
                condition = parse(where, Context.MESSAGE).root if where else None
                events[str(body.get("name") or item.key)] = Virtual(body["event"], condition)
            elif item.kind == COMPUTED_TRAIT and body.get("value"):
                traits[item.key] = parse(body["value"], Context.PERSON).root
        except ConditionError as error:
            errors[item.key] = str(error)
    return Made(events, traits), errors


def wanted_of(versions: list[Version], lists: Mapping[str, int]) -> list[Wanted]:
    """What the definitions want evaluated; what can't be says why in ``error``.

    ``lists`` are the uploaded ones with their numbers: another content is another condition.
    """
    made, errors = made_of(versions)
    found: list[Wanted] = []
    for item in versions:
        body = item.body or {}
        text = body.get("who") if item.kind == AUDIENCE else body.get("value")
        if item.kind not in (AUDIENCE, COMPUTED_TRAIT) or not text or body.get("archived"):
            continue
        collection = _COLLECTIONS.get(body.get("of", "people"), USERS)
        root, error = None, errors.get(item.key) if item.kind == COMPUTED_TRAIT else None
        if error is None:
            try:
                root = expand(parse(text, Context.PERSON).root, made)
            except ConditionError as refused:
                error = str(refused)
        tree = _encode(root) if root is not None else f"{text}\n{error}".encode()
        named = sorted(lists_in(root)) if root is not None else []
        said = repr((collection, [(name, lists.get(name)) for name in named])).encode()
        mark = blake2b(said + tree, digest_size=16).hexdigest()
        found.append(Wanted(item, collection, root, mark, error))
    return found


def lists_in(root: Any) -> set[str]:
    """The uploaded lists that a condition asks for."""
    return {node.name for node in walk(root) if isinstance(node, Uploaded)}


class Plan:
    """What is evaluated now: ``book`` is the ``rows`` that are live or being computed, compiled.

    ``kept`` is what is kept for them of messages, ``roots`` has the condition of each row;
    ``stands`` are the versions of definitions that it was made of.
    """

    def __init__(self, tx: Connection, now: int, before: Plan | None = None) -> None:
        versions = definitions.all_current(tx, *KINDS)
        listed = {item.key: item.id for item in lists.all_lists(tx)}
        self.stands = [(item.kind, item.key, item.version) for item in versions], listed
        if before is None or before.stands != self.stands:
            _reconcile(tx, wanted_of(versions, listed), now)
        rows: list[AudienceRow] = audiences.rows(tx, WAITING, COMPUTING, LIVE)
        self.kept: list[kept.KeptProperty] = kept.all_kept(tx)
        self.rows, self.book = rows, Book((), now)
        self.roots: dict[int, Any] = {}
        if before is not None and before.rows == rows and before.kept == self.kept:
            self.book, self.roots = before.book, before.roots
            return
        self.roots = {row.id: _decode(row.root or "null") for row in rows}
        self._keep(tx, now)
        names = {name for root in self.roots.values() for name in lists_in(root)}
        at = lists.ListsAt(tx)
        texts = {name: found for name in names if (found := at.get(name)) is not None}
        evaluated = [row for row in rows if row.state != WAITING]
        self.book = Book(self._entries(evaluated), now, texts)

    def _keep(self, tx: Connection, now: int) -> None:
        """Keep what is read, of messages and of traits."""
        if kept.keep(tx, Book(self._entries(self.rows), now).streams.wanted(), now):
            self.kept = kept.all_kept(tx)
        traits = {
            (row.collection, path)
            for row in self.rows
            for path in asked(self.roots[row.id]).traits
            if path
        }
        trait_values.keep(tx, traits, now)

    def _entries(self, rows: list[AudienceRow]) -> list[Entry]:
        return [
            Entry(row.id, row.kind, row.key, row.collection, row.state == LIVE, self.roots[row.id])
            for row in rows
        ]

    def ready(self, row: AudienceRow) -> bool:
        """Whether all is kept that a waiting row reads, and the audiences it asks for hold."""
        book = Book(self._entries([row]), 0)
        if not book.items:
            return False
        wanted = book.streams.wanted()
        incomplete = {(item.event, item.path) for item in self.kept if not item.complete}
        live = {other.key for other in self.rows if other.state == LIVE and other.kind == AUDIENCE}
        return not (wanted & incomplete) and book.items[0].live.needs.audiences <= live


def _reconcile(tx: Connection, wanted: list[Wanted], now: int) -> None:
    """Begin what is new, end what is no longer wanted."""
    under_way: dict[tuple[str, str], list[AudienceRow]] = {}
    for row in audiences.rows(tx, WAITING, COMPUTING, LIVE, FAILED):
        under_way.setdefault((row.kind, row.key), []).append(row)
    circular = _circular(wanted)
    for item in wanted:
        version, key = item.version, (item.version.kind, item.version.key)
        error = item.error
        if error is None and item.version.key in circular:
            error = "it asks for itself: " + ", ".join(sorted(circular))
        rows = under_way.pop(key, [])
        same = [row for row in rows if row.fingerprint == item.fingerprint and row.error == error]
        for row in rows:
            if row in same and row.version != version.version:
                audiences.change(tx, row.id, version=version.version)
            elif row not in same and row.state != LIVE:
                audiences.change(tx, row.id, state=GONE, ended_at=now)
        if not same:
            tree = _encode(item.root).decode() if item.root is not None else None
            audiences.add(
                tx,
                AudienceRow(
                    0, *key, version.version, item.fingerprint, tree, item.collection,
                    WAITING if error is None else FAILED, 0, 0, 0, now, None, None, error,
                ),
            )  # fmt: skip
    for rows in under_way.values():
        for row in rows:
            if row.state == LIVE and row.kind == AUDIENCE:
                audiences.all_left(tx, row.id, now)
            audiences.change(tx, row.id, state=GONE, ended_at=now)


def _circular(wanted: list[Wanted]) -> set[str]:
    entries = [
        Entry(index, w.version.kind, w.version.key, w.collection, False, w.root)
        for index, w in enumerate(wanted)
        if w.root is not None
    ]
    return {item.key for item in Book(entries, 0).circular}
