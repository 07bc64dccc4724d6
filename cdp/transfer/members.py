"""Members of an audience as rows, for files."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from cdp.events import format_time
from cdp.identity import public_id
from cdp.store import Store
from cdp.store.audiences import membership
from cdp.store.audiences.membership import State
from cdp.store.profiles import exports, graph
from cdp.transfer.writers import cell

COLUMNS = ("id", "user_id", "email", "anonymous_id", "since")
_PAGE = 1_000


def rows_of(tx: Connection, audience: int) -> Iterator[dict[str, str]]:
    """Each member with the newest identifier of each kind."""
    after, more = 0, True
    while more:
        some = membership.page(tx, audience, after, _PAGE)
        ids = [member.profile for member in some]
        people = {row.id: row for row in graph.profiles_by_id(tx, ids)}
        names: dict[int, dict[str, str]] = {}
        rows = graph.identifiers_of_profiles(tx, ids)
        for row in sorted(rows, key=lambda row: (row.first_t, row.first_source, row.id)):
            names.setdefault(row.profile or 0, {})[row.type] = row.value
        for member in some:
            if member.profile in people:
                person, own = people[member.profile], names.get(member.profile, {})
                yield {
                    "id": public_id(person.collection, person.anchor),
                    "user_id": own.get("user_id") or own.get("group_id", ""),
                    "email": own.get("email", ""),
                    "anonymous_id": own.get("anonymous_id", ""),
                    "since": format_time(member.since),
                }
        after, more = ids[-1] if ids else 0, len(some) == _PAGE


def export_members(
    store: Store, state: State, author: str, target: str, clock: Callable[[], float] = time.time
) -> Iterator[str]:
    """The members of an audience as CSV, a piece at a time; that they were taken is noted."""
    with store.write() as tx:
        number = exports.begin_export(
            tx, int(clock() * 1000), author, "members", "csv", {"audience": state.key}, target
        )
    count = 0
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    with exports.one_moment(store) as tx:
        for row in rows_of(tx, state.id):
            writer.writerow([cell(row[name]) for name in COLUMNS])
            count += 1
            if count % _PAGE == 0:
                yield buffer.getvalue()
                buffer.seek(0)
                buffer.truncate()
    yield buffer.getvalue()
    with store.write() as tx:
        exports.end_export(tx, number, int(clock() * 1000), count)


def named(text: str, type_: str) -> list[str]:
    """Identifiers as ``type:value``, one a line, in the first column of CSV.

    What has no type is of ``type_``.
    """
    found = []
    for row in csv.reader(io.StringIO(text.lstrip("\ufeff"))):
        name = row[0].strip() if row else ""
        if name:
            kind, colon, _ = name.partition(":")
            found.append(name if colon and kind.isidentifier() else f"{type_}:{name}")
    return found
