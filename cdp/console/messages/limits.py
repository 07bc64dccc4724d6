"""Limits: how much people get and when, and which journey goes before which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.conditions.durations import duration_in_words, parse_duration
from cdp.console import defined, layout
from cdp.console.auth import author
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.console.defined import Form
from cdp.console.messages.sent import CHANNELS
from cdp.definitions import KINDS, Kind, title_of
from cdp.definitions.journey_rules import WAIT
from cdp.messaging.pressure import DAYS
from cdp.store import definitions
from cdp.store.config_rows import NameTaken
from cdp.store.defined import defining
from cdp.store.defined.defining import NoSuchDefinition, StaleVersion, StillUsed
from cdp.store.definitions import Version
from cdp.store.messages import topics

#: The kinds with the title of each, what it is for, and what its button says.
ABOUT = {
    "message_limit": (
        "How much", "How many messages a person gets in a time, at most.", "Add a limit"),
    "quiet_hours": ("Quiet hours", "When people get no messages, by their own clock.",
                    "Add quiet hours"),
    "quiet_while": ("Quiet journeys", "Journeys in which people get no other messages.",
                    "Add a quiet journey"),
    "journey_group": ("Groups of journeys", "Journeys of which a person is in one at a time.",
                      "Add a group"),
}  # fmt: skip
#: Fields of one text, and those that may be chosen several times.
_ONE = ("description", "per", "channel", "topic", "then", "start", "end", "zone", "wait")
_SEVERAL = ("channels", "days", "journeys")
_DAY_WORDS = dict(zip(DAYS, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))
_THEN = {
    "drop": "The message is dropped", "defer": "The message waits",
    "give_way": "They leave it, and enter the one before it", "stay": "They stay where they are",
}  # fmt: skip


class Rule(NamedTuple):
    """A rule in its list."""

    key: str
    prose: str
    archived: bool
    version: Version


class Names(NamedTuple):
    """What rules may name: keys with what people call them."""

    journeys: dict[str, str]
    topics: dict[str, str]


def _names(tx: Connection) -> Names:
    journeys = {
        one.key: title_of(one.key, one.body or {}) for one in definitions.all_current(tx, "journey")
    }
    found = {key: topic.name for key, topic in topics.all_topics(tx).items()}
    return Names(journeys, found)


def index() -> str:
    """All rules, by what they are about."""
    with console().store.read() as tx:
        names = _names(tx)
        sections = [
            (KINDS[kind], *about, [
                Rule(one.key, said(kind, one.body or {}, names),
                     bool((one.body or {}).get("archived")), one)
                for one in definitions.all_current(tx, kind)
            ])
            for kind, about in ABOUT.items()
        ]  # fmt: skip
    return render_template("console/limits.html", sections=sections)


def said(kind: str, body: dict[str, Any], names: Names) -> str:
    """A rule in words."""
    some = CHANNELS.get(body.get("channel", ""), "")
    topic = body.get("topic")
    which = f"{some.lower()} messages" if some else "messages"
    which += f" about {names.topics.get(topic, topic)}" if topic else ""
    journeys = [names.journeys.get(key, key) for key in body.get("journeys") or ()]
    if kind == "message_limit":
        n, per = body["most"], duration_in_words(parse_duration(body["per"]) or 0)
        which = which.removesuffix("s") if n == 1 and not topic else which
        over = "waits" if body.get("then") == "defer" else "is dropped"
        return f"At most {n:,} {which} in {per}; what is over {over}."
    if kind == "quiet_hours":
        channels = ", ".join(CHANNELS.get(name, name).lower() for name in body["channels"])
        days = body.get("days") or ()
        on = f" on {', '.join(_DAY_WORDS[day] for day in days)}" if 0 < len(days) < 7 else ""
        over = "are dropped" if body.get("then") == "drop" else "wait"
        return f"From {body['start']} to {body['end']}{on}, messages by {channels} {over}."
    if kind == "quiet_while":
        over = "are dropped" if body.get("then") == "drop" else (
            f"wait, {duration_in_words(parse_duration(body.get('wait', WAIT)) or 0)} at most"
        )  # fmt: skip
        return f"While somebody is in {' or '.join(journeys)}, other {which} {over}."
    over = "stays in it" if body.get("then") == "stay" else "leaves it for one before it"
    return f"{', then '.join(journeys)}: who is in one {over}."


def _kind(plural: str) -> Kind:
    found = next((KINDS[kind] for kind in ABOUT if KINDS[kind].plural == plural), None)
    if found is None:
        abort(404, f"No rules are at {plural}.")
    return found


def new(plural: str) -> str:
    """An empty form."""
    return _page(_kind(plural), Form({}))


def create(plural: str) -> Response | tuple[str, int]:
    """Make a rule."""
    kind, key = _kind(plural), request.form.get("key", "").strip()
    return _put(kind, key, 0, None)


def edit(plural: str, key: str) -> str:
    """The form of a rule."""
    kind = _kind(plural)
    with console().store.read() as tx:
        version = defined.version_or_404(tx, (kind.name, key))
    return _page(kind, Form(dict(version.body or {}), {}, version.version), key)


def change(plural: str, key: str) -> Response | tuple[str, int]:
    """Another version of a rule."""
    kind = _kind(plural)
    return _put(kind, key, layout.number_arg("seen") or 0, key)


def remove(plural: str, key: str) -> Response:
    """Remove a rule; its versions stay."""
    kind = _kind(plural)
    try:
        with console().store.write() as tx:
            defining.remove(
                tx, console().now(), (kind.name, key), author(), layout.number_arg("seen")
            )
        flash("Removed. It holds no longer.", "good")
    except NoSuchDefinition:
        abort(404, "It is gone already.")
    except (StillUsed, NameTaken, StaleVersion) as error:
        flash(as_sentence(str(error)), "bad")
        return redirect(url_for("console.limit", plural=plural, key=key), 303)
    return redirect(url_for("console.limits"), 303)


def _put(kind: Kind, key: str, seen: int, at: str | None) -> Response | tuple[str, int]:
    values = _typed(kind)
    answer = defined.put(kind, key, values, seen)
    if isinstance(answer, Form):
        return _page(kind, answer._replace(values={**values, "key": key}), at), 422
    flash("Saved. It holds within a second.", "good")
    return redirect(url_for("console.limits"), 303)


def _typed(kind: Kind) -> dict[str, Any]:
    """What the form says."""
    form, fields = request.form, kind.schema().fields
    found: dict[str, Any] = {n: form.get(n, "").strip() for n in _ONE if n in fields}
    for name in _SEVERAL:
        if name in fields:
            found[name] = list(dict.fromkeys(filter(None, form.getlist(name))))
    if len(found.get("days", ())) == len(DAYS):
        del found["days"]
    if "most" in fields:
        most = form.get("most", "").strip()
        found["most"] = int(most) if most.isdecimal() and len(most) < 10 else most
    return {name: value for name, value in found.items() if value} | (
        {"archived": True} if form.get("archived") else {}
    )


def _page(kind: Kind, form: Form, key: str | None = None) -> str:
    with console().store.read() as tx:
        names = _names(tx)
    fields = kind.schema().fields
    chosen = form.values.get("journeys") or []
    return render_template(
        "console/limit_form.html",
        kind=kind,
        about=ABOUT[kind.name],
        key=key,
        form=form,
        values={name: form.values.get(name, "") for name in (*fields, "key")},
        wrong={name: form.wrong.get(name) for name in (*fields, "key", "name")},
        fields=set(fields),
        names=names,
        channels=CHANNELS,
        days=_DAY_WORDS,
        thens={name: _THEN[name] for name in _choices(kind)},
        ranks=[*chosen, *[""] * max(2, 4 - len(chosen))],
        defaults=kind.defaults,
        used_zone=kind.defaults.get("zone"),
    )


def _choices(kind: Kind) -> tuple[str, ...]:
    """What may become of whom a rule holds for, what goes without saying first."""
    default = str(kind.defaults["then"])
    every = ("give_way", "stay") if default in ("give_way", "stay") else ("drop", "defer")
    return (default, *(name for name in every if name != default))


#: Their addresses under ``/messages/limits``, with the method.
PAGES: tuple[tuple[str, str, str, Callable[..., Any]], ...] = (
    ("GET", "", "limits", index),
    ("GET", "/<plural>/-new", "limit_new", new),
    ("POST", "/<plural>/-new", "limit_create", create),
    ("GET", "/<plural>/<key>", "limit", edit),
    ("POST", "/<plural>/<key>", "limit_change", change),
    ("POST", "/<plural>/<key>/remove", "limit_remove", remove),
)
