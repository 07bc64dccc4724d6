"""By which versions people still count for a journey is found without looking at each of them."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """An index of the runs that are looked at alone."""
    alert = sa.text("alert")
    op.create_index(
        "journey_runs_in_use",
        "journey_runs",
        ["journey", "version"],
        sqlite_where=alert,
        postgresql_where=alert,
    )
