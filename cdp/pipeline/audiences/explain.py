"""Why somebody is in an audience or isn't: each clause with its value, now or as it was known."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from cdp.audiences import AUDIENCE, Book, Entry
from cdp.conditions import format_text
from cdp.conditions.ast import Expr
from cdp.conditions.live import NEVER, Subject
from cdp.events import decode_json, parse_time
from cdp.pipeline.audiences.definitions import lists_in, unreadable
from cdp.pipeline.audiences.people import People
from cdp.store.audiences import lists, members, membership
from cdp.store.audiences.evaluated import AudienceRow
from cdp.store.audiences.membership import Change
from cdp.store.events import history, kept
from cdp.store.profiles import people
from cdp.store.profiles.trait_history import traits_at

_decode = msgspec.json.Decoder(Expr).decode


class NotComputed(LookupError):
    """There is no version of the audience that held then; with ``trouble``, it can't be asked."""

    def __init__(self, key: str, trouble: str = "") -> None:
        self.trouble = trouble and f"the audience {key} can't be worked out: {trouble}"
        super().__init__(self.trouble or key)


class Why(NamedTuple):
    """How somebody stands in an audience at an instant.

    ``clauses`` are what `cdp.audiences.Clause.told` says. ``changes`` are the entries and
    exits up to then, the latest first; ``next`` is when time alone could change something.
    """

    row: AudienceRow
    condition: str
    inside: bool
    since: int | None
    clauses: list[dict[str, Any]]
    changes: list[Change]
    next: int | None


def why(tx: Connection, key: str, profile: people.Profile, now: int, at: int | None = None) -> Why:
    """Explain how a profile stands in an audience; raises `NotComputed`.

    With ``at``, as it was known then: by the version that held, and by what had been
    received. Traits are those of that time by the times of their messages.
    """
    row = membership.row_at(tx, AUDIENCE, key, at)
    if row is None:
        raise NotComputed(key)
    if row.root is None:
        raise NotComputed(key, f"{key} is a list that is kept by hand: no condition decides")
    root: Any = _decode(row.root)
    if trouble := unreadable(root):
        raise NotComputed(key, trouble)
    at_lists = lists.ListsAt(tx)
    texts = {name: found for name in lists_in(root) if (found := at_lists.get(name)) is not None}
    measured = {id_: key_ for key_, id_ in members.measured_ids(tx).items()}
    book = Book(
        [Entry(row.id, row.kind, row.key, row.collection, True, root)], now, texts, None, measured
    )
    [item] = book.items
    subject = subject_at(tx, book, profile, set(item.events), at)
    then = now if at is None else at
    changes = membership.changes_of(tx, AUDIENCE, key, profile.id, at)
    inside, since = membership.ever(tx, profile.id, at).get(key, (False, None))
    clauses = [clause.told(subject, then) for clause in item.clauses]
    following = item.live.next_change(subject, then)
    return Why(
        row, format_text(root), inside, since if inside else None, clauses,
        changes, None if following == NEVER else following,
    )  # fmt: skip


def subject_at(
    tx: Connection, book: Book, profile: people.Profile, events: set[str], at: int | None
) -> Subject:
    """A person as conditions of a book see them; with ``at``, as they were known then."""
    known = People(book, kept.all_kept(tx)).load(tx, {profile.id: events}, remember=False)
    subject = known[profile.id].subject
    subject.audiences = membership.keys_of(tx, profile.id, at)
    if at is not None:
        subject.traits = traits_at(tx, profile.id, profile.collection, profile.traits, at).values()
        _forget_after(subject, _first_after(tx, at))
    return subject


def _first_after(tx: Connection, at: int) -> int:
    """The position of about the first message that was received after an instant."""
    low, high = 1, history.next_seq(tx)
    while low < high:
        middle = (low + high) // 2
        rows = history.rows_after(tx, middle, 1)
        received = None
        if rows:
            body = history.bodies_of(tx, rows).get(rows[0].seq)
            found = decode_json(body.raw) if body is not None else None
            received = parse_time(found.get("receivedAt")) if isinstance(found, dict) else None
        if received is not None and received <= at:
            low = rows[0].seq + 1
        else:
            high = middle
    return low


def _forget_after(subject: Subject, seq: int) -> None:
    """Take out of the streams what has a position from ``seq`` on."""
    for stream in subject.streams.values():
        places = [place for place, own in enumerate(stream.seq) if own < seq]
        stream.t[:] = [stream.t[place] for place in places]
        for column in stream.columns:
            column[:] = [column[place] for place in places]
        stream.seq[:] = [stream.seq[place] for place in places]
