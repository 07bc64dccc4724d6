"""Noting what was decided about a journey, and letting others know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import Connection

from cdp.store.destinations import hooks as delivery_hooks
from cdp.store.journeys import decisions as journey_decisions
from cdp.store.journeys.decisions import STOPPED
from cdp.store.journeys.launched import JourneyRow

logger = structlog.get_logger(__name__)

#: Who changed a journey that changed itself.
ITSELF = "headwater"


def decide(
    tx: Connection,
    row: JourneyRow,
    clock: int,
    kind: str,
    reason: str,
    figures: Mapping[str, Any],
    *,
    step: str | None = None,
    variant: str | None = None,
    author: str | None = None,
) -> None:
    """Note a decision, and tell those who follow journeys; ``author`` None: by its own rule."""
    journey_decisions.add(
        tx, row.id, row.version, clock, kind, reason, figures,
        step=step, variant=variant, author=author,
    )  # fmt: skip
    log = logger.warning if kind == STOPPED else logger.info
    log("journey_decided", journey=row.key, decision=kind, step=step, reason=reason)
    if delivery_hooks.are_followed(tx, "on_transitions"):
        told = {"decision": kind, "reason": reason, "variant": variant, "by": author,
                "figures": dict(figures)}  # fmt: skip
        delivery_hooks.add_decision(tx, row.key, step, told, clock)
