"""Dropping how runs of journeys went that are long over; their figures stay."""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.journeys import Read
from cdp.store import definitions
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys import story as journey_story

#: Kinds of steps whose ways are compared for good, by what became of each run.
COMPARED = ("holdout", "experiment")


def drop(tx: Connection, after: int, before: int, limit: int) -> tuple[int, bool]:
    """Drop how some runs went that ended before an instant, of ``limit`` moves behind one.

    Returns the move up to which it is done, and whether there is more to do.
    """
    runs, reached, more = journey_story.over(tx, after, before, limit)
    by_version: dict[tuple[int, int], list[int]] = {}
    for run, journey, version in runs:
        by_version.setdefault((journey, version), []).append(run)
    keys = {row.id: row.key for row in journeys.all_rows(tx)} if runs else {}
    for (journey, version), ids in by_version.items():
        journey_story.drop(tx, ids, _compared(tx, keys.get(journey), version))
        journey_runs.thin(tx, ids)
    return reached, more


def _compared(tx: Connection, key: str | None, version: int) -> set[str] | None:
    """The steps of a version whose ways reports compare; None: it can't be read any more."""
    body = definitions.body_of(tx, "journey", key, version) if key is not None else None
    if key is None or body is None:
        return None
    read = Read(key, body, version)
    if read.program is None:
        return None
    return {id_ for id_, step in read.steps.items() if step.kind.name in COMPARED}
