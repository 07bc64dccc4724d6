"""Which fields hold personal data: proposed by their look, decided by people (``kind: field``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from cdp.definitions.computed_trait import hands_on
from cdp.protocols import MASK, Classes, Property, field_key, field_name, root_of
from cdp.protocols.personal import key_kind
from cdp.protocols.shapes import path_key
from cdp.store import definitions, meta
from cdp.store.catalogue import writing as catalogue
from cdp.store.profiles import object_types
from cdp.store.tables import ACCOUNTS, USERS, catalogue_names, catalogue_properties

KIND = "field"
STATES = ("waiting", "personal", "open", "all")
#: Values of a field that are shown to whoever decides.
SAMPLES = 5

_decode = msgspec.json.Decoder(Property).decode


class Known(NamedTuple):
    """A field that was seen, or decided of.

    ``kind`` is what it is proposed as, by its ``name`` or its ``values`` (``by``), None
    if it looks harmless; ``decided`` is what a person said, ``author`` at ``at`` (ms).
    ``names`` are the (type, name) of calls that carry it, in ``n`` of those looked into.
    """

    field: str
    kind: str | None
    by: str | None
    decided: bool | None
    author: str | None
    at: int | None
    names: tuple[tuple[str, str], ...]
    n: int
    types: tuple[str, ...]
    samples: tuple[object, ...]

    @property
    def personal(self) -> bool:
        """Whether it is taken for personal now."""
        return self.kind is not None if self.decided is None else self.decided

    @property
    def waits(self) -> bool:
        """Whether it looks personal and nobody has said so yet."""
        return self.decided is None and self.kind is not None


def load_classes(tx: Connection) -> Classes:
    """What is decided now; a computed trait is personal that tells the value of what is."""
    found = definitions.all_current(tx, KIND, "computed_trait")
    decided = {
        item.key: bool((item.body or {}).get("personal")) for item in found if item.kind == KIND
    }
    made = {
        ("account." if (item.body or {}).get("of") == "accounts" else "traits.")
        + path_key(item.key): hands_on(item.body or {})
        for item in found
        if item.kind != KIND
    }
    while True:  # one may tell the value of another
        classes = Classes(decided)
        more = {
            field: True
            for field, told in made.items()
            if field not in decided and any(classes.kind(one, "x") for one in told)
        }
        if not more:
            return classes
        decided |= more


class Decided:
    """What is decided now, read anew when the configuration has changed; one for each app.

    For transactions that only read: what one that writes has not committed must not be kept.
    """

    def __init__(self) -> None:
        self._held: tuple[int, Classes] | None = None

    def classes(self, tx: Connection) -> Classes:
        """As `load_classes` gives them."""
        version = meta.version(tx)  # first: what is newer than its version is read again
        held = self._held
        if held is None or held[0] != version:
            held = self._held = (version, load_classes(tx))
        return held[1]


def roots(tx: Connection) -> dict[int, str]:
    """What the fields of profiles begin with, by their collection."""
    keys = {row.id: "" if row.id == ACCOUNTS else row.key for row in object_types.all_types(tx)}
    return {USERS: root_of("identify"), **{id_: root_of("group", key) for id_, key in keys.items()}}


def decide(
    tx: Connection, now: int, decisions: Mapping[str, bool | None], author: str
) -> list[str]:
    """Say of fields that they are personal or not, or (None) leave them to their look again.

    Returns their names as they are kept; `cdp.protocols.NoField` says which is none. Values
    of them that the catalogue keeps and should not, go.
    """
    keys = {field_key(field): personal for field, personal in decisions.items()}
    for key, personal in keys.items():
        if personal is not None:
            definitions.put(tx, now, KIND, key, {"personal": personal}, author)
        elif definitions.current(tx, KIND, key) is not None:
            definitions.put(tx, now, KIND, key, None, author)
    if closed := [key for key, personal in keys.items() if personal is not False]:
        catalogue.hide_samples(tx, load_classes(tx), closed)
    return list(keys)


def known_fields(tx: Connection, state: str = "all", q: str = "") -> list[Known]:
    """The fields whose name holds ``q``, by name; ``state`` is one of `STATES`."""
    decided = {item.key: item for item in definitions.all_current(tx, KIND)}
    seen = _seen(tx)
    needle = q.casefold()
    found = [
        _known(field, seen.get(field), decided.get(field))
        for field in sorted({*seen, *decided})
        if needle in field.casefold()
    ]
    return [
        item
        for item in found
        if state == "all"
        or (item.waits if state == "waiting" else item.personal == (state == "personal"))
    ]


class _Seen:
    """What the catalogue has of one field, of all calls and sources."""

    def __init__(self) -> None:
        self.names: dict[tuple[str, str], None] = {}
        self.detail = Property()


def _seen(tx: Connection) -> dict[str, _Seen]:
    names, properties = catalogue_names.c, catalogue_properties.c
    statement = (
        select(names.type, names.name, properties.path, properties.detail)
        .join(catalogue_names, names.id == properties.name_id)
        .order_by(names.type, names.name, properties.path)
    )
    found: dict[str, _Seen] = {}
    for type_, name, path, detail in tx.execute(statement):
        root = root_of(type_, name)
        one = found.setdefault(field_name(f"{root}.{path}"), _Seen())
        one.names[(type_, name)] = None
        one.detail.join(_decode(detail))
    return found


def _known(field: str, seen: _Seen | None, decided: definitions.Version | None) -> Known:
    detail = seen.detail if seen is not None else Property()
    by_value = next((t[len(MASK) :] for t in detail.samples if t.startswith(MASK)), None)
    named = key_kind(field)
    # A boolean of a personal name says nothing of anybody, for most kinds.
    if named is not None and seen is not None and by_value is None and detail.samples:
        named = None
    said = bool((decided.body or {}).get("personal")) if decided is not None else None
    kind = named or (by_value if said is None else None)
    return Known(
        field=field,
        kind=kind,
        by=None if kind is None else "name" if named else "values",
        decided=said,
        author=decided.author if decided is not None else None,
        at=decided.at if decided is not None else None,
        names=tuple(seen.names) if seen is not None else (),
        n=detail.n,
        types=tuple(t for t, _ in sorted(detail.types.items(), key=lambda item: -item[1])),
        samples=tuple(
            msgspec.json.decode(text) for text in detail.samples if not text.startswith(MASK)
        )[:SAMPLES],
    )
