"""One way through the whole store that cleans up after all deleted people of a while."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from cdp.identity import Identifier, identifier_hash, node_key
from cdp.log.open import Reader
from cdp.pipeline.batch import tell_refolded
from cdp.pipeline.mend import Mended, mend
from cdp.pipeline.naming import ids_text
from cdp.profiles.consent import Consent, latest
from cdp.profiles.needles import Needles
from cdp.protocols import general_name
from cdp.store import Store, meta, wiping
from cdp.store.audiences import lists, members
from cdp.store.bulk import chunks
from cdp.store.catalogue import writing as catalogue
from cdp.store.events import history, kept_files, progress, unlisted
from cdp.store.privacy import removal, traces
from cdp.store.profiles import graph, identity, regulations
from cdp.store.profiles.graph import NodeRow
from cdp.store.profiles.regulations import Regulation
from cdp.store.tables import USERS

_KEY = "deletion_sweep"
#: Blocks that are read in one piece of work.
BLOCKS = 200
#: How often the emptying of the log is tried before it is noted as not done.
TRIES = 20
_NODES = 200
_decode_ids = msgspec.json.Decoder(list[tuple[str, str]]).decode


class Sweeping(NamedTuple):
    """How far a sweep is: its regulations, the stage, and the place in it.

    What was said from a regulation's position ``until`` on was said after its people
    were deleted, and is no business of ours.
    """

    regulations: list[int]
    stage: str
    at: list[int]
    left: list[str]


def sweeping(tx: Connection) -> Sweeping | None:
    """The sweep that is under way."""
    text = meta.get(tx, _KEY)
    return Sweeping(**json.loads(text)) if text else None


def begin_sweep(store: Store, numbers: list[int], now: int) -> None:
    """Begin a sweep for some regulations, unless one is under way."""
    with store.write() as tx:
        progress.take_turn(tx)
        if sweeping(tx) is None:
            _put(tx, Sweeping(numbers, "parting", [0, 0], []))


def go_on(store: Store, reader: Reader, at: Sweeping, now: int) -> None:
    """The next piece of a sweep."""
    with store.read() as tx:
        items = [regulations.get(tx, number) for number in at.regulations]
    found = [item for item in items if item is not None and not item.ended]
    _STAGES[at.stage](store, reader, at, found, now)


def _put(tx: Connection, at: Sweeping | None) -> None:
    meta.put(tx, _KEY, json.dumps(at._asdict()) if at is not None else "")


def _identifiers(items: list[Regulation]) -> set[Identifier]:
    return {
        (type_, value)
        for item in items
        if item.work is not None
        for type_, value in item.work["identifiers"]
    }


def _needles(items: list[Regulation], without: set[Identifier] = frozenset()) -> Needles:  # type: ignore[assignment]
    back = {value for _, value in without}
    values, private = (
        {value for item in items if item.work is not None for value in item.work[kind]} - back
        for kind in ("values", "private")
    )
    return Needles(_identifiers(items) - without, values, private)


def _next(tx: Connection, at: Sweeping, stage: str, share: float, **changes: Any) -> None:
    _put(tx, at._replace(stage=stage, at=[0, 0], **changes))
    for number in at.regulations:
        item = regulations.get(tx, number)
        if item is not None and not item.ended:
            detail = {**item.detail, "done": share}
            regulations.put(tx, item._replace(phase=stage, detail=detail))


# -- stages ---------------------------------------------------------------------------


def _part(store: Store, reader: Reader, at: Sweeping, items: list[Regulation], now: int) -> None:
    """Other people's nodes that name a deleted identifier go on without it."""
    index = at.at[0]
    with store.write() as tx:
        progress.take_turn(tx)
        if index >= len(items):
            _next(tx, at, "blocks", 0.65)
            return
        gone, until = _identifiers(items[index : index + 1]), _until(items[index])
        _shorten_cuts(tx, gone)
        named = _nodes_naming(tx, gone)
        ids = [row.id for row in named]
        said = removal.said_before(tx, ids, until)
        # One without any events lost them to retention.
        silent = set(ids) - removal.first_times(tx, ids).keys()
        old = [row for row in named if row.id in said or row.id in silent]
        touched: list[int] = []
        for row in old[:_NODES]:
            touched += _without(tx, row, gone, until)
        _mend(tx, touched, now, {row.id for row in old})
        if len(old) <= _NODES:
            _put(tx, at._replace(at=[index + 1, 0]))


def _until(item: Regulation) -> int:
    return int(item.work["until"]) if item.work is not None else 0


def _nodes_naming(tx: Connection, gone: set[Identifier]) -> list[NodeRow]:
    found: list[NodeRow] = []
    for some in chunks(sorted(gone)):
        hashes = [identifier_hash(USERS, item) for item in some]
        rows = graph.identifiers_by_hash(tx, hashes)
        components = sorted({row.component for row in rows if row.collection == USERS})
        for node in graph.nodes_of_components(tx, components):
            if gone & set(_decode_ids(node.ids)):
                found.append(node)
    return sorted({row.id: row for row in found}.values())


def _without(tx: Connection, row: NodeRow, gone: set[Identifier], until: int) -> list[int]:
    """Give a node's earlier messages to the node without the identifiers; returns both."""
    ids = tuple(item for item in _decode_ids(row.ids) if item not in gone)
    text, key = ids_text(ids), node_key(row.collection, ids)
    home = next(
        (
            other.id
            for other in graph.nodes_by_key(tx, [key])
            if other.ids == text and other.collection == row.collection
        ),
        None,
    )
    if not ids:
        home = 0  # it was about nobody else
    elif home is None:
        home = meta.take_numbers(tx, "node", 1)
        graph.insert_nodes(tx, [row._replace(id=home, key=key, ids=text, dropped=None)])
    if home:
        _first_of_both(tx, row, home)
    if home and len(ids) > 1:
        days = identity.sightings_of(tx, [row.id])
        identity.add_sightings(tx, [(home, day, stamp) for _, day, stamp in days])
    if home:
        texts = graph.node_consents(tx, [row.id, home]).values()
        agreed = latest(Consent.decode(text) for text in texts)
        graph.put_node_consents(tx, [(home, agreed.encode())] if agreed is not None else [])
    removal.move_rows(tx, row.id, home, until)
    return [row.id, home] if home else [row.id]


def _first_of_both(tx: Connection, row: NodeRow, home: int) -> None:
    for other in graph.nodes_by_id(tx, [home]):
        first = min(_first(row), _first(other))
        if first != _first(other):
            t, source, message_id = first
            new = other._replace(first_t=t, first_source=source, first_message_id=message_id)
            graph.update_nodes(tx, [new])


def _first(row: NodeRow) -> tuple[int, int, str]:
    return row.first_t, row.first_source, row.first_message_id


def _mend(tx: Connection, nodes: list[int], now: int, whole: Collection[int] = ()) -> Mended | None:
    if not nodes:
        return None
    rules, cuts = identity.load_rules(tx), identity.load_cuts(tx)
    mended = mend(tx, sorted(set(nodes)), rules, cuts, now, whole)
    tell_refolded(tx, mended.outcome, mended.changed, now)
    members.erase_people(tx, mended.gone)
    return mended


def _shorten_cuts(tx: Connection, gone: set[Identifier]) -> None:
    for row in identity.all_cuts(tx):
        left, right = row.cut.left - gone, row.cut.right - gone
        if row.cut.collection == USERS and (left, right) != (row.cut.left, row.cut.right):
            identity.put_cut(tx, row.cut._replace(left=left, right=right))


def _blocks(store: Store, reader: Reader, at: Sweeping, items: list[Regulation], now: int) -> None:
    place = traces.Place(*at.at)
    about = [item for item in items if _until(item) > place.first_seq + 1]
    reached = None
    if about:
        until = min(_until(item) for item in about)
        reached = traces.clean_blocks(store, _needles(about), place, until, BLOCKS)
    with store.write() as tx:
        if reached is None:
            _next(tx, at, "tables", 0.8)
        else:
            _put(tx, at._replace(at=list(reached)))


def _tables(store: Store, reader: Reader, at: Sweeping, items: list[Regulation], now: int) -> None:
    names = traces.scanned_tables()
    index = at.at[0]
    lines = _lines(store, items) if index == 0 else []
    with store.write() as tx:
        progress.take_turn(tx)
        needles = _needles(items, _back(tx, items))
        if index == 0:
            _forget_in_catalogue(tx, needles)
            lists.forget(tx, lines)
        left, nodes = traces.clean(tx, names[index], needles)
        for some in chunks(nodes, _NODES):
            _mend(tx, list(some), now)
        at = at._replace(left=sorted({*at.left, *left}))
        if index + 1 < len(names):
            _put(tx, at._replace(at=[index + 1, 0]))
        else:
            _next(tx, at, "log", 0.9)


def _lines(store: Store, items: list[Regulation]) -> list[tuple[int, str]]:
    """What of them stands in uploaded lists; these are long, so nobody waits meanwhile."""
    with store.read() as tx:
        return lists.lines_about(tx, _needles(items, _back(tx, items)))


def _forget_in_catalogue(tx: Connection, needles: Needles) -> None:
    catalogue.forget_values(tx, needles.values)
    # Which of the samples came from whom is not known.
    catalogue.clear_samples(tx)
    unused = removal.drop_unused_names(tx)
    used = {(type_, general_name(name)) for type_, name in history.all_names(tx).values()}
    # Calls without a name say nothing of anybody.
    gone = {(type_, general_name(name)) for type_, name in unused if name}
    catalogue.forget_names(tx, sorted(gone - used))


def _back(tx: Connection, items: list[Regulation]) -> set[Identifier]:
    """Deleted identifiers that are known again: somebody came back since."""
    found: set[Identifier] = set()
    for some in chunks(sorted(_identifiers(items))):
        hashes = [identifier_hash(USERS, item) for item in some]
        found |= {(r.type, r.value) for r in graph.identifiers_by_hash(tx, hashes)}
    return found & _identifiers(items)


def _log(store: Store, reader: Reader, at: Sweeping, items: list[Regulation], now: int) -> None:
    with store.read() as tx:
        reached = progress.positions(tx)
    progress.sync(store)  # what the log forgets, the disk must have
    try:
        emptied = all([reader.forget_taken(part, reached.get(part, 0)) for part in reader.parts()])
    except OSError:  # a part was dropped just now
        emptied = False
    tries = at.at[0] + 1
    with store.write() as tx:
        if emptied:
            _next(tx, at, "wiping", 0.95)
        elif tries >= TRIES:
            _next(tx, at, "wiping", 0.95, left=[*at.left, "log (it was being read)"])
        else:
            _put(tx, at._replace(at=[tries, 0]))


def _wipe(store: Store, reader: Reader, at: Sweeping, items: list[Regulation], now: int) -> None:
    texts: set[str] | None = None
    with store.write() as tx:
        progress.take_turn(tx)
        # From here on the store itself does not know any more whom it forgets.
        if all(item.work is not None for item in items):
            texts = _needles(items, _back(tx, items)).own
            regulations.unsuppress(tx, _identifiers(items), timed=True)
        for item in items:
            regulations.put(tx, item._replace(work=None))
    left = [*at.left, *unlisted.drop_all(store, now), *wiping.wipe(store, texts)]
    kept_files.remove_unlisted(store)
    with store.write() as tx:
        for item in items:
            forwards = regulations.forwards_of(tx, item.id)
            failed = any(forward.state == "failed" for forward in forwards)
            earlier = regulations.earlier_exports(tx, item.created_at)
            detail = {**item.detail, "done": 1.0, "left": left, "exports": earlier}
            regulations.put(
                tx,
                item._replace(
                    state="PARTIAL_SUCCESS" if failed or left else "FINISHED",
                    phase="done", work=None, detail=detail, finished_at=now,
                ),
            )  # fmt: skip
        _put(tx, None)


_STAGES = {"parting": _part, "blocks": _blocks, "tables": _tables, "log": _log, "wiping": _wipe}
