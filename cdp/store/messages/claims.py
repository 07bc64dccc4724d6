"""Deliveries on the way: leased, claimed, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, literal_column, null, or_, select, update

from cdp.messaging.pressure import REASONS
from cdp.messaging.request import BULK, TRANSACTIONAL, USUAL
from cdp.store.bulk import chunks, run_many, select_by
from cdp.store.messages.deliveries import COLUMNS, Delivery, channels, row_of
from cdp.store.tables import deliveries

#: In this order; each is looked for by itself, so that what is due later costs nothing.
PRIORITIES = (TRANSACTIONAL, USUAL, BULK)


def _due(channel: str, now: int) -> Any:
    table = deliveries.c
    return (
        (table.channel == channel)
        & (table.state == "waiting")
        & table.priority.in_(PRIORITIES)
        & (table.due_at <= now)
    )


def has_due(tx: Connection, channel: str, now: int) -> bool:
    """Whether anything of a channel is due."""
    statement = select(deliveries.c.id).where(_due(channel, now)).limit(1)
    return tx.execute(statement).first() is not None


def due_channels(tx: Connection, now: int) -> list[str]:
    """The channels of which something is due."""
    return [channel for channel in channels(tx) if has_due(tx, channel, now)]


def lease(tx: Connection, channel: str, now: int, until: int, limit: int) -> list[Delivery]:
    """Take due deliveries to be rendered; those that come to nothing are due again at ``until``."""
    table = deliveries.c
    found: list[Delivery] = []
    for priority in PRIORITIES:
        statement = (
            select(*COLUMNS)
            .where(
                table.channel == channel,
                table.state == "waiting",
                table.priority == priority,
                table.due_at <= now,
            )
            .order_by(table.due_at, table.id)
            .limit(limit - len(found))
            .with_for_update(skip_locked=True)
        )
        found += [row_of(row) for row in tx.execute(statement)]
        if len(found) >= limit:
            break
    for some in chunks([item.id for item in found]):
        tx.execute(update(deliveries).where(table.id.in_(some)).values(due_at=until, until=until))
    return found


def _in(*states: str) -> Any:
    """Whether a delivery is in one of ``states``; written out, for `run_many`."""
    return or_(*(deliveries.c.state == literal_column(f"'{state}'") for state in states))


_claim = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("id_"), _in("waiting"))
    .values(
        state=literal_column("'sending'"),
        until=bindparam("until_"),
        destination=bindparam("destination_"),
        recipient=bindparam("recipient_"),
        version=bindparam("version_"),
        attempts=deliveries.c.attempts + literal_column("1"),
        updated_at=bindparam("now_"),
    )
)


class Claim(NamedTuple):
    """A delivery that is to be handed to a destination now."""

    id: int
    destination: int
    recipient: str | None
    version: int | None


def claim(tx: Connection, claims: Sequence[Claim], now: int, until: int) -> set[int]:
    """Deliveries that are handed over from here on; those that are still ours to hand over.

    One that was cancelled, or has gone with its person, is not among them.
    """
    if not claims:
        return set()
    run_many(
        tx,
        _claim,
        [
            {
                "id_": item.id,
                "until_": until,
                "destination_": item.destination,
                "recipient_": item.recipient,
                "version_": item.version,
                "now_": now,
            }
            for item in claims
        ],
    )
    columns = (deliveries.c.id, deliveries.c.state, deliveries.c.until)
    rows = select_by(tx, columns, deliveries.c.id, [item.id for item in claims])
    return {row[0] for row in rows if row[1] == "sending" and row[2] == until}


class Change(NamedTuple):
    """What became of a delivery; None leaves ``destination`` open for the next try."""

    id: int
    state: str
    due_at: int
    reason: str | None
    destination: int | None
    provider_id: str | None = None
    sent_at: int | None = None


def _change(*states: str) -> Any:
    table = deliveries.c
    return (
        update(deliveries)
        .where(table.id == bindparam("id_"), _in(*states))
        .values(
            state=bindparam("state_"),
            due_at=bindparam("due_at_"),
            until=null(),
            reason=bindparam("reason_"),
            destination=bindparam("destination_"),
            provider_id=bindparam("provider_id_"),
            sent_at=bindparam("sent_at_"),
            updated_at=bindparam("now_"),
        )
    )


# A claim that ran out is held by then; what we know at last is the truth.
_handed_over = _change("sending", "held")
_not_handed_over = _change("waiting")


def record(tx: Connection, changes: Sequence[Change], now: int) -> None:
    """Note what became of deliveries that were claimed."""
    run_many(tx, _handed_over, _values(changes, now))


def withhold(tx: Connection, changes: Sequence[Change], now: int) -> None:
    """Note what became of deliveries that were leased and not claimed."""
    run_many(tx, _not_handed_over, _values(changes, now))


def _values(changes: Sequence[Change], now: int) -> list[dict[str, Any]]:
    return [{**{f"{k}_": v for k, v in c._asdict().items()}, "now_": now} for c in changes]


def end_claims(tx: Connection, now: int) -> None:
    """Nobody who had leased or claimed anything is alive."""
    table = deliveries.c
    held = table.until.is_not(None)
    leased = update(deliveries).where(held, table.state == "waiting")
    tx.execute(leased.values(due_at=now, until=None))
    tx.execute(update(deliveries).where(held, table.state == "sending").values(until=0))


def any_lost(tx: Connection, before: int) -> bool:
    """Whether any claim ran out before ``before``."""
    table = deliveries.c
    statement = select(table.id).where(table.state == "sending", table.until < before)
    return tx.execute(statement.limit(1)).first() is not None


_defer = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("id_"), _in("waiting"))
    .values(
        due_at=bindparam("due_at_"), scheduled_at=bindparam("due_at_"),
        reason=bindparam("reason_"), until=null(), updated_at=bindparam("now_"),
    )
)  # fmt: skip


def judge_again(tx: Connection, kind: str, key: str, now: int) -> None:
    """Let what waits because of a rule be judged anew: the rule has changed, or is gone."""
    table, begins = deliveries.c, f"{REASONS[kind]}: {key}"
    tx.execute(
        update(deliveries)
        .where(
            table.channel.in_(channels(tx)),
            table.state == "waiting",
            table.priority.in_(PRIORITIES),
            table.due_at > now,
            table.until.is_(None),
            or_(table.reason == begins, table.reason.startswith(f"{begins} (", autoescape=True)),
        )
        .values(due_at=now, scheduled_at=now, updated_at=now)
    )


def defer(tx: Connection, changes: Sequence[Change], now: int) -> None:
    """Let deliveries that were leased go later, by a rule of ours."""
    run_many(tx, _defer, _values(changes, now))


def lost(tx: Connection, before: int, limit: int) -> list[Delivery]:
    """Deliveries that were claimed until before ``before`` and of which nobody knows the end."""
    table = deliveries.c
    statement = (
        select(*COLUMNS)
        .where(table.state == "sending", table.until < before)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [row_of(row) for row in tx.execute(statement)]
