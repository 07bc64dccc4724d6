"""The people that messages are for: traits, identifiers, addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from cdp.messaging.choices import one_of_each
from cdp.profiles.traits import TraitMap
from cdp.store.audiences import members
from cdp.store.audiences.evaluated import LIVE
from cdp.store.bulk import blob, select_by
from cdp.store.profiles import graph
from cdp.store.tables import audiences, identifiers, nodes, profiles

PUSH_TOKEN = ".push_token"


class Addressee(NamedTuple):
    """A person as messages need them; ``ids`` by type, in the order in which they came."""

    node: int
    profile: int
    public: tuple[int, int]  # collection and anchor: what the public id is made of
    traits: dict[str, Any]
    ids: dict[str, list[str]]

    @property
    def names(self) -> dict[str, str]:
        """One identifier of each type, see `one_of_each`."""
        return one_of_each(self.ids)

    def address(self, channel: str) -> str | None:
        """Where messages of a channel go; None if nothing is known."""
        if channel == "email":
            return self._text("email") or self._last("email")
        if channel == "sms":
            return self._text("phone") or self._last("phone")
        if channel == "in_app":
            return next(iter(self.ids.get("user_id", ())), None)
        return None

    def reached(self, channel: str) -> str | None:
        """`address`; of pushes the newest device."""
        if channel == "push":
            return next((token for _, token in self.devices()), None)
        return self.address(channel)

    def devices(self) -> list[tuple[str, str]]:
        """The person's devices for pushes, as (platform, token), the newest first."""
        found = [
            (type_.removesuffix(PUSH_TOKEN), value)
            for type_, values in self.ids.items()
            if type_.endswith(PUSH_TOKEN)
            for value in values
        ]
        return found[::-1]

    def _text(self, trait: str) -> str | None:
        value = self.traits.get(trait)
        return value.strip() or None if isinstance(value, str) else None

    def _last(self, type_: str) -> str | None:
        return next(reversed(self.ids.get(type_, ())), None)


def load(tx: Connection, node_ids: Sequence[int]) -> dict[int, Addressee]:
    """The people behind nodes; those who are gone are not among them."""
    rows = select_by(tx, (nodes.c.id, nodes.c.profile), nodes.c.id, sorted(set(node_ids)))
    homes = {row[0]: row[1] for row in rows if row[1]}
    people = of_profiles(tx, sorted(set(homes.values())))
    return {
        node: people[home]._replace(node=node) for node, home in homes.items() if home in people
    }


def of_profiles(tx: Connection, people: Sequence[int]) -> dict[int, Addressee]:
    """The people of some profiles, on no node.

    Over their traits lie computed ones, and the audiences that they are in, as true.
    """
    traits = {
        id_: TraitMap.decode(blob(raw)).values()
        for id_, raw in graph.profile_traits(tx, list(people)).items()
    }
    for profile, key, value in _overlays(tx, people):
        traits.setdefault(profile, {})[key] = value
    heads = {
        row[0]: (row[1], row[2])
        for row in select_by(
            tx, (profiles.c.id, profiles.c.collection, profiles.c.anchor), profiles.c.id, people
        )
    }
    columns = (
        identifiers.c.profile, identifiers.c.first_t, identifiers.c.id, identifiers.c.type,
        identifiers.c.value,
    )  # fmt: skip
    ids: dict[int, dict[str, list[str]]] = {}
    for profile, _, _, type_, value in sorted(
        map(tuple, select_by(tx, columns, identifiers.c.profile, people))
    ):
        ids.setdefault(profile, {}).setdefault(type_, []).append(value)
    return {
        id_: Addressee(0, id_, head, traits.get(id_, {}), ids.get(id_, {}))
        for id_, head in heads.items()
    }


def _overlays(tx: Connection, people: Sequence[int]) -> Iterator[tuple[int, str, Any]]:
    """(profile, key, value) of computed traits and audiences."""
    a = audiences.c
    keys = {row.id: row.key for row in tx.execute(select(a.id, a.key).where(a.state == LIVE))}
    if not keys:
        return
    for profile, trait, text in members.values_of(tx, list(people)):
        if trait in keys:
            yield profile, keys[trait], json.loads(text)
    for profile, audience, _ in members.members_of(tx, list(people)):
        if audience in keys:
            yield profile, keys[audience], True


def node_of(tx: Connection, profile: int, prefer: str = "user_id") -> int | None:
    """A node to hang on what is about a person: of several the first that carries ``prefer``."""
    return nodes_of(tx, [profile], prefer).get(profile)


def nodes_of(tx: Connection, profile_ids: Sequence[int], prefer: str = "user_id") -> dict[int, int]:
    """`node_of` many people; those without any node are not among them."""
    best: dict[int, tuple[Any, ...]] = {}
    for row in graph.nodes_of_profiles(tx, list(profile_ids)):
        lacks = all(type_ != prefer for type_, _ in json.loads(row.ids))
        rank = (lacks, row.first_t, row.first_source, row.first_message_id, row.id)
        if row.profile not in best or rank < best[row.profile]:
            best[row.profile] = rank
    return {profile: rank[-1] for profile, rank in best.items()}
