"""Before a journey is launched: what should hold, who would enter, what becomes of those inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import abort, flash, redirect, render_template, request, url_for
from marshmallow import ValidationError
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import auth, layout
from cdp.console.auth import author
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.console.journeys import approval, fates, rollout
from cdp.console.journeys.checks import BAD, checks_of, plugins_there
from cdp.console.journeys.overview import Found, find
from cdp.console.journeys.said import KIND
from cdp.console.snippets import host
from cdp.definitions import DefinitionError, title_of
from cdp.definitions.difference import Change
from cdp.delivery.journeys import approving, launching, office
from cdp.delivery.journeys.launching import Inside
from cdp.delivery.journeys.there import Refused, body_of
from cdp.journeys.triggers import KINDS as TRIGGERS
from cdp.store import definitions
from cdp.store.audiences import membership
from cdp.store.catalogue import picks as catalogue_picks
from cdp.store.catalogue.reads import DAY_MS
from cdp.store.config_rows import NameTaken
from cdp.store.defined import defining
from cdp.store.defined.defining import StaleVersion
from cdp.store.journeys import drafts as journey_drafts


class Kept(NamedTuple):
    """What a form said that was not taken: how many enter, what becomes of whom, who enters."""

    choice: rollout.Choice | None = None
    people: Mapping[str, Any] = {}
    enter: str | None = None


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


def _page(key: str, meanwhile: tuple[str, list[Change]] | None, kept: Kept | None = None) -> str:
    kept = kept or Kept()
    with console().store.read() as tx:
        found = find(tx, key)
        wanted = _wanted(tx, found, layout.number_arg("version"))
        checks = list(checks_of(tx, key, wanted.body))
        there: list[Inside] = []
        if found.row is not None:
            number = wanted.version if wanted.version is not None else -1
            there = launching.of_body(tx, found.row, number, wanted.body)
        inside = fates.fates(tx, key, there, kept.people)
        volume = _volume(tx, key, wanted.body)
        needs = approval.approval_of(tx, key, wanted.body)
    return render_template(
        "console/journey_launch.html",
        found=found,
        wanted=wanted,
        checks=checks,
        ready=all(check.state != BAD for check in checks),
        there=inside,
        targets=fates.targets(key, wanted.body) if inside else {},
        volume=volume,
        meanwhile=meanwhile,
        needs=needs,
        choice=kept.choice or rollout.offered(wanted.body, found.row),
        pinned=wanted.version if _is_pinned(found, wanted) else None,
        becomes=fates.BECOMES,
        enter=kept.enter or wanted.body.get("enter", "new"),
        backfills=_backfills(wanted.body),
    )  # fmt: skip


def _is_pinned(found: Found, wanted: Wanted) -> bool:
    """Whether it is another version than what would be launched by itself."""
    newest = found.version.version if found.version is not None else None
    return wanted.version is not None and (found.draft is not None or wanted.version != newest)


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
    people = fates.chosen(request.form)
    kept = Kept(None, people, enter)
    try:
        with console().store.write() as tx:
            found = find(tx, key)
            wanted = _wanted(tx, found, version)
            choice = rollout.chosen(request.form, rollout.offered(wanted.body, found.row))
            kept = kept._replace(choice=choice)
            body = rollout.keep(wanted.body, choice, share=asks)
            if version is None:
                put_draft(tx, found, body)
            elif body is not None:
                raise Refused("an older version goes by the rollout that it has")
            how: dict[str, Any] = {"version": version, "people": people, "enter": enter,
                                   "destinations": plugins_there()}  # fmt: skip
            if asks:
                approving.ask(tx, key, by, now, **how)
                flash("Asked for. It is launched when somebody says yes.", "good")
                return redirect(url_for("console.journey", key=key), 303)
            office.launch(tx, key, by, now, role=auth.current().role, **how)
            rollout.settle(tx, key, choice, by, now)
    except ValidationError as error:
        flash(f"Not launched: {' '.join(map(str, error.messages))}", "bad")
        return _page(key, None, kept), 400
    except (Refused, DefinitionError, NameTaken) as error:
        flash(f"Not launched: {error}.", "bad")
        return _page(key, None, kept), 400
    except StaleVersion as error:
        return _page(key, _meanwhile(error), kept), 409
    flash("Launched. People enter from now on.", "good")
    return redirect(url_for("console.journey", key=key), 303)


def approve(key: str) -> Response:
    """Say yes or no to a launch that somebody asked for."""
    return approval.approve(key, plugins_there())


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
