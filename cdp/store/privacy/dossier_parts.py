"""What else is known of a person: messages and what they want, audiences, journeys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from cdp.events import format_time
from cdp.store.audiences import membership
from cdp.store.bulk import chunks
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys import story as journey_story
from cdp.store.messages import preferences
from cdp.store.messages import reads as message_reads
from cdp.store.messages.deliveries import Delivery
from cdp.store.tables import deliveries


def messages(tx: Connection, node_ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Every message to the person, as it was sent and with what was told of it."""
    columns = tuple(deliveries.c[name] for name in Delivery._fields)
    for some in chunks(node_ids):
        found = select(*columns).where(deliveries.c.node.in_(some)).order_by(deliveries.c.id)
        for row in tx.execute(found).all():
            yield message_reads.whole(tx, Delivery._make(row))


def wishes(tx: Connection, profile: int) -> Iterator[dict[str, Any]]:
    """What the person wants to get, and said when."""
    for said in preferences.of_profile(tx, profile):
        yield _timed(said._asdict())


def audiences(tx: Connection, profile: int) -> Iterator[dict[str, Any]]:
    """The audiences that the person is in, and since when."""
    for standing in membership.of_person(tx, profile):
        yield _timed(standing._asdict())


def travels(tx: Connection, profile: int) -> Iterator[dict[str, Any]]:
    """The journeys of the person, each with all that became of it."""
    keys = {row.id: row.key for row in journeys.all_rows(tx)}
    for item in journey_runs.of_people(tx, [profile], keys):
        run = item.run
        moves = journey_story.moves_of(tx, [run.id])
        yield {
            "journey": run.journey,
            "version": run.version,
            "started": format_time(run.started),
            "step": run.step,
            "status": run.status,
            "reason": run.reason,
            "data": run.data,
            "moves": [
                {"at": format_time(m.at), "step": m.step, "what": m.what, "exit": m.exit,
                 "why": m.why}
                for m in moves
            ],
        }  # fmt: skip


def _timed(row: dict[str, Any]) -> dict[str, Any]:
    """Times as people read them."""
    return {
        name: format_time(value) if name in ("at", "since") and isinstance(value, int) else value
        for name, value in row.items()
    }
