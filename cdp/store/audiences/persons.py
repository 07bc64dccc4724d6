"""People as the plain evaluator of conditions wants them: only what a condition asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from cdp.conditions.ast import (
    MEASURED,
    Aggregate,
    Call,
    Changed,
    EventRef,
    Path,
    StartOf,
    Value,
    walk,
)
from cdp.conditions.person import Event, Person
from cdp.events import decode_json, event_name
from cdp.profiles.traits import TraitMap
from cdp.store.audiences import courses
from cdp.store.audiences import members as members_store
from cdp.store.bulk import blob, chunks, select_by
from cdp.store.events import history, kept
from cdp.store.events.history import HistoryRow
from cdp.store.profiles import graph, objects, trait_history, trait_values
from cdp.store.tables import (
    ACCOUNTS,
    SECONDARY,
    audiences,
    members,
    partition_tables,
    profiles,
)

Keys = tuple[str, ...]


class Asked(NamedTuple):
    """What a condition asks for: paths of traits, names of those whose past matters, paths
    into events by their names, audiences; whether identifiers; paths of traits of the account; and
    computed traits that queries work out."""

    traits: frozenset[Keys]
    changes: frozenset[str]
    events: dict[str, frozenset[Keys]]
    audiences: frozenset[str]
    identifiers: bool
    account: frozenset[Keys] = frozenset()
    measured: frozenset[str] = frozenset()


def asked(condition: Any) -> Asked:
    """What an expanded condition over a person asks for."""
    traits: set[Keys] = set()
    changes: set[str] = set()
    keys: set[str] = set()
    events: dict[str, set[Keys]] = {}
    account: set[Keys] = set()
    measured: set[str] = set()
    named = False
    inside: set[int] = set()
    for node in walk(condition):
        kind = type(node)
        if kind is EventRef:
            paths = events.setdefault(node.name, set())
            if node.where is not None:
                for inner in walk(node.where):
                    if type(inner) is Path and inner.parts[0] != "person":
                        paths.add(inner.parts)
                        inside.add(id(inner))
        elif kind is Aggregate and node.of is not None:
            events.setdefault(node.event.name, set()).add(node.of.parts)
            inside.add(id(node.of))
        elif kind is Changed:
            parts = _own(node.path.parts)
            changes.update(parts[1:2])
        elif kind is StartOf and node.zone == "person":
            traits.add(("timezone",))
        elif kind is Call and node.name == "has_device":
            named = True
        elif kind is Call and node.name == "audience" and type(node.args[0]) is Value:
            keys.add(str(node.args[0].value))
    for node in walk(condition):
        if type(node) is Path and id(node) not in inside:
            parts = _own(node.parts)
            if parts[0] == "identifiers":
                named = True
            elif parts[0] == "traits":
                traits.add(parts[1:])
            elif parts[:2] == ("account", "traits"):
                account.add(parts[2:])
            elif parts[0] == MEASURED:
                measured.add(parts[1])
    return Asked(
        frozenset(traits),
        frozenset(changes),
        {name: frozenset(paths) for name, paths in events.items()},
        frozenset(keys),
        named,
        frozenset(account),
        frozenset(measured),
    )


def _own(parts: Keys) -> Keys:
    return parts[1:] if parts[0] == "person" and len(parts) > 1 else parts


def load(
    tx: Connection, ids: list[int], wants: Asked, collection: int, now: int, past: bool = False
) -> dict[int, Person]:
    """Some profiles with what is wanted of them, as it was at ``now`` (ms).

    ``past``: that is an earlier time, and who was in audiences then is found out.
    """
    events = _events(tx, ids, wants.events) if wants.events else {}
    traits = _traits(tx, ids, wants, collection, now) if wants.traits or wants.changes else {}
    named = _identifiers(tx, ids) if wants.identifiers else {}
    inside: dict[int, Pasts] = {}
    if wants.audiences and past:
        inside = _audiences_then(tx, ids, wants.audiences, now)
    elif wants.audiences:
        inside = _audiences(tx, ids, wants.audiences)
    accounts = _accounts(tx, ids, wants.account) if wants.account else {}
    measured = _measured(tx, ids, wants.measured) if wants.measured else {}
    return {
        id_: Person(
            traits=traits.get(id_, {}),
            events=events.get(id_, ()),
            audiences=inside.get(id_, {}),
            identifiers=named.get(id_, {}),
            accounts=accounts.get(id_, ()),
            measured=measured.get(id_, {}),
        )
        for id_ in ids
    }


Pasts = dict[str, list[tuple[int, Any]]]


def _traits(
    tx: Connection, ids: list[int], wants: Asked, collection: int, now: int
) -> dict[int, Pasts]:
    paths = [path for path in wants.traits if path and path[0] not in wants.changes]
    found: dict[int, Pasts] = {id_: {} for id_ in ids}
    if paths:
        values = trait_values.values_of(tx, ids, paths, collection, now)
        if values is None:
            found |= _from_maps(tx, ids, {path[0] for path in paths}, collection, now)
        else:
            _put_together(found, values)
    if wants.changes:
        for id_ in ids:
            found[id_] |= trait_history.pasts(tx, id_, collection, wants.changes)
    return found


def _put_together(found: dict[int, Pasts], values: list[trait_values.Value]) -> None:
    """Traits from values at paths; what was read as a whole comes first."""
    for id_, path, t, value in sorted(values, key=lambda one: len(one[1])):
        held: dict[str, Any] = {}
        pasts = found[id_]
        if path[0] in pasts:
            whole = pasts[path[0]][0][1]
            held = {path[0]: whole}
        _put(held, path, value)
        pasts[path[0]] = [(t, held[path[0]])]


def _from_maps(
    tx: Connection, ids: list[int], names: set[str], collection: int, now: int
) -> dict[int, Pasts]:
    found: dict[int, Pasts] = {}
    for id_, data in select_by(tx, (profiles.c.id, profiles.c.traits), profiles.c.id, ids):
        traits = TraitMap.decode(blob(data))
        entries = {name: traits.latest(name) for name in names}
        if any(entry is not None and entry[1].t > now for entry in entries.values()):
            then = trait_history.traits_at(tx, id_, collection, traits, now)
            entries = {name: then.latest(name) for name in names}
        found[id_] = {
            name: [(entry[1].t, entry[0])] for name, entry in entries.items() if entry is not None
        }
    return found


def _identifiers(tx: Connection, ids: list[int]) -> dict[int, dict[str, list[str]]]:
    found: dict[int, dict[str, list[str]]] = {}
    for row in sorted(
        graph.identifiers_of_profiles(tx, ids), key=lambda r: (r.first_t, r.first_source, r.id)
    ):
        if row.profile is not None:
            found.setdefault(row.profile, {}).setdefault(row.type, []).append(row.value)
    return found


def _accounts(
    tx: Connection, ids: list[int], paths: frozenset[Keys]
) -> dict[int, list[tuple[int, Pasts]]]:
    """Of each person the account that was spoken of last, with some of its traits."""
    names = {path[0] for path in paths}
    found: dict[int, list[tuple[int, Pasts]]] = {}
    for person, owned in objects.objects_of_people(tx, ids, ACCOUNTS).items():
        latest = {name: owned[0].traits.latest(name) for name in names}
        pasts = {name: [(entry[1].t, entry[0])] for name, entry in latest.items() if entry}
        found[person] = [(owned[0].link.last_t, pasts)]
    return found


def _measured(tx: Connection, ids: list[int], keys: Collection[str]) -> dict[int, dict[str, Any]]:
    """Computed traits that queries work out, as they are now."""
    names = {id_: key for key, id_ in members_store.measured_ids(tx).items() if key in keys}
    found: dict[int, dict[str, Any]] = {}
    for profile, trait, value in members_store.values_of(tx, ids):
        if trait in names:
            found.setdefault(profile, {})[names[trait]] = decode_json(value.encode())
    return found


def _audiences(tx: Connection, ids: list[int], keys: Collection[str]) -> dict[int, Pasts]:
    a, m = audiences.c, members.c
    live = select(a.id, a.key).where(a.kind == "audience", a.state == "live", a.key.in_(keys))
    names = {row.id: row.key for row in tx.execute(live)}
    found: dict[int, Pasts] = {}
    for some in chunks(ids):
        rows = select(m.audience, m.profile, m.since).where(
            m.audience.in_(names), m.profile.in_(some)
        )
        for audience, profile, since in tx.execute(rows):
            found.setdefault(profile, {})[names[audience]] = [(since, True)]
    return found


def _audiences_then(
    tx: Connection, ids: list[int], keys: Collection[str], at: int
) -> dict[int, Pasts]:
    found: dict[int, Pasts] = {}
    for key, past in courses.pasts(tx, at).items():
        was = past.was_in(at).subquery().c.profile
        for some in chunks(ids) if key in keys else ():
            for profile in tx.execute(select(was).where(was.in_(some))).scalars():
                found.setdefault(profile, {})[key] = [(at, True)]
    return found


# Events: from the kept values where these say all, else from the bodies.


def _events(
    tx: Connection, ids: list[int], wanted: dict[str, frozenset[Keys]]
) -> dict[int, list[Event]]:
    homes = {row.id: row.profile for row in graph.nodes_of_profiles(tx, ids)}
    names = _numbers(tx, set(wanted))
    rows = list(_rows(tx, sorted(homes), sorted(names)))
    known = {(item.event, item.path): item for item in kept.all_kept(tx)}
    bodies: dict[int, dict[str, Any]] = {}
    unread: list[HistoryRow] = []
    by_event: dict[str, list[HistoryRow]] = {}
    for row in rows:
        by_event.setdefault(names[row.name], []).append(row)
    for event, own in by_event.items():
        items = [known.get((event, path)) for path in wanted[event]]
        simple = all(len(path) > 1 for path in wanted[event])
        plain = simple and None not in items and event != ""
        made = [item for item in items if item is not None]
        whole = [row for row in own if plain and all(_has(item, row.seq) for item in made)]
        bodies |= _rebuilt(tx, event, whole, made)
        there = {row.seq for row in whole}
        unread += [row for row in own if row.seq not in there]
    for some in chunks(sorted(unread), 2000):
        stored = history.bodies_of(tx, list(some))
        bodies |= {seq: decode_json(body.raw) for seq, body in stored.items()}
    found: dict[int, list[Event]] = {}
    for row in sorted(rows, key=lambda row: (row.t, row.seq)):
        body = bodies.get(row.seq)
        if isinstance(body, dict):
            found.setdefault(homes[row.node], []).append(Event(row.t, body))
    return found


def _has(item: kept.KeptProperty, seq: int) -> bool:
    return not item.backfilled_to <= seq < item.backfill_until


def _numbers(tx: Connection, events: set[str]) -> dict[int, str]:
    """The numbers of the names of messages that conditions call so."""
    tracked = history.numbers_of_names(tx, [("track", event) for event in events])
    found = {number: name for (_, name), number in tracked.items()}
    for type_ in ("page", "screen", "identify", "group", "alias"):
        event = event_name(type_, "")
        if event in events:
            found |= dict.fromkeys(history.names_of_type(tx, type_), event)
    return found


def _rows(tx: Connection, nodes: list[int], names: list[int]) -> Iterator[HistoryRow]:
    """The rows of some nodes that have one of some names; in place of accounts none."""
    for info in history.list_partitions(tx):
        table = partition_tables(info.id).history
        columns = tuple(table.c)
        wanted = set(names)
        if len(names) > 400:
            for row in select_by(tx, columns, table.c.node, nodes):
                if row[2] in wanted and not row[5] & SECONDARY:
                    yield HistoryRow(*row)
            continue
        for some in chunks(nodes):
            statement = select(*columns).where(table.c.node.in_(some), table.c.name.in_(names))
            for row in tx.execute(statement):
                if not row[5] & SECONDARY:
                    yield HistoryRow(*row)


def _rebuilt(
    tx: Connection, event: str, rows: list[HistoryRow], items: list[kept.KeptProperty]
) -> dict[int, dict[str, Any]]:
    """Bodies with nothing in them but the values that are kept."""
    bodies: dict[int, dict[str, Any]] = {row.seq: {"type": "track", "event": event} for row in rows}
    infos = history.list_partitions(tx)
    by_part: dict[int, list[int]] = {}
    for row in rows:
        info = history.partition_of(infos, row.seq)
        if info is not None:
            by_part.setdefault(info.id, []).append(row.seq)
    for item in sorted(items, key=lambda item: len(item.path)):
        for number, seqs in by_part.items():
            table = partition_tables(number).kept
            for some in chunks(seqs):
                statement = select(table.c.seq, table.c.num, table.c.text, table.c.json).where(
                    table.c.property == item.id, table.c.seq.in_(some)
                )
                for seq, num, text, raw in tx.execute(statement):
                    _put(bodies[seq], item.path, kept.value_of(num, text, raw))
    return bodies


def _put(body: dict[str, Any], path: Keys, value: Any) -> None:
    """Put a value at a path. What holds it may have come as a whole, with it inside."""
    for key in path[:-1]:
        inner = body.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        body = inner
    body[path[-1]] = value
