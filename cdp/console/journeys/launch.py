"""Before a journey is launched: what should hold, who would enter, what becomes of those inside."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from flask import abort, flash, redirect, render_template, request, url_for
from marshmallow import ValidationError
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import auth, layout
from cdp.console.auth import author
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.console.journeys import approval, rollout
from cdp.console.journeys.overview import Found, find
from cdp.console.journeys.people import names_of
from cdp.console.journeys.said import KIND
from cdp.console.messages.sent import CHANNELS
from cdp.console.snippets import host
from cdp.definitions import DefinitionError, title_of
from cdp.definitions.difference import Change
from cdp.delivery.journeys import approving, launching, office
from cdp.delivery.journeys.launching import Inside
from cdp.delivery.journeys.linting import findings
from cdp.delivery.journeys.there import Refused, body_of
from cdp.journeys import Read
from cdp.journeys.program import Step
from cdp.journeys.triggers import KINDS as TRIGGERS
from cdp.store import definitions
from cdp.store.audiences import membership
from cdp.store.catalogue import picks as catalogue_picks
from cdp.store.catalogue.reads import DAY_MS
from cdp.store.config_rows import NameTaken
from cdp.store.defined import defining
from cdp.store.defined.defining import StaleVersion
from cdp.store.journeys import drafts as journey_drafts

GOOD, CAREFUL, BAD = "good", "wait", "bad"


class Check(NamedTuple):
    """Something that should hold: ``state`` is good, wait (look at it) or bad (it can't go)."""

    state: str
    text: str
    #: The step of the canvas where it can be mended, or another address.
    step: str | None = None
    address: str | None = None


class Wanted(NamedTuple):
    """What is to be launched: the body, and its version (None: the draft, which has none yet)."""

    body: dict[str, Any]
    version: int | None


def _wanted(tx: Connection, found: Found, version: int | None) -> Wanted:
    if version is not None:
        try:
            return Wanted(dict(body_of(tx, found.key, version)[1]), version)
        except Refused as error:
            abort(404, as_sentence(str(error)))
    if found.draft is not None:
        return Wanted(found.draft.body, None)
    return Wanted(found.body, found.version.version if found.version else None)


def page(key: str) -> str:
    """The checks, and the question."""
    return _page(key, None)


def _page(
    key: str, meanwhile: tuple[str, list[Change]] | None, choice: rollout.Choice | None = None
) -> str:
    with console().store.read() as tx:
        found = find(tx, key)
        wanted = _wanted(tx, found, layout.number_arg("version"))
        checks = list(_checks(tx, found, wanted.body))
        there: list[Inside] = []
        if found.row is not None:
            number = wanted.version if wanted.version is not None else -1
            there = launching.of_body(tx, found.row, number, wanted.body)
        names = names_of(tx, key, {one.version for one in there})
        volume = _volume(tx, key, wanted.body)
        needs = approval.approval_of(tx, key, wanted.body)
    return render_template(
        "console/journey_launch.html",
        found=found,
        wanted=wanted,
        checks=checks,
        ready=all(check.state != BAD for check in checks),
        there=there,
        called=names,
        volume=volume,
        meanwhile=meanwhile,
        needs=needs,
        choice=choice or rollout.offered(wanted.body, found.row),
        pinned=wanted.version if _is_pinned(found, wanted) else None,
        fates={"same": "stay at the step", "changed": "the step says something else now",
               "vanished": "the step is gone"},
        enter=wanted.body.get("enter", "new"),
        backfills=_backfills(wanted.body),
    )  # fmt: skip


def _is_pinned(found: Found, wanted: Wanted) -> bool:
    """Whether it is another version than what would be launched by itself."""
    newest = found.version.version if found.version is not None else None
    return wanted.version is not None and (found.draft is not None or wanted.version != newest)


def _checks(tx: Connection, found: Found, body: dict[str, Any]) -> Iterator[Check]:
    told = findings(tx, found.key, body)
    at = _step_at(found, body)
    for one in told:
        tone = BAD if one.level == "error" else CAREFUL
        yield Check(tone, as_sentence(one.text), at(one.field))
    if any(one.level == "error" for one in told):
        return
    yield Check(GOOD, "Every step is filled in.")
    sent = launching.channels_of(body, defining.bodies(defining.load(tx)))
    plugins = _plugins()
    up = launching.channels_up(tx, plugins) if plugins is not None else set()
    for channel in dict.fromkeys(channel for _, channel in sent if plugins is not None):
        word = CHANNELS.get(channel, channel)
        if channel in up:
            yield Check(GOOD, f"{word}: somebody carries it.")
        else:
            yield Check(
                BAD, f"{word}: nothing sends it yet. Add a destination for it.",
                address=url_for("console.destination_catalogue"),
            )  # fmt: skip
    calling = next((step for step in _steps(found, body) if step.kind.name == "webhook"), None)
    if calling is not None and plugins is not None and "webhook" not in up:
        yield Check(
            BAD, f"The step {calling.id} calls an address, and nothing makes such calls yet. "
            "Add the destination “Webhook messages”.",
            address=url_for("console.destination_catalogue"),
        )  # fmt: skip
    if body.get("goal"):
        yield Check(GOOD, f"Its goal is {body['goal']['event']}.")
    else:
        yield Check(CAREFUL, "It has no goal, so that nobody will know what it was good for.",
                    "start")  # fmt: skip


def _steps(found: Found, body: dict[str, Any]) -> Collection[Step]:
    """The steps that could be read."""
    return Read(found.key, body, 0, lambda root: root).steps.values()


def _step_at(found: Found, body: dict[str, Any]) -> Callable[[str], str]:
    """What finds the step in which a field is."""
    places = sorted((step.field for step in _steps(found, body)), key=len, reverse=True)

    def at(field: str) -> str:
        first = field.partition(".")[0] if field.startswith("steps[") else "start"
        return next((p for p in places if field == p or field.startswith(f"{p}.")), first)

    return at


def _plugins() -> Mapping[str, Any] | None:
    """The classes of destinations; None where no plugins are, so that nothing can be said."""
    plugins = console().services.plugins
    return plugins.destinations() if plugins is not None else None


def _volume(tx: Connection, key: str, body: dict[str, Any]) -> str:
    """How many will come, by what has been seen; in a sentence."""
    trigger = body.get("trigger")
    trigger = trigger if isinstance(trigger, dict) else {}
    kind = next((name for name in TRIGGERS if trigger.get(name)), None)
    name = str(trigger.get(kind, "")) if kind else ""
    if kind == "event":
        seen = catalogue_picks.events(tx, console().now() // DAY_MS, name)
        lately = next((event.lately for event in seen if event.name == name), None)
        if lately is None:
            return f"{name} was never seen yet: nobody enters until it comes."
        return f"{name} came {lately:,} times in the last 30 days."
    if kind == "api":
        return f"Those enter whom a call names: POST {host()}/api/journeys/{key}/trigger."
    if kind == "webhook":
        person = trigger.get("person") or "userId"
        address = f"{host()}/hooks/journeys/{key}?writeKey=…"
        return f"Whoever {person} names in what is posted to {address} (with a source’s write key)."
    if kind == "date":
        return (
            f"Everybody whose trait {name} is a date enters when the day comes, also those of whom "
            "it is known already."
        )
    audience = str(trigger.get("audience", "")) if kind == "every" else name
    if kind in ("enters", "leaves", "every"):
        version = definitions.current(tx, "audience", audience)
        if version is None:
            return ""
        state = membership.states(tx, "audience", audience).get(audience)
        size = f"{state.size:,} people are in it now." if state is not None else ""
        return f"{title_of(audience, version.body or {})}: {size}"
    return ""


def _backfills(body: dict[str, Any]) -> bool:
    """Whether people can qualify already at the launch."""
    trigger = body.get("trigger")
    # Dates are in the future: whoever has one enters when it comes, whatever is said here.
    return isinstance(trigger, dict) and bool({"enters", "trait"} & set(trigger))


def launch(key: str) -> Response | str | tuple[str, int]:
    """Save the draft as a version, and let people in."""
    by, now, version = author(), console().now(), layout.number_arg("version")
    enter, asks = request.form.get("enter"), bool(request.form.get("ask"))
    enter = "all" if enter == "all" else "new"
    choice: rollout.Choice | None = None
    people = {name.removeprefix("fate:"): _fate(fate) for name, fate in request.form.items()
              if name.startswith("fate:")}  # fmt: skip
    try:
        with console().store.write() as tx:
            found = find(tx, key)
            wanted = _wanted(tx, found, version)
            choice = rollout.chosen(request.form, rollout.offered(wanted.body, found.row))
            body = rollout.keep(wanted.body, choice, share=asks)
            if version is None:
                put_draft(tx, found, body)
            elif body is not None:
                raise Refused("an older version goes by the rollout that it has")
            how: dict[str, Any] = {"version": version, "people": people, "enter": enter,
                                   "destinations": _plugins()}  # fmt: skip
            if asks:
                approving.ask(tx, key, by, now, **how)
                flash("Asked for. It is launched when somebody says yes.", "good")
                return redirect(url_for("console.journey", key=key), 303)
            office.launch(tx, key, by, now, role=auth.current().role, **how)
            rollout.settle(tx, key, choice, by, now)
    except ValidationError as error:
        flash(f"Not launched: {' '.join(map(str, error.messages))}", "bad")
        return _page(key, None, choice), 400
    except (Refused, DefinitionError, NameTaken) as error:
        flash(f"Not launched: {error}.", "bad")
        return redirect(url_for("console.journey_launch", key=key, version=version), 303)
    except StaleVersion as error:
        return _page(key, _meanwhile(error), choice), 409
    flash("Launched. People enter from now on.", "good")
    return redirect(url_for("console.journey", key=key), 303)


def approve(key: str) -> Response:
    """Say yes or no to a launch that somebody asked for."""
    return approval.approve(key, _plugins())


def _fate(word: str) -> Any:
    return {"to": word.removeprefix("to:")} if word.startswith("to:") else word


def put_draft(tx: Connection, found: Found, body: dict[str, Any] | None = None) -> None:
    """Make the draft (or ``body``) a version; `StaleVersion` if another was made meanwhile."""
    if found.draft is None and body is None:
        return
    seen = found.draft.seen if found.draft else found.version.version if found.version else 0
    if request.form.get("over"):  # over what somebody else has saved, which was shown
        seen = found.version.version if found.version else 0
    put = body or (found.draft.body if found.draft else {})
    defining.put(tx, console().now(), (KIND, found.key), put, author(), seen)
    journey_drafts.drop(tx, found.key)


def save(key: str) -> Response | tuple[str, int]:
    """Save the draft as a version and launch nothing."""
    try:
        with console().store.write() as tx:
            put_draft(tx, find(tx, key))
    except (DefinitionError, NameTaken) as error:
        flash(f"Not saved yet: {error}.", "bad")
        return redirect(url_for("console.journey_edit", key=key), 303)
    except StaleVersion as error:
        return _page(key, _meanwhile(error)), 409
    flash("Saved. What runs is as it was until you launch this.", "good")
    return redirect(url_for("console.journey", key=key), 303)


def _meanwhile(error: StaleVersion) -> tuple[str, list[Change]]:
    return (error.now.author if error.now else "Somebody"), error.difference
