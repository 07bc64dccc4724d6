"""How far each part of the log was taken, and the numbers that were given out."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from cdp.store.tables.base import Big, metadata

#: How far the pipeline has taken each part of the log; ``epoch`` names its owner.
#: ``ended_at``: all of it was taken and its writer is gone, so the part was dropped.
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("part", Text, primary_key=True),
    Column("pos", Big, nullable=False),
    Column("epoch", Big, nullable=False, default=0),
    Column("updated_at", Big, nullable=False),
    Column("ended_at", Big),
)

#: The next free number of each kind (``seq node profile identifier name …``).
numbers = Table(
    "numbers",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("next", Big, nullable=False),
)
