"""Messages: what was sent to whom, what was not and why, and how it arrives."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from flask import Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as Answer

from cdp.console import auth, layout, persons
from cdp.console.auth import author
from cdp.console.context import console
from cdp.messaging.names import delivery_name
from cdp.store import config_rows
from cdp.store.messages import copies, deliveries, link_keys, reports
from cdp.store.messages import reads as message_reads
from cdp.store.messages.actions import ACTIONS, ONLY, Refused, act, act_many
from cdp.store.messages.deliveries import Delivery
from cdp.store.messages.reads import Which
from cdp.store.messages.reports import Kept
from cdp.store.profiles import faces
from cdp.store.profiles.faces import Face

PAGE = 50
DAY_MS = 86_400_000
#: Days that the figures are of, by the address's ``days``.
SPANS = (1, 7, 30, 90)

STATES = {
    "drafted": "Draft",
    "waiting": "Waiting",
    "paused": "Paused",
    "sending": "Being sent",
    "sent": "Sent",
    "held": "Held",
    "failed": "Failed",
    "bounced": "Bounced",
    "undeliverable": "Not sent",
    "cancelled": "Cancelled",
}
#: The colour of a state's badge.
TONES = {
    "sent": "good", "waiting": "wait", "paused": "wait", "sending": "wait", "held": "wait",
    "drafted": "plain", "failed": "bad", "bounced": "bad", "undeliverable": "plain",
    "cancelled": "plain",
}  # fmt: skip
CHANNELS = {
    "email": "Email", "sms": "Text message", "push": "Push", "in_app": "In-app",
    "webhook": "Webhook", "slack": "Slack",
}  # fmt: skip
#: What a reason's code means, as a sentence without its full stop.
REASONS = {
    "unsubscribed": "They want no messages",
    "unsubscribed_topic": "They want none about this topic",
    "unsubscribed_channel": "They want none by this channel",
    "suppressed": "The address is on the suppression list",
    "no_consent": "They have not agreed to this use of their data",
    "deleted": "The person was deleted, or is suppressed",
    "no_address": "No address is known for this channel",
    "limit": "They have had as many as a limit allows",
    "quiet_hours": "It is quiet hours for them",
    "in_journey": "They are in a journey in which they get nothing else",
    "outranked": "They left its journey for one that goes before it",
    "missing_variable": "The template needs a value that they don't have",
    "not_rendered": "The template can't be rendered for them",
    "bad_template": "The template can't be read",
    "no_template": "The template does not exist",
    "bad_content": "The content can't be sent like this",
    "no_provider": "Nobody can carry it just now",
    "unknown": "Nobody knows whether it arrived",
    "discarded": "Somebody discarded it",
    "paused": "Its broadcast is paused",
    "cancelled": "Its broadcast was cancelled",
    "merged": "They got it under another name",
    "given up": "It was tried for too long",
}
VERBS = {
    "send": "Send it",
    "cancel": "Cancel it",
    "repeat": "Send it again",
    "mark_sent": "It has arrived",
    "discard": "Discard it",
    "retry": "Try again",
    "recall": "Take it back",
}
TOLD = {
    "sent": "Sent", "delivered": "Delivered", "deferred": "Deferred", "bounced": "Bounced",
    "dropped": "Dropped", "failed": "Failed", "complained": "Marked as spam", "opened": "Opened",
    "clicked": "Link clicked", "dismissed": "Dismissed", "unsubscribed": "Unsubscribed",
    "subscribed": "Subscribed", "replied": "Replied", "answered": "Answered",
}  # fmt: skip
_PIXEL = re.compile(r"<img[^>]+/e/o/[^>]+>")
#: A message is somebody else's page: it may show pictures and styles, and do nothing.
POLICY = "sandbox; default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'"


class Letter(NamedTuple):
    """A delivery in a list, with whose it is."""

    row: Delivery
    name: str
    recipient: str | None
    face: Face | None
    code: str
    detail: str

    @property
    def reason(self) -> str:
        """Why it is in its state, in words; empty if there is nothing to say."""
        return REASONS.get(self.code, self.code.replace("_", " ").capitalize()) if self.code else ""


class Copy(NamedTuple):
    """A message as it was handed over; None: there is no copy, or it is not for this visitor."""

    fields: dict[str, Any] | None


class Told(NamedTuple):
    """Something that was told of a message."""

    report: Kept
    detail: dict[str, Any]


def letters(tx: Connection, rows: list[Delivery]) -> list[Letter]:
    """Deliveries with whose they are."""
    keys = link_keys.load(tx) or ("",)
    found = faces.faces_of_nodes(tx, [row.node for row in rows if row.node is not None])
    return [_letter(row, keys, found) for row in rows]


def _letter(row: Delivery, keys: tuple[str, ...], found: dict[int, Face]) -> Letter:
    code, _, detail = (row.reason or "").partition(": ")
    if row.state == "sent":
        code = detail = ""
    face = found.get(row.node or 0)
    return Letter(row, delivery_name(keys, row.id), row.recipient, face, code, detail)


def _which(tx: Connection) -> tuple[Which, dict[str, str]]:
    """What the address asks for, and what is left of it to be shown in the form."""
    given = {
        name: request.values.get(name, "").strip()[:200]
        for name in ("channel", "state", "template", "reason", "origin_key", "person")
    }
    chosen: dict[str, Any] = {n: v for n, v in given.items() if v and n != "person"}
    if given["person"]:
        found = persons.profiles_called(tx, given["person"], 1)
        chosen["profile"] = found[0] if found else -1
    return Which(**chosen), given


def index() -> str:
    """The newest messages, and those that somebody should decide about."""
    before = layout.number_arg("before")
    with console().store.read() as tx:
        which, given = _which(tx)
        rows = message_reads.newest(tx, which, PAGE, before)
        found = letters(tx, rows)
        held = message_reads.count_open(tx, "held", 1000)
        drafts = message_reads.count_open(tx, "drafted", 1000)
        any_at_all = bool(rows) or bool(message_reads.newest(tx, Which(), 1))
        channels = deliveries.channels(tx)
    return render_template(
        "console/messages.html",
        found=found,
        given=given,
        filtered=any(given.values()),
        held=held,
        drafts=drafts,
        any_at_all=any_at_all,
        channels=channels,
        more=rows[-1].id if len(rows) == PAGE else None,
        **_words(),
    )


def health() -> str:
    """How messages arrive: rates by what sent them and who gets them; why others did not go."""
    days = layout.number_arg("days") or 30
    if days not in SPANS:
        abort(404, "Figures are of 1, 7, 30 or 90 days.")
    which = Which(since=console().now() - days * DAY_MS)
    with console().store.read() as tx:
        tables = [
            (title, name, message_reads.counts(tx, which, (name,))[:PAGE])
            for title, name in (
                ("Channels", "channel"), ("Templates", "template"), ("Providers", "destination"),
                ("Domains", "domain"),
            )
        ]  # fmt: skip
        reasons = message_reads.reasons(tx, which)
        names = {item.id: item.name for item in config_rows.all_destinations(tx)}
    return render_template(
        "console/messages_health.html",
        days=days,
        spans=SPANS,
        tables=tables,
        why=reasons,
        providers=names,
        **_words(),
    )


def one(name: str) -> str:
    """One message: as it was handed over, what was told of it, what can be done."""
    with console().store.read() as tx:
        row = _find(tx, name)
        letter = letters(tx, [row])[0]
        copy = Copy(copies.of(tx, [row.id]).get(row.id))
        told = [Told(item, item.detail) for item in reports.of_delivery(tx, row.id)]
        names = {item.id: item for item in config_rows.all_destinations(tx)}
    able = [
        action
        for action, (states, _) in ACTIONS.items()
        if row.state in states and ONLY.get(action, row.channel) == row.channel
    ]
    return render_template(
        "console/message.html",
        letter=letter,
        copy=copy,
        told=told,
        destination=names.get(row.destination or 0),
        actions=able,
        words=TOLD,
        **_words(),
    )


def html(name: str) -> Response:
    """The HTML of a message, for a frame that can do nothing; without the pixel."""
    with console().store.read() as tx:
        row = _find(tx, name)
        content = copies.of(tx, [row.id]).get(row.id) or {}
    if not auth.current().sees_personal or not content.get("html"):
        abort(404, "There is no HTML to show.")
    answer = Response(without_pixel(content["html"]), mimetype="text/html")
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer


def without_pixel(page: str) -> str:
    """The HTML of a message that tells nobody of its opening."""
    return _PIXEL.sub("", page)


def act_one(name: str) -> Answer:
    """Do what the form says to a message."""
    action = _action()
    with console().store.write() as tx:
        row = _find(tx, name)
        try:
            act(tx, row, action, author(), console().now())
        except Refused as refused:
            flash(f"The message can't: {refused}.", "bad")
        else:
            flash(f"{VERBS[action]}: noted.", "good")
    return redirect(url_for("console.message", name=name), 303)


def act_all() -> Answer:
    """Do what the form says to all that match."""
    action, changed, more = _action(), 0, True
    while more:
        with console().store.write() as tx:
            which, given = _which(tx)
            done = act_many(tx, which, action, author(), console().now())
        changed, more = changed + done.changed, done.more and done.changed > 0
    flash(f"{VERBS[action]}: {changed:,} messages.", "good")
    kept: dict[str, Any] = {name: value for name, value in given.items() if value}
    return redirect(url_for("console.messages", **kept), 303)


def _action() -> str:
    action = request.form.get("action", "")
    if action not in ACTIONS:
        abort(400, "There is no such action.")
    return action


def _find(tx: Connection, name: str) -> Delivery:
    found = message_reads.by_name(tx, name)
    if found is None:
        abort(404, "There is no such message. It may have gone with a deleted person.")
    return found


def of_person(tx: Connection, profile: int) -> dict[str, Any]:
    """What a person's page shows of their messages."""
    before = layout.number_arg("before")
    rows = message_reads.newest(tx, Which(profile=profile), PAGE, before)
    return {
        "found": letters(tx, rows),
        "more": rows[-1].id if len(rows) == PAGE else None,
        **_words(),
    }


def _words() -> dict[str, Any]:
    return {"states": STATES, "tones": TONES, "channel_words": CHANNELS, "reasons": REASONS,
            "verbs": VERBS}  # fmt: skip
