"""Who is related to which object, on top of what their nodes said (`memberships`).

A relationship is there if a group call said so later than it was last ended, by
whichever identifiers of the person and the object; of two at the same time the end
holds. The deletion of an object ends all of its relationships, and hides it until a
group call names it again. What was said of a relationship before its end is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    not_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from cdp.profiles.traits import TraitMap
from cdp.store.bulk import blob, chunks, run_many, select_by, upsert
from cdp.store.tables import USERS, memberships, nodes, profiles

#: Stands for the object itself in place of a person's node.
NOBODY = 0
_NEVER = -(2**62)


class Edge(NamedTuple):
    """What was said of a person's node and an object's, as in `memberships`."""

    user_node: int
    account_node: int
    first_t: int | None
    last_t: int | None
    ended_t: int | None


class Link(NamedTuple):
    """A relationship, seen from one side: ``profile`` is the other one.

    ``since`` is the first group call that said so; after an end, the latest one.
    """

    profile: int
    collection: int
    since: int
    last_t: int
    traits: dict[str, Any]


# -- writing ------------------------------------------------------------------------


def put_edges(tx: Connection, edges: list[Edge]) -> None:
    """Note what was said; spans grow, never shrink, and the latest end stays."""
    if not edges:
        return
    statement = upsert(tx, memberships)
    new, old = statement.excluded, memberships.c

    def lower(name: str) -> Any:
        return case((old[name].is_(None), new[name]), (new[name] < old[name], new[name]),
                    else_=old[name])  # fmt: skip

    def higher(name: str) -> Any:
        return case((old[name].is_(None), new[name]), (new[name] > old[name], new[name]),
                    else_=old[name])  # fmt: skip

    statement = statement.values(
        {name: bindparam(name) for name in Edge._fields}
    ).on_conflict_do_update(
        index_elements=["user_node", "account_node"],
        set_={
            "first_t": lower("first_t"),
            "last_t": higher("last_t"),
            "ended_t": higher("ended_t"),
        },
    )
    tx.execute(statement, [edge._asdict() for edge in edges])


Pair = tuple[int, int]


def edge_traits(tx: Connection, pairs: Iterable[Pair]) -> dict[Pair, TraitMap]:
    """What is known of the relationships of some pairs of nodes (person's, object's)."""
    wanted = set(pairs)
    users = sorted({user for user, _ in wanted})
    columns = (memberships.c.user_node, memberships.c.account_node, memberships.c.traits)
    rows = select_by(tx, columns, memberships.c.user_node, users)
    return {(r[0], r[1]): TraitMap.decode(blob(r[2])) for r in rows if (r[0], r[1]) in wanted}


_put_traits = (
    update(memberships)
    .where(
        memberships.c.user_node == bindparam("user"),
        memberships.c.account_node == bindparam("account"),
    )
    .values(traits=bindparam("traits"))
)


def put_edge_traits(tx: Connection, rows: dict[Pair, TraitMap]) -> None:
    """Write what is known of relationships that `put_edges` has noted."""
    run_many(
        tx,
        _put_traits,
        [
            {"user": user, "account": account, "traits": traits.encode()}
            for (user, account), traits in sorted(rows.items())
        ],
    )


def forget_edges(tx: Connection, users: list[int], objects: list[int]) -> None:
    """Delete what some people's nodes said, and what was said of some objects by themselves."""
    for some in chunks(users):
        tx.execute(delete(memberships).where(memberships.c.user_node.in_(some)))
    for some in chunks(objects):
        mine = memberships.c.account_node.in_(some)
        tx.execute(delete(memberships).where(memberships.c.user_node == NOBODY, mine))


# -- reading ------------------------------------------------------------------------

_mine, _theirs = nodes.alias("mine"), nodes.alias("theirs")


def _deleted(profile: ColumnElement[int]) -> Any:
    """When the object was deleted last, or never."""
    own, ends = nodes.alias(), memberships.alias()
    statement = select(func.max(ends.c.ended_t)).where(
        own.c.profile == profile, ends.c.user_node == NOBODY, ends.c.account_node == own.c.id
    )
    return func.coalesce(statement.correlate_except(own, ends).scalar_subquery(), _NEVER)


def hidden(profile: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether an object is not there: deleted since it was named last, or never named."""

    def among(condition: Any) -> Any:
        own, said = nodes.alias(), memberships.alias()
        where = (own.c.profile == profile, said.c.account_node == own.c.id, condition(said.c))
        return exists(select(1).where(*where).correlate_except(own, said))

    named = among(lambda said: said.last_t > _deleted(profile))
    return and_(not_(named), among(lambda said: said.ended_t.is_not(None)))


def hidden_among(tx: Connection, ids: list[int]) -> set[int]:
    """Those of some profiles that are objects and not there."""
    found: set[int] = set()
    for some in chunks(ids):
        statement = select(profiles.c.id).where(
            profiles.c.id.in_(some), profiles.c.collection != USERS, hidden(profiles.c.id)
        )
        found.update(tx.execute(statement).scalars())
    return found


def links(
    tx: Connection,
    profile: int,
    collection: int,
    *,
    limit: int = 100,
    offset: int = 0,
    to: int | None = None,
) -> list[Link]:
    """The objects of a person, or the people of an object, the latest first.

    ``collection`` is that of ``profile``; ``to`` leaves objects of one type.
    """
    own, other = memberships.c.user_node, memberships.c.account_node
    person = collection == USERS
    if not person:
        own, other = other, own
    last, ended = func.max(memberships.c.last_t), func.max(memberships.c.ended_t)
    deleted = _deleted(_theirs.c.profile if person else _mine.c.profile)
    statement = (
        select(_theirs.c.profile, _theirs.c.collection, func.min(memberships.c.first_t), last,
               ended, deleted)
        .select_from(_mine)
        .join(memberships, own == _mine.c.id)
        .join(_theirs, _theirs.c.id == other)
        .where(_mine.c.profile == profile, _theirs.c.profile != 0)
        .group_by(_theirs.c.profile, _theirs.c.collection, _mine.c.profile)
        .having(last > func.coalesce(ended, _NEVER), last > deleted)
        .order_by(last.desc(), _theirs.c.profile)
        .limit(limit)
        .offset(offset)
    )  # fmt: skip
    if to is not None:
        statement = statement.where(_theirs.c.collection == to)
    rows = tx.execute(statement).all()
    traits = _traits_between(tx, profile, [row[0] for row in rows], person)
    return [
        _link(home, kind, first, until, max(end or _NEVER, gone), traits.get(home, TraitMap()))
        for home, kind, first, until, end, gone in rows
    ]


def _link(
    profile: int, collection: int, first: int, last: int, ended: int, traits: TraitMap
) -> Link:
    known = {name: value for name, value, stamp in traits.items() if stamp.t > ended}
    return Link(profile, collection, first if first > ended else last, last, known)


def _traits_between(
    tx: Connection, profile: int, others: list[int], person: bool
) -> dict[int, TraitMap]:
    """What is known of the relationships of ``profile`` to others, by these."""
    columns = (nodes.c.id, nodes.c.profile)
    mine = {row[0] for row in select_by(tx, columns, nodes.c.profile, [profile])}
    theirs = {row[0]: row[1] for row in select_by(tx, columns, nodes.c.profile, others)}
    users = sorted(mine) if person else sorted(theirs)
    found: dict[int, TraitMap] = {}
    said = (memberships.c.user_node, memberships.c.account_node, memberships.c.traits)
    for user, account, data in select_by(tx, said, memberships.c.user_node, users):
        own, other = (user, account) if person else (account, user)
        if data is not None and own in mine and other in theirs:
            found.setdefault(theirs[other], TraitMap()).join(TraitMap.decode(blob(data)))
    return found


class Owned(NamedTuple):
    """An object of a person: the relationship, and the object's own traits."""

    link: Link
    traits: TraitMap


def objects_of_people(
    tx: Connection, people: list[int], to: int | None = None
) -> dict[int, list[Owned]]:
    """The objects of each of some people (of one type ``to``), the latest first.

    One statement for a whole micro-batch; people without objects are left out.
    """
    if not people:
        return {}
    dialect = tx.dialect.name
    values = {"people": _packed(dialect, people), "kind": -1 if to is None else to}
    edges: dict[Pair, list[Any]] = {}
    own: dict[int, TraitMap] = {}
    for row in tx.execute(_owned(dialect), values):
        edges.setdefault((row.person, row.object), []).append(row)
        if row.object not in own:
            own[row.object] = TraitMap.decode(blob(row.object_traits))
    found: dict[int, list[Owned]] = {}
    for (person, thing), rows in edges.items():
        last = max((row.last_t for row in rows if row.last_t is not None), default=_NEVER)
        ended = max(max(row.ended_t or _NEVER for row in rows), rows[0].deleted_t)
        if last <= ended:
            continue
        first = min(row.first_t for row in rows if row.first_t is not None)
        traits = TraitMap()
        for row in rows:
            if row.traits is not None:
                traits.join(TraitMap.decode(blob(row.traits)))
        link = _link(thing, rows[0].kind, first, last, ended, traits)
        found.setdefault(person, []).append(Owned(link, own[thing]))
    for owned in found.values():
        owned.sort(key=lambda item: (-item.link.last_t, item.link.profile))
    return found


def _among(column: ColumnElement[int], name: str, dialect: str) -> ColumnElement[bool]:
    """Whether a column's value is in the list that the parameter ``name`` holds, `_packed`."""
    if dialect == "sqlite":
        rows = func.json_each(bindparam(name, type_=Text))
        return column.in_(select(literal_column("value")).select_from(rows))
    return column == func.any(bindparam(name, type_=postgresql.ARRAY(BigInteger)))


def _packed(dialect: str, ids: list[int]) -> Any:
    return json.dumps(ids) if dialect == "sqlite" else ids


@lru_cache(maxsize=2)
def _owned(dialect: str) -> Select[Any]:
    among = _among(_mine.c.profile, "people", dialect)
    kind = bindparam("kind", type_=BigInteger)
    return (
        select(
            _mine.c.profile.label("person"),
            _theirs.c.profile.label("object"),
            _theirs.c.collection.label("kind"),
            memberships.c.first_t,
            memberships.c.last_t,
            memberships.c.ended_t,
            memberships.c.traits,
            _deleted(_theirs.c.profile).label("deleted_t"),
            profiles.c.traits.label("object_traits"),
        )
        .select_from(_mine)
        .join(memberships, memberships.c.user_node == _mine.c.id)
        .join(_theirs, _theirs.c.id == memberships.c.account_node)
        .join(profiles, profiles.c.id == _theirs.c.profile)
        .where(among, (kind < 0) | (_theirs.c.collection == kind))
    )


def people_of_objects(
    tx: Connection, objects: list[int], *, ever: bool = False
) -> dict[int, set[int]]:
    """The people of each of some objects, in one statement; ``ever``: and those of before."""
    if not objects:
        return {}
    found: dict[int, set[int]] = {}
    statement = _owners(tx.dialect.name, ever)
    for row in tx.execute(statement, {"objects": _packed(tx.dialect.name, objects)}):
        found.setdefault(row.object, set()).add(row.person)
    return found


@lru_cache(maxsize=4)
def _owners(dialect: str, ever: bool) -> Select[Any]:
    among = _among(_theirs.c.profile, "objects", dialect)
    last, ended = func.max(memberships.c.last_t), func.max(memberships.c.ended_t)
    found = (
        select(_theirs.c.profile.label("object"), _mine.c.profile.label("person"))
        .select_from(_theirs)
        .join(memberships, memberships.c.account_node == _theirs.c.id)
        .join(_mine, _mine.c.id == memberships.c.user_node)
        .where(among, _mine.c.profile != 0)
        .group_by(_theirs.c.profile, _mine.c.profile)
    )
    if ever:
        return found
    return found.having(last > func.coalesce(ended, _NEVER), last > _deleted(_theirs.c.profile))
