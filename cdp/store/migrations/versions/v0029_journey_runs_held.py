"""Who is held in journeys is found without looking at everybody."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """An index of those who are held alone: usually nobody."""
    held = sa.text("held")
    op.create_index(
        "journey_runs_held", "journey_runs", ["journey"], sqlite_where=held, postgresql_where=held
    )
