"""Tables and named queries, one set for SQLite and Postgres.

A query is a function in the file of its noun, takes the transaction first and has
one sentence. `Store` opens the database; `migrate` brings it up to date. What all need
(rows of the configuration, definitions in versions, numbers, many rows at once) stands
here; each folder beside it holds what belongs to one subject, and knows only those
subjects that come before it: events, profiles, the catalogue and audiences, messages,
journeys, and above these destinations, privacy and changes of what people define.
"""

from cdp.store.db import Store, StoreBusy

__all__ = ["Store", "StoreBusy"]
