"""Writing an export from first to last, and noting that it was made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from cdp.store import Store
from cdp.store.profiles import exports
from cdp.transfer import lines, replay
from cdp.transfer.errors import TransferError
from cdp.transfer.lines import Row, Span
from cdp.transfer.writers import FORMATS, load_pyarrow, pieces

#: What can be exported, and the scope that an API token needs for it.
WHAT = {
    "people": "profiles:read",
    "accounts": "profiles:read",
    "objects": "profiles:read",
    "identifiers": "profiles:read",
    "events": "events:read",
    "messages": "events:read",
}
#: What can be chosen by time.
TIMED = ("events", "messages")


def check(what: str, format_: str, span: Span) -> None:
    """`TransferError` if that can't be exported so."""
    if what not in WHAT:
        raise TransferError(f"{what!r} can't be exported; there are {', '.join(WHAT)}")
    if format_ not in FORMATS:
        raise TransferError(f"{format_!r} is no format; there are {', '.join(FORMATS)}")
    if what == "messages" and format_ != "jsonl":
        raise TransferError("messages are exported as JSON lines only")
    if span != Span() and what not in TIMED:
        raise TransferError(f"{what} have no time to choose them by; events and messages do")
    if format_ == "parquet":
        load_pyarrow()


def export(
    store: Store,
    what: str,
    format_: str,
    span: Span,
    author: str,
    target: str,
    clock: Callable[[], float] = time.time,
) -> Iterator[bytes]:
    """The export's bytes, piece by piece; it is noted before the first and after the last.

    All of it shows one moment of the store. On SQLite the file of the store's newest
    changes can't be folded back as long as it runs.
    """
    check(what, format_, span)
    selection = {"from": span.since, "to": span.until} if span != Span() else {}
    with store.write() as tx:
        number = exports.begin_export(
            tx, int(clock() * 1000), author, what, format_, selection, target
        )
    counted = _Counted()
    with exports.one_moment(store) as tx:

        def rows() -> Iterator[Row]:
            return counted(_rows(tx, what, span))

        yield from pieces(what, format_, rows)
    with store.write() as tx:
        exports.end_export(tx, number, int(clock() * 1000), counted.rows)


def _rows(tx: Connection, what: str, span: Span) -> Iterator[Row]:
    if what == "people":
        return lines.people(tx)
    if what == "accounts":
        return lines.accounts(tx)
    if what == "objects":
        return lines.objects(tx)
    if what == "identifiers":
        return lines.identifiers(tx)
    return lines.events(tx, span) if what == "events" else replay.messages(tx, span)


class _Counted:
    """How many rows went by; a second pass counts anew."""

    rows = 0

    def __call__(self, rows: Iterator[Row]) -> Iterator[Row]:
        self.rows = 0
        for row in rows:
            self.rows += 1
            yield row
