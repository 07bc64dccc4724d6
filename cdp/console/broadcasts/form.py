"""Composing a broadcast: who, what, when, and how carefully."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import available_timezones

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as Answer

from cdp.console.auth import author
from cdp.console.broadcasts.overview import find
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.console.messages.sent import CHANNELS
from cdp.definitions import title_of
from cdp.delivery.broadcasts import acts, who
from cdp.messaging.broadcasts.plan import BadPlan
from cdp.messaging.broadcasts.schema import MAX_VARIANTS
from cdp.messaging.broadcasts.states import NotNow
from cdp.messaging.chain import MAX_LINKS
from cdp.store import definitions
from cdp.store.definitions import Version

_PLAIN = ("to_unsubscribed", "ignore_limits", "untracked", "no_copy")
_TEXTS = ("name", "template", "topic", "holdout", "per_minute")
#: The versions beside the first, as the form calls them.
_MORE = "bcdefghij"[: MAX_VARIANTS - 1]
_MEASURES = {
    "opened": "most opened",
    "clicked": "most clicked",
    "converted": "most reached the goal",
    "hand": "the one that I choose",
}


def new() -> str:
    """An empty form."""
    given = {"who": "audience", "when": "now", "zone": "UTC", "way": "one"}
    return _form(given, {}, None)


def edit(key: str) -> str:
    """The form of a draft."""
    with console().store.read() as tx:
        row = find(tx, key)
    return _form(_given(row.body), {}, key)


def create() -> Answer | tuple[str, int]:
    """Keep a new draft."""
    try:
        with console().store.write() as tx:
            body = _body(request.form, _channels(tx))
            row = acts.create(tx, body, author(), console().now())
    except BadPlan as error:
        return _form(_typed(), error.fields, None), 422
    return redirect(url_for("console.broadcast", key=row.key), 303)


def change(key: str) -> Answer | tuple[str, int]:
    """Keep a draft as it says now."""
    try:
        with console().store.write() as tx:
            row = find(tx, key)
            body = _body(request.form, _channels(tx))
            acts.edit(tx, row.id, _edited(row.body, body, request.form), console().now())
    except BadPlan as error:
        return _form(_typed(), error.fields, key), 422
    except NotNow as error:
        flash(as_sentence(str(error)), "bad")
    return redirect(url_for("console.broadcast", key=key), 303)


def count() -> str:
    """How many the form names, as a piece of its page."""
    asked = _who(request.args)
    counted = wrong = None
    with console().store.read() as tx:
        try:
            counted = who.count(tx, asked, console().now()) if asked else None
        except who.NoPeople as error:
            wrong = str(error)
    return render_template("console/broadcast_count.html", counted=counted, wrong=wrong)


def _typed() -> dict[str, Any]:
    """The form as it was sent."""
    return {**request.form.to_dict(), "chain": request.form.getlist("chain")}


def _channels(tx: Connection) -> dict[str, str]:
    """The channel of each template."""
    found = definitions.all_current(tx, "template")
    return {item.key: item.body["channel"] for item in found if item.body}


def _form(given: Mapping[str, Any], wrong: Mapping[str, list[str]], key: str | None) -> str:
    with console().store.read() as tx:
        audiences = _titles(tx, "audience")
        templates = _titles(tx, "template")
        topics = _titles(tx, "topic")
        channels = _channels(tx)
    chain = [key for key in given.get("chain") or () if key]
    return render_template(
        "console/broadcast_form.html",
        given=given,
        wrong={name.partition(".")[0]: texts[0] for name, texts in wrong.items()},
        key=key,
        audiences=audiences,
        templates=templates,
        topics=topics,
        by_channel=[
            (CHANNELS[name], mine)
            for name in CHANNELS
            if (mine := [one for one in templates if channels.get(one[0]) == name])
        ],
        more=_MORE[: max(2, 1 + sum(bool(given.get(f"template_{one}")) for one in _MORE))],
        chain=[*chain, *[""] * (max(3, len(chain) + 1) - len(chain))][:MAX_LINKS],
        zones=sorted(available_timezones()),
        measures=_MEASURES,
    )


def _titles(tx: Connection, kind: str) -> list[tuple[str, str]]:
    """Keys with what people call them."""

    def fits(item: Version) -> bool:
        body = item.body or {}
        return bool(body) and not body.get("archived") and body.get("of") != "accounts"

    found = [item for item in definitions.all_current(tx, kind) if fits(item)]
    named = [(item.key, title_of(item.key, item.body or {})) for item in found]
    return sorted(named, key=lambda one: one[1].casefold())


def _who(form: Mapping[str, Any]) -> dict[str, Any]:
    kind = form.get("who")
    if kind == "everybody":
        return {"everybody": True}
    text = str(form.get(str(kind), "")).strip() if kind in ("audience", "condition") else ""
    return {str(kind): text} if text else {}


def _body(form: MultiDict[str, str], channels: Mapping[str, str]) -> dict[str, Any]:
    """The definition that a form says; `BadPlan` for what is no number.

    ``channels`` has that of each template.
    """

    def text(name: str) -> str:
        return form.get(name, "").strip()

    def number(name: str) -> float | None:
        if not text(name):
            return None
        try:
            return float(text(name))
        except ValueError:
            raise BadPlan({name: ["It must be a number."]}) from None

    body: dict[str, Any] = {"name": text("name"), "who": _who(form)}
    if text("way") == "several":
        chain = [key for key in form.getlist("chain") if key]
        body["channels"] = [{"channel": channels.get(key, ""), "template": key} for key in chain]
        if len(chain) < 2:
            raise BadPlan({"channels": ["Choose a template for each of two channels at least."]})
        if text("unread_for"):
            body["escalate"] = {"unread_for": text("unread_for")}
    elif any(text(f"template_{letter}") for letter in _MORE):
        body["variants"] = _variants(text, number)
        if number("test"):
            body["test"] = {"share": number("test"), "winner": text("winner") or "hand"}
            if text("after"):
                body["test"]["after"] = text("after")
    else:
        body["template"] = text("template")
    if text("when") == "at":
        body["when"] = {"at": text("at")}
    elif text("when") == "local":
        body["when"] = {"local": text("local"), "zone": text("zone") or "UTC",
                        "late": text("late") or "now"}  # fmt: skip
    elif text("when") == "called":
        body["triggered"] = True
    for name in ("holdout", "per_minute"):
        body[name] = number(name)
    first, factor = number("ramp_first"), number("ramp_factor")
    if first is not None:
        whole = int(first) if first.is_integer() else first  # a part of a message is refused
        body["ramp"] = {"first_day": whole, **({"factor": factor} if factor else {})}
    body["topic"] = text("topic")
    if text("goal"):
        body["goal"] = {"event": text("goal"), "within": text("within") or "7d"}
    body.update({name: True for name in _PLAIN if form.get(name)})
    return {name: value for name, value in body.items() if value not in (None, "", {})}


def _variants(
    text: Callable[[str], str], number: Callable[[str], float | None]
) -> list[dict[str, Any]]:
    """The versions that a form says; what has no share gets its part of what is left."""
    said = [(text("name_a"), text("template"), number("share"))]
    said += [
        (text(f"name_{letter}"), template, number(f"share_{letter}"))
        for letter in _MORE
        if (template := text(f"template_{letter}"))
    ]
    without = sum(share is None for _, _, share in said)
    left = 100 - sum(share or 0 for _, _, share in said)
    if without and left <= 0:
        raise BadPlan({"share": ["Nothing is left for the versions without a share."]})
    free = iter([letter for letter in f"a{_MORE}" if letter not in {name for name, _, _ in said}])
    return [
        {"name": name or next(free), "template": template,
         "share": round(left / without, 2) if share is None else share}
        for name, template, share in said
    ]  # fmt: skip


#: By which field it is known that a form has these parts.
_PARTS = {"topic": "topic", "triggered": "when", "ramp": "ramp_first"}


def _edited(
    before: Mapping[str, Any], now: Mapping[str, Any], form: Mapping[str, Any]
) -> dict[str, Any]:
    """What a definition becomes; a template that is chosen takes the place of channels.

    A form without a part leaves it as it is.
    """
    one_message = now.get("template") or now.get("variants") or now.get("channels")
    beside = [] if one_message else ["channels", "escalate"]
    beside += [name for name, field in _PARTS.items() if field not in form]
    return {**{name: before[name] for name in beside if name in before}, **now}


def _when(when: Mapping[str, Any]) -> str:
    return next((name for name in ("at", "local") if name in when), "now")


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the form for a definition."""
    asked, when = body.get("who") or {}, body.get("when") or {}
    test, goal, ramp = (body.get(name) or {} for name in ("test", "goal", "ramp"))
    variants = body.get("variants") or []
    found: dict[str, Any] = {
        **{name: body.get(name, "") for name in _TEXTS},
        **asked,
        "who": next(iter(asked), "audience"),
        "when": "called" if body.get("triggered") else _when(when),
        "ramp_first": ramp.get("first_day", ""), "ramp_factor": ramp.get("factor", ""),
        **{name: when.get(name, "") for name in ("at", "local", "zone", "late")},
        "goal": goal.get("event", ""), "within": goal.get("within", ""),
        "test": test.get("share", ""), "winner": test.get("winner", "hand"),
        "after": test.get("after", ""),
        "way": "several" if body.get("channels") else "one",
        "chain": [item["template"] for item in body.get("channels") or ()],
        "unread_for": (body.get("escalate") or {}).get("unread_for", ""),
        **{name: body.get(name) for name in _PLAIN},
    }  # fmt: skip
    total = sum(item.get("share", 1.0) for item in variants)
    for letter, item in zip(f"a{_MORE}", variants, strict=False):
        end = "" if letter == "a" else f"_{letter}"
        found |= {f"template{end}": item["template"], f"name_{letter}": item["name"],
                  f"share{end}": f"{item.get('share', 1.0) * 100 / total:.4g}"}  # fmt: skip
    return {name: _as_typed(value) for name, value in found.items()}


def _as_typed(value: Any) -> Any:
    """50 where 50.0 is kept."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
