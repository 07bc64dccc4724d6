"""People and data from a file that a call names: JSON lines behind an address."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

import urllib3
from sqlalchemy import Connection

from cdp.config import Settings
from cdp.delivery.broadcasts import named
from cdp.delivery.broadcasts.turns import turns
from cdp.events import MalformedJSON, decode_json
from cdp.messaging.broadcasts.plan import Plan
from cdp.plugin import Retry
from cdp.plugin.guard import Forbidden, Guard
from cdp.store.messages.broadcast_people import Chosen
from cdp.store.messages.broadcasts import Broadcast

#: Gives the lines behind an address; `BadFile`.
Fetch = Callable[[str], Iterable[bytes]]
#: Bytes of a line, and lines with faults that are told of.
MAX_LINE, MAX_FAULTS = 2_000_000, 10
#: Bytes of a file, and seconds of silence.
MAX_FILE, TIMEOUT_S = 10_000_000_000, 30.0
_AT_ONCE = 500


class BadFile(ValueError):
    """A file that can't be read, or names people whom we don't know."""


def refuse(url: str) -> Iterable[bytes]:
    """What fetches nothing."""
    raise BadFile("nothing can be fetched here")


def people(
    tx: Connection, row: Broadcast, plan: Plan, as_of: int, lines: Iterable[bytes]
) -> Iterator[list[Chosen]]:
    """The turns of all whom the lines of a file name; `BadFile`."""
    flags = row.brought.get("flags") or {}
    seen: set[int] = set()
    for some in _pieces(_read(lines)):
        found = named.resolve(tx, some, flags)
        if found.faults:
            raise BadFile("; ".join(fault["detail"] for fault in found.faults[:MAX_FAULTS]))
        new = {p: d for p, d in found.people.items() if p not in seen}
        seen.update(new)
        yield turns(tx, row.parent or row.id, plan, list(new), as_of, new)


def _read(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            raise BadFile(f"line {number} has more than {MAX_LINE:,} bytes")
        try:
            entry: Any = decode_json(line)
        except MalformedJSON as error:
            raise BadFile(f"line {number} is no JSON: {error}") from None
        if not isinstance(entry, dict):
            raise BadFile(f"line {number} is no object")
        yield {**entry, "line": number}


def _pieces(entries: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    some: list[dict[str, Any]] = []
    for entry in entries:
        some.append(entry)
        if len(some) == _AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def fetcher(settings: Settings) -> Fetch:
    """What fetches over HTTP, and calls no address that destinations may not call.

    Redirects are not followed; the file is read as it comes, never as a whole.
    """
    guard = Guard(settings.allow_private_addresses)

    def fetch(url: str) -> Iterator[bytes]:
        parts = urlsplit(url)
        try:
            guard.check_url(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            address = guard.addresses(parts.hostname or "", port)[0]
            yield from _lines(_open(parts, address, port))
        except (Forbidden, Retry, urllib3.exceptions.HTTPError, OSError) as error:
            raise BadFile(f"the file can't be fetched: {error}"[:300]) from None

    return fetch


def _open(parts: SplitResult, address: str, port: int) -> urllib3.BaseHTTPResponse:
    options: dict[str, Any] = {"timeout": TIMEOUT_S, "retries": False, "maxsize": 1}
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        name = parts.hostname
        pool = urllib3.HTTPSConnectionPool(
            address, port, server_hostname=name, assert_hostname=name, **options
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, port, **options)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Host": parts.netloc.rpartition("@")[2]}
    answer = pool.request("GET", path, headers=headers, redirect=False, preload_content=False)
    if answer.status != 200:
        answer.close()
        raise BadFile(f"the file can't be fetched: its server says {answer.status}")
    return answer


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    rest, size = b"", 0
    try:
        for piece in answer.stream(65_536):
            size += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            if size > MAX_FILE or len(rest) > MAX_LINE:
                raise BadFile(f"a line has more than {MAX_LINE:,} bytes, or the file {MAX_FILE:,}")
            yield from lines
    finally:
        answer.close()
    yield rest
