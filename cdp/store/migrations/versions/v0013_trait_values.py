"""Values of traits that conditions read, and indexes to find people by."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables; the pipeline fills them as definitions ask."""
    op.create_table(
        "kept_traits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("collection", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("reached", BIG, nullable=False),
        sa.Column("until", BIG, nullable=False),
        sa.Column("latest", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("collection", "path"),
    )
    op.create_table(
        "trait_values",
        sa.Column("trait", sa.Integer(), nullable=False),
        sa.Column("profile", BIG, nullable=False),
        sa.Column("t", BIG, nullable=False),
        sa.Column("num", sa.Float()),
        sa.Column("text", sa.Text()),
        sa.Column("json", sa.Text()),
        sa.Column("ms", BIG),
        sa.PrimaryKeyConstraint("trait", "profile"),
        sqlite_with_rowid=False,
    )
    op.create_index("nodes_home", "nodes", ["id", "profile"])
    op.create_index("profiles_collection", "profiles", ["collection"])
