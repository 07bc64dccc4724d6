"""Lists that are kept by hand: audiences without a condition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, insert, literal, select

from cdp.identity import normal_value
from cdp.store.audiences import evaluated as rows_of
from cdp.store.audiences import query_runs, timers
from cdp.store.audiences.evaluated import GONE, LIVE, AudienceRow
from cdp.store.audiences.members import Change, add_changes, add_members, among, remove_members
from cdp.store.defined import defining
from cdp.store.journeys import launched as journeys
from cdp.store.tables import audiences, members

#: The mark of their rows, which are never cleared: an archived list comes back as it was.
MARK = "list:"
#: Identifiers that are taken at once.
MOST = 10_000


class NoSuchList(LookupError):
    """There is no list of this key that is kept by hand."""


class Done(NamedTuple):
    """How many people came in and went out, and the identifiers that nobody has."""

    added: int
    removed: int
    unknown: list[str]


def begin(tx: Connection, made: AudienceRow, now: int) -> AudienceRow:
    """Let a list hold: with those who are in its audience, or who were in it when it was one."""
    row = rows_of.add(tx, made._replace(state=LIVE, live_at=now))
    before = _other_live(tx, row)
    source = before or _last(tx, row)
    if source is not None:
        c = members.c
        was = select(literal(row.id), c.profile, c.since).where(c.audience == source)
        tx.execute(insert(members).from_select(["audience", "profile", "since"], was))
    rows_of.replace(tx, before, row.id, now)
    rows_of.change(tx, row.id, size=rows_of.count_members(tx, row.id))
    if before is not None:
        rows_of.change(tx, before, state=GONE, ended_at=now)
    return row


def _other_live(tx: Connection, row: AudienceRow) -> int | None:
    a = audiences.c
    statement = select(a.id).where(
        a.kind == row.kind, a.key == row.key, a.state == LIVE, a.id != row.id
    )
    return tx.execute(statement).scalar()


def _last(tx: Connection, row: AudienceRow) -> int | None:
    a = audiences.c
    statement = select(a.id).where(
        a.kind == row.kind, a.key == row.key, a.state == GONE, a.fingerprint.startswith(MARK)
    )
    return tx.execute(statement.order_by(a.id.desc()).limit(1)).scalar()


def change(tx: Connection, key: str, add: Iterable[str], remove: Iterable[str], now: int) -> Done:
    """Put people, named as ``type:value``, into a list and take others out of it."""
    row = _list(tx, key)
    come, unknown = _profiles(tx, row, add)
    go, strange = _profiles(tx, row, remove)
    added, removed = _move(tx, row, come, go, now)
    return Done(added, removed, sorted({*unknown, *strange}))


def place(tx: Connection, key: str, profile: int, member: bool, now: int) -> None:
    """Put a profile into a list, or take it out. `NoSuchList`."""
    row = _list(tx, key)
    _move(tx, row, {profile} if member else set(), set() if member else {profile}, now)


def _list(tx: Connection, key: str) -> AudienceRow:
    row = rows_of.live_row(tx, "audience", key)
    if row is None or not row.fingerprint.startswith(MARK):
        raise NoSuchList(f"there is no list {key} that is kept by hand")
    return row


def _move(
    tx: Connection, row: AudienceRow, come: set[int], go: set[int], now: int
) -> tuple[int, int]:
    """Let profiles come and go; how many did. Journeys hear of it in their turn."""
    inside = among(tx, row.id, come | go)
    come, go = come - inside, (go & inside) - come
    add_members(tx, [(row.id, profile, now) for profile in come])
    remove_members(tx, [(row.id, profile) for profile in go])
    moved = [(profile, True) for profile in sorted(come)]
    moved += [(profile, False) for profile in sorted(go)]
    add_changes(
        tx, [Change(row.id, p, now, entered, "list", None, True, "{}") for p, entered in moved]
    )
    rows_of.grow(tx, {row.id: len(come) - len(go)})
    everything = defining.load(tx)
    if defining.links(everything)["audience", row.key].used_by:
        timers.recheck(tx, sorted(come | go), now)
    if moved and journeys.all_rows(tx):
        journeys.order(tx, 0, "listed", {"audience": row.key, "moved": moved}, "", now)
    return len(come), len(go)


def _profiles(tx: Connection, row: AudienceRow, names: Iterable[str]) -> tuple[set[int], list[str]]:
    by_type: dict[str, dict[str, str]] = {}
    unknown = []
    for name in names:
        kind, colon, value = name.strip().partition(":")
        if colon and value:
            by_type.setdefault(kind, {})[normal_value(kind, value) or value] = name
        else:
            unknown.append(name)
    found: set[int] = set()
    for kind, values in by_type.items():
        known = dict(query_runs.profiles_named(tx, row.collection, kind, sorted(values)))
        found.update(known.values())
        unknown += [values[value] for value in values.keys() - known.keys()]
    return found, unknown
