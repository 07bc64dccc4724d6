"""Values of traits beside the profiles that have them, so that SQL can find these.

A profile's traits are one piece of JSON. Of those that conditions read the current value
stands in ``trait_values``, written wherever traits are, in the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from cdp.events import at_path, parse_time
from cdp.events.paths import Path
from cdp.profiles.traits import TraitMap
from cdp.store import meta
from cdp.store.bulk import blob, chunks, run_many, select_by, upsert_of
from cdp.store.events.kept import value_of, value_row
from cdp.store.tables import kept_traits, profiles, trait_values

_NEVER = -(2**62)


class KeptTrait(NamedTuple):
    """A path below the traits of a collection's profiles, of which values are kept.

    Profiles above ``until`` came afterwards; below, the backfill has reached ``reached``.
    No value was set by a message of a later event time than ``latest``.
    """

    id: int
    collection: int
    path: Path
    reached: int
    until: int
    latest: int

    @property
    def complete(self) -> bool:
        """Whether the values of all profiles are kept."""
        return self.reached >= self.until


def all_kept(tx: Connection) -> list[KeptTrait]:
    """Every trait of which values are kept."""
    c = kept_traits.c
    rows = tx.execute(select(c.id, c.collection, c.path, c.reached, c.until, c.latest))
    return [KeptTrait(row[0], row[1], tuple(json.loads(row[2])), *row[3:]) for row in rows]


def keep(tx: Connection, wanted: Iterable[tuple[int, Path]], now: int) -> list[KeptTrait]:
    """Begin to keep traits, each a (collection, path below ``traits``); returns new ones.

    Whoever writes traits sees them from this transaction on, so it must not run beside
    one that does: take the pipeline's turn.
    """
    known = {(item.collection, item.path) for item in all_kept(tx)}
    new = sorted(set(wanted) - known)
    if not new:
        return []
    until = meta.next_number(tx, "profile") - 1
    first = meta.take_numbers(tx, "kept_trait", len(new))
    made = [KeptTrait(first + index, *pair, 0, until, _NEVER) for index, pair in enumerate(new)]
    rows = [{**item._asdict(), "path": json.dumps(item.path), "created_at": now} for item in made]
    tx.execute(insert(kept_traits), rows)
    return made


def put(
    tx: Connection,
    maps: Mapping[int, TraitMap],
    changed: Mapping[int, Collection[str]],
    known: Mapping[int, int],
) -> None:
    """Write the values of profiles whose traits are now ``maps``.

    ``changed`` names the traits that were set, of the profiles of which no others can
    have changed; ``known`` are the collections of some.
    """
    kept = all_kept(tx)
    if not kept or not maps:
        return
    columns = (profiles.c.id, profiles.c.collection)
    others = [profile for profile in maps if profile not in known]
    found = select_by(tx, columns, profiles.c.id, others)
    collections = {**known, **{row[0]: row[1] for row in found}}
    rows, gone = [], []
    for profile, traits in maps.items():
        names = changed.get(profile)
        for item in kept:
            if item.collection != collections.get(profile):
                continue
            if names is not None and item.path[0] not in names:
                continue
            row = _row(item, profile, traits)
            if row is not None:
                rows.append(row)
            else:
                gone.append({"trait_": item.id, "profile_": profile})
    _write(tx, kept, rows)
    run_many(tx, _delete, gone)


def _write(tx: Connection, kept: list[KeptTrait], rows: list[dict[str, Any]]) -> None:
    run_many(tx, _upsert(tx.dialect.name), rows)
    latest: dict[int, int] = {}
    for row in rows:
        latest[row["trait"]] = max(row["t"], latest.get(row["trait"], _NEVER))
    later = [item.id for item in kept if latest.get(item.id, _NEVER) > item.latest]
    run_many(tx, _later, [{"id_": id_, "latest": latest[id_]} for id_ in later])


_later = (
    update(kept_traits)
    .where(kept_traits.c.id == bindparam("id_"))
    .values(latest=bindparam("latest"))
)


def _row(item: KeptTrait, profile: int, traits: TraitMap) -> dict[str, Any] | None:
    entry = traits.latest(item.path[0])
    if entry is None:
        return None
    value = at_path(entry[0], item.path[1:])
    num, text, raw = value_row(value) or (None, None, None)
    return {
        "trait": item.id, "profile": profile, "t": entry[1].t,
        "num": num, "text": text, "json": raw, "ms": parse_time(value),
    }  # fmt: skip


_delete = delete(trait_values).where(
    trait_values.c.trait == bindparam("trait_"), trait_values.c.profile == bindparam("profile_")
)
_VALUES = ("t", "num", "text", "json", "ms")


@lru_cache(maxsize=2)
def _upsert(dialect: str) -> Any:
    names = ("trait", "profile", *_VALUES)
    statement = upsert_of(dialect, trait_values).values({name: bindparam(name) for name in names})
    return statement.on_conflict_do_update(
        index_elements=["trait", "profile"],
        set_={name: statement.excluded[name] for name in _VALUES},
    )


#: (profile, path, event time, value)
Value = tuple[int, Path, int, Any]


def values_of(
    tx: Connection, ids: list[int], paths: Collection[Path], collection: int, now: int
) -> list[Value] | None:
    """The values at some paths of some profiles; None if those at ``now`` can't be told."""
    known = {item.path: item for item in all_kept(tx) if item.collection == collection}
    items = [known.get(path) for path in paths]
    found: list[Value] = []
    for item in items:
        if item is None or not item.complete or item.latest > now:
            return None
        c = trait_values.c
        for some in chunks(ids):
            rows = select(c.profile, c.t, c.num, c.text, c.json).where(
                c.trait == item.id, c.profile.in_(some)
            )
            for profile, t, num, text, raw in tx.execute(rows):
                found.append((profile, item.path, t, value_of(num, text, raw)))
    return found


def forget(tx: Connection, profile_ids: list[int]) -> None:
    """Delete the values of profiles that are gone."""
    kept = [item.id for item in all_kept(tx)]
    if not kept:
        return
    for some in chunks(profile_ids):
        c = trait_values.c
        tx.execute(delete(trait_values).where(c.trait.in_(kept), c.profile.in_(some)))


def backfill_step(tx: Connection, limit: int) -> int:
    """Keep the values of up to ``limit`` older profiles; returns how many are left.

    Not beside a transaction that writes traits: take the pipeline's turn.
    """
    waiting = [item for item in all_kept(tx) if not item.complete]
    if not waiting:
        return 0
    start = min(item.reached for item in waiting)
    end = max(item.until for item in waiting)
    statement = (
        select(profiles.c.id, profiles.c.collection, profiles.c.traits)
        .where(profiles.c.id > start, profiles.c.id <= end)
        .order_by(profiles.c.id)
        .limit(limit)
    )
    found = tx.execute(statement).all()
    rows = []
    for profile, collection, data in found:
        traits: TraitMap | None = None
        for item in waiting:
            if item.collection == collection and item.reached < profile <= item.until:
                traits = traits or TraitMap.decode(blob(data))
                row = _row(item, profile, traits)
                if row is not None:
                    rows.append(row)
    _write(tx, waiting, rows)
    stop = found[-1][0] if len(found) == limit else end
    for item in waiting:
        reached = min(max(stop, item.reached), item.until)
        tx.execute(update(kept_traits).where(kept_traits.c.id == item.id).values(reached=reached))
    return end - stop
