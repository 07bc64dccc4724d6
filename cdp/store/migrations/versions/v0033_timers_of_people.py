"""All audiences of a profile have one timer, which knows when each of them is due."""

from itertools import groupby
from operator import itemgetter

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: Of the timers before: an audience or computed trait of a profile.
AUDIENCE = 1
#: Rows at once.
PIECE = 50_000

_pack = msgspec.msgpack.Encoder().encode


def upgrade() -> None:
    """Write the table anew in the order of its key: to take rows away one by one is slow."""
    new = op.create_table(
        "timers_new",
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("subject", BIG, nullable=False),
        sa.Column("profile", BIG, nullable=False),
        sa.Column("due", BIG, nullable=False),
        sa.Column("dues", sa.LargeBinary),
        sa.PrimaryKeyConstraint("profile", "kind", "subject"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO timers_new (kind, subject, profile, due) "
        f"SELECT kind, subject, profile, due FROM timers WHERE kind <> {AUDIENCE} "
        "ORDER BY profile, kind, subject"
    )
    _together(op.get_bind(), new)
    op.drop_table("timers")
    op.rename_table("timers_new", "timers")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX timers_new_pkey RENAME TO timers_pkey")
    op.create_index("timers_due", "timers", ["due"])


def _together(tx: sa.Connection, new: sa.Table) -> None:
    """Make one row of all that are an audience's of the same profile."""
    some = sa.text(
        "SELECT profile, subject, due FROM timers "
        f"WHERE kind = {AUDIENCE} AND profile > :after ORDER BY profile LIMIT :most"
    )
    after, most, more = -1, PIECE, True
    while more:
        rows = tx.execute(some, {"after": after, "most": most}).all()
        more = len(rows) == most
        found = [
            (profile, {subject: due for _, subject, due in mine})
            for profile, mine in groupby(rows, itemgetter(0))
        ]
        if more:
            found.pop()  # there may be more of the last one
            if not found:
                most *= 2
                continue
        if found:
            after = found[-1][0]
            tx.execute(sa.insert(new), [_row(profile, dues) for profile, dues in found])


def _row(profile: int, dues: dict[int, int]) -> dict[str, object]:
    return {
        "kind": AUDIENCE, "subject": 0, "profile": profile,
        "due": min(dues.values()), "dues": _pack(dues),
    }  # fmt: skip
