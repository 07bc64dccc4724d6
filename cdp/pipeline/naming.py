"""Whom a message names, and how the store writes that."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from cdp.events import Message
from cdp.identity import Identifier, Rules, canonical, extract, identifier_hash, node_key
from cdp.identity.identifiers import Found
from cdp.profiles.consent import said
from cdp.store.tables import USERS

_encode = msgspec.json.Encoder().encode


class Spelled(NamedTuple):
    """Identifiers as the store keeps and finds them: JSON, the key of their node, the hash
    of each."""

    text: str
    key: int
    hashes: tuple[int, ...]


class Named(NamedTuple):
    """Whom a message names, and what it says of their consent (`cdp.profiles.consent.said`)."""

    found: Found
    preferences: dict[str, bool] | None
    spelled: Spelled | None = None

    @property
    def plain(self) -> bool:
        """Whether it says no more than a person's identifiers."""
        return self.preferences is None and not self.found.account and not self.found.blocked


def ids_text(ids: tuple[Identifier, ...]) -> str:
    """Identifiers as the store keeps them: JSON ``[[type, value], …]``."""
    return _encode(ids).decode()


def spell(collection: int, ids: tuple[Identifier, ...]) -> Spelled:
    """How the store writes some identifiers."""
    unchanging = canonical(ids)
    hashes = tuple([identifier_hash(collection, identifier) for identifier in ids])
    return Spelled(ids_text(unchanging), node_key(collection, unchanging), hashes)


def name(message: Message, rules: Rules) -> Named:
    """Whom a message names."""
    return Named(extract(message, rules), said(message.body))


def name_all(messages: list[Message], rules: Rules) -> list[Named]:
    """Whom each of some messages names; those that say the same and are plain are one."""
    spelling: dict[tuple[Identifier, ...], Spelled] = {}
    plain: dict[tuple[Identifier, ...], Named] = {}
    named: list[Named] = []
    for message in messages:
        found, preferences, _ = name(message, rules)
        ids = found.person
        spelled = spelling.get(ids)
        if spelled is None:
            spelled = spelling[ids] = spell(USERS, ids)
        one = Named(found, preferences, spelled)
        named.append(plain.setdefault(ids, one) if one.plain else one)
    return named
