"""Reading the catalogue: what has been seen, how often, and what it carries."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, func, select

from cdp.protocols import MASK, Property, Seen, is_conflict
from cdp.protocols.personal import key_kind
from cdp.protocols.shapes import split_path
from cdp.store.bulk import chunks
from cdp.store.catalogue.writing import OTHER
from cdp.store.profiles import object_types
from cdp.store.tables import (
    catalogue_days,
    catalogue_names,
    catalogue_properties,
    catalogue_seen,
)

DAY_MS = 86_400_000
#: "Lately" is so many days, today included.
LATELY = 30

CONTEXT = "context"
_CONSENT = "consent.categoryPreferences."
SORTS = ("volume", "name", "last_seen", "first_seen")

decode_property = msgspec.json.Decoder(Property).decode


class OfSource(NamedTuple):
    """Messages of a name from one source, and when (event time, ms)."""

    n: int
    first_t: int
    last_t: int
    looked: int
    beyond: int


class Entry(NamedTuple):
    """A name of the catalogue: exact counts, ``lately`` of the last `LATELY` days.

    ``looked`` of the ``n`` messages were looked into.
    """

    id: int
    type: str
    name: str
    n: int
    lately: int
    first_t: int
    last_t: int
    looked: int
    beyond: int
    sources: dict[int, OfSource]

    @property
    def label(self) -> str:
        """Its name; the call's type where calls have none."""
        return self.name or self.type


class Sample(NamedTuple):
    """A value and how often it was among those looked at; of personal data only the kind."""

    value: object
    personal: str | None
    n: int


class Field(NamedTuple):
    """A property, trait or field of the context, as the messages looked into had it."""

    path: str
    n: int
    share: float
    types: list[tuple[str, int]]
    conflict: bool
    samples: list[Sample]
    more: bool
    first_t: int
    last_t: int
    sources: list[int]

    def looks_personal(self, field: str) -> bool:
        """Whether it looks so by its name (``field``, with its root) or by a value."""
        if self.samples:
            return any(sample.personal for sample in self.samples)
        return key_kind(field) is not None


class Fields(NamedTuple):
    """The fields of a name, of ``looked`` messages; ``beyond`` of these had still more."""

    looked: int
    beyond: int
    fields: list[Field]


class Listed(NamedTuple):
    """Names, and all messages of the last `LATELY` days, whatever their names."""

    entries: list[Entry]
    lately: int


def entries(
    tx: Connection,
    today: int,
    q: str = "",
    type_: str | None = None,
    source: int | None = None,
    sort: str = "volume",
) -> Listed:
    """The names whose text, or one of whose properties, holds ``q``; ``today`` is a day's number.

    ``source`` counts that source's messages alone. The context is not among them.
    """
    statement = select(catalogue_names).where(catalogue_names.c.type != CONTEXT)
    if type_ is not None:
        statement = statement.where(catalogue_names.c.type == type_)
    names = {row.id: row for row in tx.execute(statement)}
    found = _entries(tx, names, today, source)
    if q:
        carrying = _carrying(tx, q, source)
        needle = q.casefold()
        found = [e for e in found if needle in e.label.casefold() or e.id in carrying]
    found.sort(key=lambda entry: (_rank(entry, sort), entry.label, entry.type))
    return Listed(found, lately(tx, today, source))


def lately(tx: Connection, today: int, source: int | None = None) -> int:
    """All messages of the last `LATELY` days."""
    days = catalogue_days.c
    statement = select(func.sum(days.n)).where(days.day.between(today - LATELY + 1, today))
    if source is not None:
        statement = statement.where(days.source_id == source)
    return int(tx.execute(statement).scalar() or 0)


def _rank(entry: Entry, sort: str) -> tuple[Any, ...]:
    if sort == "volume":
        return (-entry.lately, -entry.n)
    if sort == "name":
        return (entry.label.casefold(),)
    return (-(entry.last_t if sort == "last_seen" else entry.first_t),)


def entry(
    tx: Connection, today: int, type_: str | None, label: str, source: int | None = None
) -> Entry | None:
    """The name ``label`` (the type of calls without one); the most frequent if it is several."""
    table = catalogue_names.c
    called = (table.name == label) | ((table.name == "") & (table.type == label))
    statement = select(catalogue_names).where(called, table.type != CONTEXT)
    if type_ is not None:
        statement = statement.where(table.type == type_)
    names = {row.id: row for row in tx.execute(statement)}
    found = _entries(tx, names, today, source, only=list(names))
    return max(found, key=lambda e: (bool(e.name), e.n), default=None)


def other(tx: Connection) -> int:
    """Messages whose names found no room."""
    seen = catalogue_seen.c
    return int(tx.execute(select(func.sum(seen.n)).where(seen.name_id == OTHER)).scalar() or 0)


def by_day(
    tx: Connection, today: int, ids: list[int], days: int = LATELY, source: int | None = None
) -> dict[int, list[int]]:
    """Messages of each name on each of the last ``days`` days, today's last."""
    table = catalogue_days.c
    found = {number: [0] * days for number in ids}
    first = today - days + 1
    for some in chunks(ids):
        statement = (
            select(table.day, table.name_id, func.sum(table.n))
            .where(table.day.between(max(first, 1), today), table.name_id.in_(some))
            .group_by(table.day, table.name_id)
        )
        if source is not None:
            statement = statement.where(table.source_id == source)
        for day, number, n in tx.execute(statement):
            found[number][day - first] = int(n)
    return found


def fields(tx: Connection, number: int, q: str = "", source: int | None = None) -> Fields:
    """The fields of a name whose path holds ``q``, those of the most messages first."""
    seen = catalogue_seen.c
    looked = select(seen.source_id, seen.looked, seen.beyond).where(seen.name_id == number)
    table = catalogue_properties.c
    details = select(table.source_id, table.path, table.detail).where(table.name_id == number)
    if source is not None:
        looked = looked.where(seen.source_id == source)
        details = details.where(table.source_id == source)
    whole, sources = Seen(), dict[str, list[int]]()
    for row in tx.execute(looked):
        whole.looked += row.looked
        whole.beyond += row.beyond
    for source_id, path, detail in tx.execute(details.order_by(table.source_id, table.path)):
        sources.setdefault(path, []).append(source_id)
        if path in whole.properties:
            whole.properties[path].join(decode_property(detail))
        else:
            whole.properties[path] = decode_property(detail)
    needle = q.casefold()
    shown = [
        as_field(path, found, whole.looked, sources[path])
        for path, found in whole.properties.items()
        if needle in path.casefold()
    ]
    shown.sort(key=lambda f: (-f.n, f.path))
    return Fields(whole.looked, whole.beyond, shown)


def traits_of(tx: Connection, word: str) -> tuple[str, str] | None:
    """Which calls set the traits of a collection (``users``, ``accounts``, a type's key)."""
    if word == "users":
        return "identify", ""
    if word == "accounts":
        return "group", ""
    known = any(row.word == word for row in object_types.all_types(tx))
    return ("group", word) if known else None


def fields_of(
    tx: Connection, type_: str, q: str = "", source: int | None = None, name: str = ""
) -> tuple[int, Fields]:
    """How many messages there were of a type, without a name unless one is given; their fields.

    The types are ``identify`` and ``group``, for traits, and `CONTEXT`; see `traits_of`.
    """
    names = catalogue_names.c
    statement = select(names.id).where(names.type == type_, names.name == name)
    number = tx.execute(statement).scalar()
    if number is None:
        return 0, Fields(0, 0, [])
    seen = catalogue_seen.c
    count = select(func.sum(seen.n))
    if type_ != CONTEXT:
        count = count.where(seen.name_id == number)
    if source is not None:
        count = count.where(seen.source_id == source)
    return int(tx.execute(count).scalar() or 0), fields(tx, number, q, source)


def as_field(path: str, found: Property, looked: int, sources: list[int]) -> Field:
    samples = sorted(found.samples.items(), key=lambda item: (-item[1], item[0]))
    return Field(
        path=path,
        n=found.n,
        share=found.n / looked if looked else 0.0,
        types=sorted(found.types.items(), key=lambda item: (-item[1], item[0])),
        conflict=is_conflict(found.types),
        samples=[
            Sample(None, text[len(MASK) :], n)
            if text.startswith(MASK)
            else Sample(msgspec.json.decode(text), None, n)
            for text, n in samples
        ],
        more=found.more,
        first_t=found.first,
        last_t=found.last,
        sources=sources,
    )


def consent_categories(tx: Connection) -> list[str]:
    """The categories of consent that messages have spoken of, by name."""
    found = fields_of(tx, CONTEXT, _CONSENT)[1].fields
    steps = (split_path(field.path.removeprefix(_CONSENT)) for field in found)
    names = (step[0].replace("\\.", ".").replace("\\\\", "\\") for step in steps if step[0])
    return sorted(dict.fromkeys(names))


def _entries(
    tx: Connection,
    names: dict[int, Any],
    today: int,
    source: int | None,
    only: list[int] | None = None,
) -> list[Entry]:
    seen, days = catalogue_seen.c, catalogue_days.c
    statement = select(catalogue_seen)
    recently = (
        select(days.name_id, func.sum(days.n))
        .where(days.day.between(today - LATELY + 1, today))
        .group_by(days.name_id)
    )
    if source is not None:
        statement = statement.where(seen.source_id == source)
        recently = recently.where(days.source_id == source)
    if only is not None:
        statement = statement.where(seen.name_id.in_(only))
        recently = recently.where(days.name_id.in_(only))
    recent = {number: int(n) for number, n in tx.execute(recently)}
    by_name: dict[int, dict[int, OfSource]] = {}
    for row in tx.execute(statement.order_by(seen.name_id, seen.source_id)):
        of = OfSource(row.n, row.first_t, row.last_t, row.looked, row.beyond)
        by_name.setdefault(row.name_id, {})[row.source_id] = of
    return [
        Entry(
            id=number,
            type=names[number].type,
            name=names[number].name,
            n=sum(of.n for of in sources.values()),
            lately=recent.get(number, 0),
            first_t=min(of.first_t for of in sources.values()),
            last_t=max(of.last_t for of in sources.values()),
            looked=sum(of.looked for of in sources.values()),
            beyond=sum(of.beyond for of in sources.values()),
            sources=sources,
        )
        for number, sources in by_name.items()
        if number in names
    ]


def _carrying(tx: Connection, q: str, source: int | None) -> set[int]:
    table = catalogue_properties.c
    held = func.lower(table.path).contains(q.lower(), autoescape=True)
    statement = select(table.name_id).where(held).distinct()
    if source is not None:
        statement = statement.where(table.source_id == source)
    return set(tx.execute(statement).scalars())
