"""What is to be evaluated: what people defined, against what is under way."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from cdp.audiences import AUDIENCE, COMPUTED_TRAIT, Book, Entry, form_text
from cdp.conditions import ConditionError, Context, parse
from cdp.conditions.ast import Call, Expr, Uploaded, walk
from cdp.conditions.expand import expand
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.size import check_calls
from cdp.definitions.computed_trait import read_of
from cdp.definitions.space import Space
from cdp.pipeline.audiences.connect import connect
from cdp.pipeline.journeys.plan import JourneyPlan
from cdp.store import definitions
from cdp.store.audiences import evaluated as audiences
from cdp.store.audiences import lists, reasons, timers
from cdp.store.audiences.evaluated import COMPUTING, FAILED, GONE, LIVE, WAITING, AudienceRow
from cdp.store.audiences.persons import asked as reads
from cdp.store.defined import by_hand
from cdp.store.definitions import Version
from cdp.store.events import kept
from cdp.store.profiles import trait_values
from cdp.store.tables import ACCOUNTS, USERS

VIRTUAL_EVENT = "virtual_event"
KINDS = (AUDIENCE, COMPUTED_TRAIT, VIRTUAL_EVENT, "topic")
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


def wanted_of(versions: list[Version], lists: Mapping[str, int]) -> list[Wanted]:
    """What the definitions want evaluated; what can't be says why in ``error``.

    ``lists`` are the uploaded ones with their numbers: another content is another
    condition, and so is another version of a plugin's function.
    """
    space = Space({(item.kind, item.key): item.body or {} for item in versions})
    found: list[Wanted] = []
    for item in versions:
        body = item.body or {}
        if item.kind == COMPUTED_TRAIT and "sql" in body:
            collection = _COLLECTIONS.get(body.get("of", "people"), USERS)
            found.append(Wanted(item, collection, None, fingerprint_of_query(body), None))
            continue
        if item.kind == AUDIENCE and body.get("static") and not body.get("archived"):
            collection = _COLLECTIONS.get(body.get("of", "people"), USERS)
            found.append(Wanted(item, collection, None, f"{by_hand.MARK}{collection}", None))
            continue
        text = body.get("who") if item.kind == AUDIENCE else body.get("value")
        if item.kind not in (AUDIENCE, COMPUTED_TRAIT) or not text or body.get("archived"):
            continue
        collection = _COLLECTIONS.get(body.get("of", "people"), USERS)
        root, error = None, None
        try:
            made = space.made((item.kind, item.key))
            root = expand(parse(text, Context.PERSON).root, made)
        except ConditionError as refused:
            error = refused.text
        mark = _fingerprint(collection, root, f"{text}\n{error}", lists)
        found.append(Wanted(item, collection, root, mark, error))
    return found


def fingerprint_of_query(body: Mapping[str, Any]) -> str:
    """The mark of a computed trait that a query works out: its row has no condition."""
    said = [body.get("of", "people"), body["sql"], body.get("reads", [])]
    said += [body["warehouse"]] if "warehouse" in body else []
    return blake2b(repr(tuple(said)).encode(), digest_size=16).hexdigest()


def _fingerprint(collection: int, root: Any, text: str, lists: Mapping[str, int]) -> str:
    if root is None:
        said: tuple[Any, ...] = (collection, [])
        tree = text.encode()
    else:
        said = (collection, [(name, lists.get(name)) for name in sorted(lists_in(root))])
        called = sorted({node.name for node in walk(root) if isinstance(node, Call)})
        brought = [
            (f.plugin, f.name, f.version) for f in map(FUNCTIONS.get, called) if f and f.plugin
        ]
        said = (*said, brought) if brought else said
        tree = _encode(root)
    return blake2b(repr(said).encode() + tree, digest_size=16).hexdigest()


def lists_in(root: Any) -> set[str]:
    """The uploaded lists that a condition asks for."""
    return {node.name for node in walk(root) if isinstance(node, Uploaded)}


def unreadable(root: Any) -> str | None:
    """Why a condition of a row can't be evaluated (any more): a plugin's function is gone."""
    try:
        check_calls(root)
    except ConditionError as error:
        return error.text
    return None


class Plan:
    """What is evaluated now: ``book`` is the ``rows`` that are live or being computed, compiled.

    ``kept`` is what is kept for them of messages, ``roots`` has the condition of each row;
    ``stands`` are the versions of definitions that it was made of, ``told`` the computed
    traits of which destinations are told. What a live row calls that is no function any
    more makes it stand still: its members stay as they are.
    """

    def __init__(self, tx: Connection, now: int, before: Plan | None = None) -> None:
        versions = definitions.all_current(tx, *KINDS)
        listed = {item.key: item.id for item in lists.all_lists(tx)}
        self.stands = [(item.kind, item.key, item.version) for item in versions], listed
        if before is None or before.stands != self.stands:
            _reconcile(tx, wanted_of(versions, listed), now)
            _keep_for_queries(tx, versions, now)
        self.told = connect(tx, versions, now)
        self.travel: JourneyPlan = JourneyPlan(
            tx, versions, before.travel if before is not None else None
        )
        self.travel.note_errors(tx)
        rows: list[AudienceRow] = audiences.rows(tx, WAITING, COMPUTING, LIVE)
        # Lists that are kept by hand, and computed traits that queries work out.
        queried = [row for row in rows if row.root is None]
        rows = [row for row in rows if row.root is not None]
        measured = {
            row.id: row.key for row in queried if row.state == LIVE and row.kind == COMPUTED_TRAIT
        }
        listed_here = {row.id: row.key for row in queried if row.kind == AUDIENCE}
        self.kept: list[kept.KeptProperty] = kept.all_kept(tx)
        still = {row.id for row in rows if not row.fingerprint}
        frozen = {row.id: row.key for row in rows if row.id in still and row.kind == AUDIENCE}
        frozen |= listed_here
        self.rows, self.book = rows, Book((), now)
        self.roots: dict[int, Any] = {}
        self.measured = measured, listed_here
        same = before is not None and before.rows == rows and before.told == self.told
        same = same and before is not None and before.measured == self.measured
        same = same and before is not None and before.travel.asked == self.travel.asked
        same = same and before is not None and before.travel.liquid == self.travel.liquid
        if before is not None and same and before.kept == self.kept:
            self.book, self.roots = before.book, before.roots
            self.travel.begin(self.book, self.kept)
            return
        self.roots = {row.id: _decode(row.root) for row in rows if row.root}
        moving = [row for row in rows if row.id not in still]
        self._keep(tx, now, moving)
        every = (*self.roots.values(), *self.travel.asked)
        names = {name for root in every for name in lists_in(root)}
        at = lists.ListsAt(tx)
        texts = {name: found for name in names if (found := at.get(name)) is not None}
        evaluated = [row for row in moving if row.state != WAITING]
        entries = self._entries(evaluated)
        travel = self.travel
        self.book = Book(entries, now, texts, frozen, measured, travel.asked, travel.liquid)
        self._number_forms(tx)
        self.travel.begin(self.book, self.kept)

    def _number_forms(self, tx: Connection) -> None:
        """Have the clauses noted that entries and exits will name by number."""
        shown = {item.id: item for item in self.book.items if item.is_audience and item.shown}
        forms = {id_: form_text(item.clauses) for id_, item in shown.items()}
        for id_, number in reasons.number_forms(tx, forms).items():
            shown[id_].form = number

    def _keep(self, tx: Connection, now: int, moving: list[AudienceRow]) -> None:
        """Keep what is read, of messages and of traits."""
        asked = self.travel.asked
        if kept.keep(tx, Book(self._entries(moving), now, asked=asked).streams.wanted(), now):
            self.kept = kept.all_kept(tx)
        asked_for = [(row.collection, reads(self.roots[row.id])) for row in moving]
        traits = {(of, path) for of, asked in asked_for for path in asked.traits if path}
        traits |= {(ACCOUNTS, path) for _, asked in asked_for for path in asked.account}
        trait_values.keep(tx, traits, now)

    def _entries(self, rows: list[AudienceRow]) -> list[Entry]:
        return [
            Entry(
                row.id,
                row.kind,
                row.key,
                row.collection,
                row.state == LIVE,
                self.roots[row.id],
                row.kind == COMPUTED_TRAIT and row.key in self.told,
            )
            for row in rows
        ]

    def ready(self, row: AudienceRow) -> bool:
        """Whether all is kept that a waiting row reads, and the audiences it asks for hold.

        Nobody is in an audience that nothing evaluates: one that is archived.
        """
        book = Book(self._entries([row]), 0)
        if not book.items:
            return False
        wanted = book.streams.wanted()
        incomplete = {(item.event, item.path) for item in self.kept if not item.complete}
        asked_for = [other for other in self.rows if other.kind == AUDIENCE]
        live = {other.key for other in asked_for if other.state == LIVE}
        pending = {other.key for other in asked_for} - live
        return not (wanted & incomplete or book.items[0].live.needs.audiences & pending)


def _keep_for_queries(tx: Connection, versions: list[Version], now: int) -> None:
    """Keep what queries of computed traits say that they read."""
    reads = [read_of(text) for item in versions for text in (item.body or {}).get("reads", ())]
    kept.keep(tx, {(read.event, read.path) for read in reads if read.event is not None}, now)
    traits = {(of, read.path) for read in reads if read.event is None for of in (USERS, ACCOUNTS)}
    trait_values.keep(tx, traits, now)


def _reconcile(tx: Connection, wanted: list[Wanted], now: int) -> None:
    """Begin what is new, end what is no longer wanted."""
    under_way: dict[tuple[str, str], list[AudienceRow]] = {}
    there = audiences.rows(tx, WAITING, COMPUTING, LIVE, FAILED)
    for row in there:
        under_way.setdefault((row.kind, row.key), []).append(row)
    book = Book([_entry(index, w) for index, w in enumerate(wanted) if w.root is not None], 0)
    live = {row.key for row in there if row.state == LIVE and row.kind == AUDIENCE}
    errors = _errors(wanted, book, live)
    for item in wanted:
        version, key = item.version, (item.version.kind, item.version.key)
        error = errors.get(key)
        rows = under_way.pop(key, [])
        same = [row for row in rows if row.fingerprint == item.fingerprint and row.error == error]
        for row in rows:
            if row in same and row.version != version.version:
                audiences.change(tx, row.id, version=version.version)
            elif row not in same and row.state != LIVE:
                audiences.change(tx, row.id, state=GONE, ended_at=now)
            elif row not in same and row.fingerprint and row.root and unreadable(_decode(row.root)):
                # It misses what comes from now on: should its function come back, it is
                # computed anew, and its members are these until then.
                audiences.change(tx, row.id, fingerprint="")
        if not same:
            tree = _encode(item.root).decode() if item.root is not None else None
            made = AudienceRow(
                0, *key, version.version, item.fingerprint, tree, item.collection,
                WAITING if error is None else FAILED, 0, 0, 0, now, None, None, error,
            )  # fmt: skip
            if item.fingerprint.startswith(by_hand.MARK):
                _look_again(tx, book, by_hand.begin(tx, made, now), now)
            else:
                audiences.add(tx, made)
    for rows in under_way.values():
        for row in rows:
            if row.state == LIVE and row.kind == AUDIENCE:
                audiences.all_left(tx, row.id, now)
                _look_again(tx, book, row, now)
            audiences.change(tx, row.id, state=GONE, ended_at=now)


def _look_again(tx: Connection, book: Book, row: AudienceRow, now: int) -> None:
    """Who came into an audience or left it as a whole may stand elsewhere in others, too."""
    if row.key in book.of_audience:
        timers.recheck_changed(tx, row.id, now)


def _entry(number: int, item: Wanted) -> Entry:
    return Entry(number, item.version.kind, item.version.key, item.collection, False, item.root)


def _errors(wanted: list[Wanted], book: Book, live: set[str]) -> dict[tuple[str, str], str]:
    """Why what can't be evaluated: itself, or an audience that it asks for.

    One that is in ``live`` has members, even if they are those of long ago.
    """
    found = {(w.version.kind, w.version.key): w.error for w in wanted if w.error is not None}
    circle = ", ".join(sorted(item.key for item in book.circular))
    found |= {(item.kind, item.key): f"it asks for itself: {circle}" for item in book.circular}
    for item in book.items:  # each after those that it asks for
        for key in sorted(item.live.needs.audiences - live):
            if (AUDIENCE, key) in found:
                why = f"the audience {key} can't be worked out: {found[AUDIENCE, key]}"
                found.setdefault((item.kind, item.key), why)
    return found
