"""Audiences and computed traits of accounts that people came into by a fault are computed anew."""

from alembic import op

revision = "0034"
down_revision = "0033"

#: Those of accounts that have something of a profile which is none.
FAULTY = """
UPDATE audiences SET fingerprint = 'of people, too'
WHERE state = 'live' AND root IS NOT NULL AND collection = 1 AND EXISTS (
    SELECT 1 FROM {table} JOIN profiles ON profiles.id = {table}.profile
    WHERE {table}.{column} = audiences.id AND profiles.collection <> 1
)
"""


def upgrade() -> None:
    """What differs from its definition is computed beside the old one, which then ends."""
    for table, column in (("members", "audience"), ("computed_values", "trait")):
        op.execute(FAULTY.format(table=table, column=column))
