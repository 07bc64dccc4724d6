"""What a viewer sees in place of personal values: the one step between a page and its template.

Every template of the console gets its names through `mask_context`, so that a new page can't
forget it, and answers in JSON go through `mask_json`. What a view hands over is walked: what is
known to say something of a person (an identifier, a name, a personal trait or property, a body)
is masked by its type in `RULES`; and wherever else on the page one of these values stands in a
text, it is masked there as well.
"""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Flask, Response, g, request
from sqlalchemy import Connection

from cdp.console.audiences.overview import Moved
from cdp.console.audiences.queries import Tried
from cdp.console.audiences.reasons import ClauseLine, Made, Turn
from cdp.console.auth import Visitor
from cdp.console.context import console
from cdp.console.journeys.people import Traveller
from cdp.console.journeys.people import Why as MoveWhy
from cdp.console.live.events import Event
from cdp.console.live.rejected import Sent
from cdp.console.live.whereabouts import Went
from cdp.console.masker import PageMasker, Rule, sees_personal
from cdp.console.messages.sent import Copy, Letter, Told
from cdp.console.people.traits import Trait
from cdp.console.persons import Subject
from cdp.journeys.run import Run
from cdp.protocols import DOTS, masked_text
from cdp.protocols.masker import Masker
from cdp.store import config_rows
from cdp.store.catalogue.fields import roots
from cdp.store.config_rows import Source
from cdp.store.destinations.health import Call
from cdp.store.events.console_queries import Change, RejectedRow
from cdp.store.messages.preferences import Address
from cdp.store.profiles.faces import Face
from cdp.store.profiles.graph import IdentifierRow, NodeRow
from cdp.store.profiles.trait_history import Said
from cdp.store.tables import USERS

#: Names of a template's context in which nothing of a person can be, or which are not data.
_OURS = frozenset({"visitor", "places", "here", "theme", "request", "session", "g", "masked"})
#: What they answer was asked with: a condition, as text and as a tree.
_SPELLING = frozenset({"console.condition_read", "console.condition_write"})
#: Strings of a body that was refused that say what it was to be.
_SHAPE = frozenset({"type", "event", "messageId", "timestamp", "sentAt", "originalTimestamp"})


def mask_context(_app: Flask, context: dict[str, Any], **_more: Any) -> None:
    """Before a template is rendered: mask what its visitor may not see."""
    visitor: Visitor | None = g.get("visitor")
    if sees_personal(visitor):
        return
    with console().store.read() as tx:
        subject = context.get("subject")
        masker = masker_of(
            tx, subject.profile.collection if isinstance(subject, Subject) else USERS
        )
        admins = [user.name for user in config_rows.all_users(tx) if user.role == "admin"]
    seen = {name: value for name, value in context.items() if name not in _OURS}
    context.update(masker.page(seen))
    context["masked"] = {"admins": admins}


def mask_json(response: Response) -> Response:
    """After a request: mask an answer that is for a script and no template."""
    if not response.is_json or request.endpoint in _SPELLING or sees_personal(g.get("visitor")):
        return response
    with console().store.read() as tx:
        masker = masker_of(tx)
    response.set_data(msgspec.json.encode(masker.page({"": response.get_json()})[""]))
    return response


def masker_of(tx: Connection, collection: int = USERS) -> PageMasker:
    """A masker with what is decided of fields now; traits are those of ``collection``."""
    known = roots(tx)
    return PageMasker(console().decided.classes(tx), known, RULES, known[collection])


def _face(masker: Masker, face: Face) -> Face:
    ids = tuple((type_, masker.hide(value)) for type_, value in face.ids)
    return face._replace(name=masker.name(face.name, masker.roots[face.collection]), ids=ids)


def _subject(masker: Masker, subject: Subject) -> Subject:
    values = {row.value for row in subject.identifiers}
    is_id = subject.name in values
    name = masker.hide(subject.name) if is_id else masker.name(subject.name, masker.root)
    return subject._replace(
        name=name or "",
        identifiers=[_identifier(masker, row) for row in subject.identifiers],
        nodes=[],
    )


def _identifier(masker: Masker, row: IdentifierRow) -> IdentifierRow:
    return row._replace(value=masker.hide(row.value))


def _trait(masker: Masker, trait: Any) -> Any:
    return trait._replace(value=masker.trait(trait.name, trait.value))


def _event(masker: Masker, event: Event) -> Event:
    face = _face(masker, event.face) if event.face is not None else None
    body = {**event.body, "type": event.type}
    name = masked_text(event.name)
    return event._replace(face=face, body=masker.message(body), name=name)


def _rejected(masker: Masker, row: RejectedRow) -> RejectedRow:
    detail = masker.quoted(row.detail)
    name = masked_text(row.name) if row.name else row.name
    return row._replace(detail=detail, name=name, body=b"")


def _sent(masker: Masker, sent: Sent) -> Sent:
    if sent.value is None:
        return Sent(None, DOTS)
    shape = masker.shape(sent.value, _SHAPE)
    return Sent(shape, msgspec.json.encode(shape).decode())


def _call(masker: Masker, call: Call) -> Call:
    exchange = masker.exchange(call.exchange) if call.exchange is not None else None
    error = masker.text(call.error) if call.error else call.error
    return call._replace(exchange=exchange, error=error)


def _went(masker: Masker, went: Went) -> Went:
    call = _call(masker, went.call) if went.call is not None else None
    return went._replace(call=call, text=masker.text(went.text))


def _source(masker: Masker, source: Source) -> Source:
    return source._replace(write_key=masker.hide(source.write_key, "token"))


def _change(masker: Masker, change: Change) -> Change:
    def said(text: str | None) -> str | None:
        if not text:
            return text
        value = msgspec.json.decode(text)
        # What was parted by hand is all identifiers.
        shown = masker.shape(value) if change.kind == "cut" else masker.value(value)
        return msgspec.json.encode(shown).decode()

    return change._replace(before=said(change.before), after=said(change.after))


def _moved(masker: Masker, moved: Moved) -> Moved:
    face = _face(masker, moved.face) if moved.face is not None else None
    return moved._replace(face=face, turn=_turn(masker, moved.turn))


def _traveller(masker: Masker, one: Traveller) -> Traveller:
    face = _face(masker, one.face) if one.face is not None else None
    return one._replace(face=face, run=_run(masker, one.run))


def _run(masker: Masker, run: Run) -> Run:
    # What began it and what it remembers may say anything; an order's number is somebody's.
    key = masker.hide(run.key) if run.key else run.key
    error = masker.text(run.error) if run.error else run.error
    return msgspec.structs.replace(run, key=key, error=error, data={}, note=None)


def _turn(masker: Masker, turn: Turn) -> Turn:
    return turn._replace(clauses=[_clause(masker, line) for line in turn.clauses])


def _clause(masker: Masker, line: ClauseLine) -> ClauseLine:
    return line._replace(value=masker.shape(line.value))


def _letter(masker: Masker, letter: Letter) -> Letter:
    row = letter.row._replace(recipient=None, request=None, reason=None)
    face = _face(masker, letter.face) if letter.face is not None else None
    recipient = masker.hide(letter.recipient) if letter.recipient else None
    return letter._replace(
        row=row, face=face, recipient=recipient, detail=masker.text(letter.detail)
    )


def _address(masker: Masker, row: Address) -> Address:
    hidden = masker.hide(row.address) if row.address else None
    return row._replace(address=hidden, detail=None)


def _told(masker: Masker, told: Told) -> Told:
    kept = {name: value for name, value in told.detail.items() if name == "hard"}
    return Told(told.report._replace(detail={}), kept)


#: How each type that may say something of a person is masked.
RULES: dict[type, Rule] = {
    Address: _address,
    Call: _call,
    ClauseLine: _clause,
    Copy: lambda _masker, _copy: Copy(None),
    Change: _change,
    Event: _event,
    Face: _face,
    IdentifierRow: _identifier,
    Moved: _moved,
    Letter: _letter,
    NodeRow: lambda _masker, row: row._replace(ids="[]", dropped=None),
    RejectedRow: _rejected,
    Made: _trait,
    Said: _trait,
    Sent: _sent,
    Source: _source,
    Subject: _subject,
    Told: _told,
    Tried: lambda _masker, tried: tried._replace(rows=[[DOTS] * len(r) for r in tried.rows]),
    Trait: _trait,
    Traveller: _traveller,
    Turn: _turn,
    Went: _went,
    MoveWhy: lambda masker, why: why._replace(value=masker.shape(why.value)),
    Run: _run,
}
