"""What people want to get, and addresses that nothing is sent to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, select

from cdp.identity import normal_value
from cdp.messaging.standing import Standing, Wish, noted, opted_out
from cdp.profiles.suppression import hidden
from cdp.profiles.traits import TraitMap
from cdp.store.bulk import blob, chunks, select_by, upsert
from cdp.store.profiles import graph, regulations
from cdp.store.tables import identifiers, nodes, preferences, suppressed, suppressed_addresses

#: Any fixed number: held by whoever changes what people want, shared by claims (Postgres).
_LOCK = 0x48656166


def change_turn(tx: Connection) -> None:
    """From here to the end of ``tx`` no delivery is claimed; SQLite has one writer anyway.

    What commits before a claim is seen by it, and no claim that has begun is overtaken.
    """
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def claim_turn(tx: Connection) -> None:
    """From here to the end of ``tx`` nobody changes what people want."""
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({_LOCK})")


def put(
    tx: Connection,
    node: int,
    wishes: Mapping[str, bool],
    now: int,
    cause: str,
    delivery: int | None = None,
) -> dict[str, Wish]:
    """Keep what a person said; what was not so before, by scope. Commits before it is answered.

    What is said later holds, whatever the clocks of two machines say.
    """
    change_turn(tx)
    before = standings(tx, [node])[node].wishes
    statement = upsert(tx, preferences)
    new: dict[str, Wish] = {}
    for scope, wanted in sorted(wishes.items()):
        old = before.get(scope)
        at = now if old is None else max(now, old.at + 1)
        values = {"wanted": wanted, "at": at, "cause": cause, "delivery": delivery}
        tx.execute(
            statement.values(node=node, scope=scope, **values).on_conflict_do_update(
                index_elements=["node", "scope"], set_=values
            )
        )
        if old is None or old.wanted is not wanted:
            new[scope] = Wish(wanted, at)
    return new


class Said(NamedTuple):
    """One wish of a person, with where it came from."""

    scope: str
    wanted: bool
    at: int
    cause: str
    delivery: int | None


def of_profile(tx: Connection, profile: int) -> list[Said]:
    """What a person wants, the newest of each scope."""
    table = preferences.c
    statement = (
        select(table.scope, table.wanted, table.at, table.cause, table.delivery)
        .join(nodes, nodes.c.id == table.node)
        .where(nodes.c.profile == profile)
        .order_by(table.scope, table.at.desc(), table.wanted, table.node.desc())
    )
    found: dict[str, Said] = {}
    for row in tx.execute(statement):
        found.setdefault(row.scope, Said(*row))
    return list(found.values())


def standings(tx: Connection, node_ids: Sequence[int]) -> dict[int, Standing]:
    """How the people behind nodes stand to our messages, as of ``tx``; gone ones included."""
    rows = select_by(tx, (nodes.c.id, nodes.c.profile), nodes.c.id, sorted(set(node_ids)))
    homes = {row[0]: row[1] for row in rows if row[1]}
    people = sorted(set(homes.values()))
    wishes = _wishes(tx, people)
    refused = _refused(tx, people)
    traits = graph.profile_traits(tx, people)
    found: dict[int, Standing] = {}
    known: dict[int, Standing] = {}
    for node in node_ids:
        profile = homes.get(node)
        if profile is None:
            found[node] = Standing(gone=True)
            continue
        if profile not in known:
            mine = TraitMap.decode(blob(traits.get(profile)))
            said = mine.values()
            zone = said.get("timezone")
            known[profile] = Standing(
                wishes.get(profile, {}),
                profile in refused,
                mine.stamps()["unsubscribed"].t if opted_out(said) else None,
                noted(said),
                zone if isinstance(zone, str) else None,
                profile,
            )
        found[node] = known[profile]
    return found


def _wishes(tx: Connection, people: Sequence[int]) -> dict[int, dict[str, Wish]]:
    table = preferences.c
    found: dict[int, dict[str, Wish]] = {}
    if tx.execute(select(table.node).limit(1)).first() is None:
        return found
    for some in chunks(people):
        statement = (
            select(nodes.c.profile, table.scope, table.wanted, table.at)
            .join(nodes, nodes.c.id == table.node)
            .where(nodes.c.profile.in_(some))
        )
        for profile, scope, wanted, at in tx.execute(statement):
            mine = found.setdefault(profile, {})
            old = mine.get(scope)
            # Of two that were said at once, the one that sends less holds.
            if old is None or (at, not wanted) > (old.at, not old.wanted):
                mine[scope] = Wish(bool(wanted), at)
    return found


def _refused(tx: Connection, people: Sequence[int]) -> set[int]:
    """Those who are suppressed (segment.com: privacy)."""
    lasting = suppressed.c.before.is_(None)
    if tx.execute(select(suppressed.c.hash).where(lasting).limit(1)).first() is None:
        return set()
    secret = regulations.secret_of(tx)
    columns = (identifiers.c.profile, identifiers.c.type, identifiers.c.value)
    rows = select_by(tx, columns, identifiers.c.profile, people)
    owners = {hidden(secret, (type_, value)): profile for profile, type_, value in rows}
    found: set[int] = set()
    for some in chunks(list(owners)):
        statement = select(suppressed.c.hash).where(lasting, suppressed.c.hash.in_(some))
        found.update(owners[row[0]] for row in tx.execute(statement))
    return found


# -- addresses -----------------------------------------------------------------------


class Address(NamedTuple):
    """An address that nothing is sent to; ``address`` None: its person was deleted."""

    hash: str
    channel: str
    address: str | None
    reason: str
    detail: str | None
    delivery: int | None
    author: str | None
    at: int


#: Channels whose addresses are compared in a common form, by their identifier's type.
IDENTIFIERS = {"email": "email", "sms": "phone"}


def plain(channel: str, address: str) -> str:
    """An address in the form in which it is compared: an email without name, a phone in E.164."""
    text = address.strip()
    if channel == "email" and text.endswith(">") and "<" in text:
        text = text[text.rindex("<") + 1 : -1]
    type_ = IDENTIFIERS.get(channel)
    return (normal_value(type_, text) if type_ else None) or text


def _hash(secret: str, channel: str, address: str) -> str:
    return hidden(secret, (f"address:{channel}", plain(channel, address)))


def suppress_address(
    tx: Connection,
    channel: str,
    address: str,
    reason: str,
    now: int,
    *,
    detail: str | None = None,
    delivery: int | None = None,
    author: str | None = None,
) -> None:
    """Send nothing to an address any more; the first reason stays."""
    change_turn(tx)
    secret = regulations.secret_for(tx)
    values = {
        "hash": _hash(secret, channel, address),
        "channel": channel,
        "address": plain(channel, address),
        "reason": reason,
        "detail": detail,
        "delivery": delivery,
        "author": author,
        "at": now,
    }
    statement = upsert(tx, suppressed_addresses).values(values)
    tx.execute(statement.on_conflict_do_nothing(index_elements=["hash"]))


def unsuppress_address(tx: Connection, channel: str, address: str) -> bool:
    """Let messages go to an address again; False if they did."""
    hash_ = _hash(regulations.secret_of(tx), channel, address)
    table = suppressed_addresses
    return bool(tx.execute(delete(table).where(table.c.hash == hash_)).rowcount)


def lift(tx: Connection, channel: str, address: str) -> None:
    """Whoever opted out by their address and in again by it may be sent to again."""
    hash_ = _hash(regulations.secret_of(tx), channel, address)
    table = suppressed_addresses
    tx.execute(delete(table).where(table.c.hash == hash_, table.c.reason == "unsubscribed"))


def why_suppressed(tx: Connection, channel: str, addresses: Iterable[str]) -> dict[str, str]:
    """The reason for each of ``addresses`` that is on the list."""
    table = suppressed_addresses
    if tx.execute(select(table.c.hash).limit(1)).first() is None:
        return {}
    secret = regulations.secret_of(tx)
    hashes = {_hash(secret, channel, address): address for address in addresses}
    found: dict[str, str] = {}
    for some in chunks(list(hashes)):
        statement = select(table.c.hash, table.c.reason).where(table.c.hash.in_(some))
        found.update((hashes[hash_], reason) for hash_, reason in tx.execute(statement))
    return found


def addresses(
    tx: Connection, limit: int, before: tuple[int, str] | None = None, text: str = ""
) -> list[Address]:
    """The list, newest first; ``text`` is how an address begins."""
    table = suppressed_addresses
    statement = select(table).order_by(table.c.at.desc(), table.c.hash.desc()).limit(limit)
    if text:
        statement = statement.where(
            func.lower(table.c.address).startswith(text.lower(), autoescape=True)
        )
    if before is not None:
        at, hash_ = before
        older = (table.c.at < at) | ((table.c.at == at) & (table.c.hash < hash_))
        statement = statement.where(older)
    return [Address(*row) for row in tx.execute(statement)]


def count_addresses(tx: Connection) -> int:
    """How many are on the list."""
    found = select(func.count()).select_from(suppressed_addresses)
    return int(tx.execute(found).scalar_one())


def forget(tx: Connection, node_ids: Sequence[int], values: Iterable[Any]) -> None:
    """Drop what deleted people wanted; their addresses stay on the list as hashes alone."""
    for some in chunks(node_ids):
        tx.execute(delete(preferences).where(preferences.c.node.in_(some)))
    table = suppressed_addresses
    for some in chunks(sorted({str(value) for value in values})):
        tx.execute(
            table.update()
            .where(table.c.address.in_(some))
            .values(address=None, detail=None, delivery=None)
        )
