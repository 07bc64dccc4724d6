"""Broadcasts: how each goes, what should hold before it goes, and what can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from flask import Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as Answer

from cdp.console import auth, layout, persons
from cdp.console.auth import author
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.console.messages.sent import CHANNELS, POLICY, REASONS, without_pixel
from cdp.delivery.broadcasts import acts, checking, rehearsal, report, who
from cdp.delivery.broadcasts.mover import NoTemplate
from cdp.messaging.broadcasts import states
from cdp.messaging.broadcasts.pace import Pace, in_words
from cdp.messaging.broadcasts.plan import BadPlan, Plan, plan_of
from cdp.store.messages import broadcasts
from cdp.store.messages.broadcasts import Broadcast, NoSuchBroadcast
from cdp.store.profiles import faces

PAGE = 30
#: The colour of a state's badge.
TONES = {
    "draft": "plain", "ready": "good", "scheduled": "wait", "gathering": "wait",
    "sending": "good", "testing": "wait", "paused": "wait", "done": "good", "cancelled": "plain",
    "failed": "bad",
}  # fmt: skip
#: What buttons say, and what each does.
VERBS = {
    "schedule": "Schedule", "start": "Send now", "unschedule": "Back to draft", "pause": "Pause",
    "resume": "Go on", "cancel": "Cancel for good", "copy": "Copy", "delete": "Delete",
    "pick": "Send this one to the rest",
}  # fmt: skip
#: Why people got nothing, beside what messages' own reasons say.
SKIPPED = {
    "person_merged": "They became one with somebody who got it",
    "person_deleted": "They were deleted meanwhile",
}


class Line(NamedTuple):
    """A broadcast in a list, with how far it is."""

    row: Broadcast
    whom: str
    share: float


class Faced(NamedTuple):
    """Somebody of those who would get nothing."""

    people: int
    text: str
    face: faces.Face | None


def index() -> str:
    """All broadcasts, newest first."""
    before = layout.number_arg("before")
    with console().store.read() as tx:
        rows = broadcasts.page(tx, before, PAGE + 1)
        lines = [Line(row, who.in_words(tx, row.body.get("who") or {}), _share(row))
                 for row in rows[:PAGE]]  # fmt: skip
    more = rows[PAGE - 1].id if len(rows) > PAGE else None
    return render_template(
        "console/broadcasts.html", lines=lines, more=more, words=states.WORDS, tones=TONES
    )


def _pace(row: Broadcast, plan: Plan, now: int) -> str:
    """What holds it back while it goes, as a sentence."""
    if row.as_of is None or row.state not in (states.SENDING, states.TESTING):
        return ""
    gone = Pace(row.pace_us, row.pace_day, row.pace_today)
    return in_words(plan, gone, row.as_of, now)


def _share(row: Broadcast) -> float:
    """How many of the people have had their turn."""
    if row.state == states.DONE:
        return 1.0
    turned = row.queued + row.held_out + sum(row.reasons.values())
    return min(1.0, turned / row.people) if row.people else 0.0


def page(key: str) -> str:
    """One broadcast: a draft with its checks, or how it goes; the figures alone for htmx."""
    here = console()
    with here.store.read() as tx:
        row = find(tx, key)
        plan = plan_of(row.body)
        found = report.report(tx, row, here.now())
        calls = broadcasts.calls_of(tx, row.id)
        whom = who.in_words(tx, plan.who)
    moving = row.state in states.MOVING or row.state == states.READY
    context: dict[str, Any] = {
        "row": row,
        "plan": plan,
        "pace": _pace(row, plan, here.now()),
        "found": found,
        "calls": calls,
        "whom": whom,
        "moving": moving,
        "reasons": _reasons(found.progress.withheld, found.progress.failed),
        "waiting": _reasons(found.progress.deferred),
        "can": {action for action, able in states.MAY.items() if row.state in able},
        "verbs": VERBS,
        "words": states.WORDS,
        "tones": TONES,
        "channel_words": CHANNELS,
        "letters": [(CHANNELS.get(name, name), key) for name, key in plan.channels]
        or [(one.name, one.template) for one in plan.variants],
    }
    if layout.is_partial():
        return render_template("console/broadcast_state.html", **context)
    return render_template("console/broadcast.html", **context)


def _reasons(*groups: Mapping[str, int]) -> list[tuple[str, int]]:
    """Why people got nothing, or wait, in words, the most frequent first."""
    counted: dict[str, int] = {}
    for group in groups:
        for code, n in group.items():
            text = SKIPPED.get(code) or REASONS.get(code) or code.replace("_", " ").capitalize()
            counted[text] = counted.get(text, 0) + n
    return sorted(counted.items(), key=lambda item: -item[1])


def checks(key: str) -> str:
    """What should hold before it goes, as a piece of its page: providers are asked, too."""
    here = console()
    with here.store.read() as tx:
        row = find(tx, key)
    if here.services.plugins is None:
        abort(404, "There are no plugins here.")
    found = checking.check(
        here.store, here.settings, here.services.plugins, plan_of(row.body), here.now()
    )
    tried = found.rehearsal
    lines = [
        (item.profile, Faced(item.people, checking.in_words(item.code, item.reason), None), waits)
        for some, waits in ((tried.withheld, False), (tried.waiting, True))
        for item in some
    ] if tried else []  # fmt: skip
    with here.store.read() as tx:
        shown = faces.faces_of_profiles(tx, list(dict.fromkeys(line[0] for line in lines)))
        known = {face.profile: face for face in shown}
    faced, later = (
        [line._replace(face=known.get(profile)) for profile, line, late in lines if late is waits]
        for waits in (False, True)
    )
    return render_template(
        "console/broadcast_checks.html", row=row, found=found, faced=faced, later=later,
        verbs=VERBS,
        can={action for action, able in states.MAY.items() if row.state in able},
    )  # fmt: skip


def letter(key: str) -> Response:
    """A message as somebody would get it, for a frame that can do nothing."""
    here = console()
    if not auth.current().sees_personal:
        abort(404, "Who may not see personal values does not see messages.")
    with here.store.read() as tx:
        row = find(tx, key)
        plan = plan_of(row.body)
        asked = request.args.get("person", "").strip()[:200]
        try:
            some = persons.profiles_called(tx, asked, 1) if asked else \
                list(who.count(tx, plan.who, here.now(), 1).some)  # fmt: skip
        except who.NoPeople:
            some = []
    template = request.args.get("template") or (plan.variants[0].template if plan.variants else "")
    return letter_of(template, some)


def letter_of(template: str, some: Sequence[int]) -> Response:
    """A template's message to the first of ``some`` people, for a frame that can do nothing."""
    here = console()
    text = "Nobody is like this."
    if some and template:
        try:
            made = rehearsal.preview(here.store, here.settings, template, some[0], here.now())
            text = _why_none(made) if isinstance(made, str) else _page_of(rehearsal.texts(made))
        except NoTemplate as error:
            text = as_sentence(str(error))
    answer = Response(text if text.startswith("<") else f"<p>{_escaped(text)}</p>",
                      mimetype="text/html")  # fmt: skip
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer


def _why_none(reason: str) -> str:
    """Why somebody would get no message, for people."""
    detail = reason.partition(": ")[2]
    if reason.startswith("missing_variable") and "trigger." in detail:
        return f"It can be shown once a call brings what it says ({detail})."
    return f"There is no message: {checking.in_words(reason.partition(':')[0], reason)}."


def _page_of(fields: dict[str, Any]) -> str:
    if fields.get("html"):
        return without_pixel(str(fields["html"]))
    lines = [fields.get(name) for name in ("title", "subject", "text", "body", "link")]
    return "<pre style='white-space:pre-wrap;font:inherit'>" + "\n\n".join(
        _escaped(str(line)) for line in lines if line
    ) + "</pre>"  # fmt: skip


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def act(key: str) -> Answer:
    """Do what the form says to a broadcast."""
    action = request.form.get("action", "")
    now = console().now()
    does: dict[str, Callable[[Connection, int], Broadcast]] = {
        "schedule": lambda tx, id_: acts.schedule(tx, id_, now),
        "start": lambda tx, id_: acts.schedule(tx, id_, now, at_once=True),
        "unschedule": lambda tx, id_: acts.unschedule(tx, id_, now),
        "pause": lambda tx, id_: acts.pause(tx, id_, now),
        "resume": lambda tx, id_: acts.resume(tx, id_, now),
        "cancel": lambda tx, id_: acts.cancel(tx, id_, now),
        "copy": lambda tx, id_: acts.copy(tx, id_, author(), now),
        "pick": lambda tx, id_: acts.pick(
            tx, id_, request.form.get("variant", ""), author(), now
        ),
    }  # fmt: skip
    if action not in does and action != "delete":
        abort(400, "Unknown action.")
    try:
        with console().store.write() as tx:
            row = find(tx, key)
            if action in ("cancel", "delete") and request.form.get("confirm") != row.name:
                flash(f"Nothing was done: type {row.name} to go on.", "bad")
                return redirect(url_for("console.broadcast", key=key), 303)
            if action == "delete":
                acts.delete(tx, row.id)
                flash(f"{row.name} is deleted. What was sent stays.", "good")
                return redirect(url_for("console.broadcasts"), 303)
            done = does[action](tx, row.id)
    except (states.NotNow, BadPlan) as error:
        flash(as_sentence(str(error)), "bad")
        return redirect(url_for("console.broadcast", key=key), 303)
    flash(f"{done.name}: {states.WORDS[done.state]}.", "good")
    return redirect(url_for("console.broadcast", key=done.key or done.id), 303)


def find(tx: Connection, key: str) -> Broadcast:
    """The broadcast of an address, or 404."""
    try:
        if "\0" in key:
            raise NoSuchBroadcast
        return broadcasts.find(tx, key)
    except NoSuchBroadcast:
        abort(404, "There is no such broadcast.")
