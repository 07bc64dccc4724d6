"""Taking a person's access to the console away."""

from __future__ import annotations

from sqlalchemy import Connection, delete

from cdp.store.config_rows import User, record_change
from cdp.store.tables import users


def delete_user(tx: Connection, now: int, user: User, author: str) -> None:
    """Remove somebody who could log in."""
    tx.execute(delete(users).where(users.c.id == user.id))
    record_change(tx, now, author, "user", user.name, "deleted", before={"role": user.role})
