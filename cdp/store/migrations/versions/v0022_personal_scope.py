"""Tokens that were made before there was a scope for personal values keep seeing them."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Give ``personal:read`` to all tokens but those for everything, which have it."""
    op.execute(
        sa.text(
            "UPDATE tokens SET scopes = scopes || ' personal:read' "
            "WHERE ' ' || scopes || ' ' NOT LIKE '% all %'"
        )
    )
