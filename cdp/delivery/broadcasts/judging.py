"""Choosing the variant that the rest gets."""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.messaging.broadcasts.plan import Plan, plan_of
from cdp.messaging.broadcasts.winner import Result, best, in_words
from cdp.store.messages import broadcast_figures, broadcasts
from cdp.store.messages.broadcasts import Broadcast


def judge(tx: Connection, row: Broadcast, now: int) -> bool:
    """Choose the winner of a test once its time has come; whether it was chosen."""
    plan = plan_of(row.body)
    if plan.winner == "hand" or plan.after_ms is None:
        return False
    if now < (row.wave_ended_at or now) + plan.after_ms:
        return False
    found = results(tx, row, plan, plan.winner)
    won = best(found)
    why = f"chosen by itself: {in_words(found, plan.winner) or 'nothing was sent'}"
    crown(tx, row, won.name, why, now)
    return True


def crown(tx: Connection, row: Broadcast, name: str, why: str, now: int) -> None:
    """Let the rest get the variant ``name``."""
    state = "sending" if row.state == "testing" else row.state
    from_ = "sending" if row.paused_from == "testing" else row.paused_from
    broadcasts.change(
        tx, row.id, state=state, paused_from=from_, winner=name, winner_why=why, updated_at=now
    )


def results(tx: Connection, row: Broadcast, plan: Plan, measure: str) -> list[Result]:
    """What became of each variant in the test by ``measure``: opened, clicked or converted.

    What the rest gets is no part of it: it goes later, by another rule than by lot.
    """
    figures = broadcast_figures.by_variant(tx, row.id, row.wave_ended_at)
    converted = (
        broadcast_figures.conversions(
            tx, [row.id], plan.goal, plan.within_ms, row.as_of or 0, row.wave_ended_at
        ).by_variant
        if measure == "converted" and plan.goal
        else {}
    )
    found = []
    for variant in plan.variants:
        mine = figures.get(variant.name, {})
        did = converted.get(variant.name, 0) if measure == "converted" else mine.get(measure, 0)
        found.append(Result(variant.name, mine.get("sent", 0), did))
    return found
