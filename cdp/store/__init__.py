"""Tables and named queries, one set for SQLite and Postgres.

A query is a function in the file of its noun, takes the transaction first and has
one sentence. `Store` opens the database; `migrate` brings it up to date.
"""

from cdp.store.db import Store, StoreBusy

__all__ = ["Store", "StoreBusy"]
