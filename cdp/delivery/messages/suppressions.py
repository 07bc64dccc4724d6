"""The list of addresses that nothing is sent to, as staff read and change it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.events import format_time
from cdp.identity import normal_value
from cdp.messaging.names import delivery_name
from cdp.store import Store
from cdp.store.messages import link_keys, preferences
from cdp.store.messages.preferences import Address

#: What a list may say by hand; the others come about by themselves.
REASONS = ("bounce", "complaint", "manual", "import", "unsubscribed", "gone")
CHANNELS = ("email", "sms", "push")
COLUMNS = ("channel", "address", "reason", "detail", "at", "author")
#: Rows of one transaction of an import.
_PIECE = 500


class BadAddress(ValueError):
    """An address that can't be on the list, with why."""


class Imported(NamedTuple):
    """How many lines were taken, and what is wrong with those that weren't, by line."""

    taken: int
    refused: list[tuple[int, str]]


def shown(tx: Connection, found: Iterable[Address]) -> list[dict[str, Any]]:
    """Rows as APIs and commands give them; the address of somebody who was deleted is null."""
    keys = link_keys.load(tx)
    return [_shown(keys, item) for item in found]


def _shown(keys: Sequence[str], item: Address) -> dict[str, Any]:
    return {
        "channel": item.channel,
        "address": item.address,
        "reason": item.reason,
        "detail": item.detail,
        "at": format_time(item.at),
        "author": item.author,
        "message": delivery_name(keys, item.delivery) if item.delivery and keys else None,
    }


def add(
    tx: Connection, channel: str, address: str, reason: str, author: str, now: int, detail: str = ""
) -> None:
    """Send nothing to an address any more. `BadAddress`."""
    preferences.suppress_address(
        tx, channel, _read(channel, address), reason, now, detail=detail or None, author=author
    )


def _read(channel: str, address: str) -> str:
    if channel not in CHANNELS:
        raise BadAddress(f"the channel is one of {', '.join(CHANNELS)}, not {channel!r:.40}")
    plain = preferences.plain(channel, address)
    type_ = preferences.IDENTIFIERS.get(channel)
    if not plain or len(plain) > 2000 or "\0" in plain:
        raise BadAddress("the address is empty, or too long")
    if type_ is not None and normal_value(type_, plain) is None:
        what = "an email address" if type_ == "email" else "a phone number with its country (+48…)"
        raise BadAddress(f"{address[:80]!r} is not {what}")
    return plain


def take_csv(store: Store, text: str, channel: str, author: str, now: int) -> Imported:
    """Add the addresses of a CSV: a column ``address`` (or email, phone), or one a line.

    ``channel`` is that of rows that name none; ``reason`` is import where none is given.
    """
    rows = list(enumerate(csv.reader(io.StringIO(text.removeprefix("\ufeff"))), 1))
    head = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    at = next((head.index(n) for n in ("address", "email", "phone") if n in head), None)
    body = rows[1:] if at is not None else rows
    taken, refused = 0, list[tuple[int, str]]()
    for start in range(0, len(body), _PIECE):
        with store.write() as tx:
            for line, cells in body[start : start + _PIECE]:
                if not any(cell.strip() for cell in cells):
                    continue
                named = dict(zip(head, cells, strict=False)) if at is not None else {}
                reason = named.get("reason", "").strip() or "import"
                try:
                    if reason not in REASONS:
                        raise BadAddress(f"the reason is one of {', '.join(REASONS)}")
                    given = cells[at or 0] if len(cells) > (at or 0) else ""
                    add(
                        tx, named.get("channel", "").strip() or channel, given, reason, author, now,
                        named.get("detail", "").strip()[:500],
                    )  # fmt: skip
                except BadAddress as error:
                    refused.append((line, str(error)))
                else:
                    taken += 1
    return Imported(taken, refused)


def as_csv(store: Store) -> Iterator[str]:
    """The list as CSV, newest first; what nobody knows the address of any more is left out."""
    yield ",".join(COLUMNS) + "\r\n"
    before: tuple[int, str] | None = None
    while True:
        with store.read() as tx:
            found = preferences.addresses(tx, _PIECE, before)
            rows = shown(tx, (item for item in found if item.address is not None))
        out = io.StringIO()
        csv.writer(out).writerows([[_cell(row[name]) for name in COLUMNS] for row in rows])
        yield out.getvalue()
        if len(found) < _PIECE:
            return
        before = (found[-1].at, found[-1].hash)


def _cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula; a phone number stays one."""
    text = str(value or "")
    risky = text[:1] in ("=", "-", "@", "\t", "\r") or (text[:1] == "+" and not text[1:].isdigit())
    return f"'{text}" if risky else text
