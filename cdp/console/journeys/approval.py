"""A launch that takes somebody else's word: asking for it, approving it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import flash, redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import auth
from cdp.console.auth import author
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.delivery.journeys import approving
from cdp.delivery.journeys.there import NoSuchJourney, Refused
from cdp.store.journeys import requests
from cdp.store.journeys.requests import Request


class Approval(NamedTuple):
    """What a launch takes: ``rule`` in words, whether one has to ask, and what waits.

    ``may``: whoever looks may approve what waits; ``own``: they asked for it themselves.
    """

    rule: str
    ask: bool
    waits: Request | None
    may: bool
    own: bool


def approval_of(tx: Connection, key: str, body: Mapping[str, Any]) -> Approval | None:
    """What the launch of a body takes; None: nothing, and nothing waits."""
    rule, waits = approving.rule_of(tx, key, dict(body)), requests.waiting(tx, key)
    if rule is None and waits is None:
        return None
    role, own = auth.current().role, waits is not None and waits.author == author()
    lets = rule is None or rule.lets(role)
    return Approval(
        rule.text if rule is not None else "",
        rule is not None and (rule.other or not lets),
        waits,
        lets and not (own and rule is not None and rule.other),
        own,
    )


def approve(key: str, destinations: Mapping[str, Any] | None) -> Response:
    """Say yes or no to the launch that waits."""
    yes = request.form.get("action") == "approve"
    reason = request.form.get("reason", "").strip()
    try:
        with console().store.write() as tx:
            made = approving.decide(
                tx, key, author(), console().now(), approve=yes, role=auth.current().role,
                reason=reason, destinations=destinations,
            )  # fmt: skip
    except (Refused, NoSuchJourney) as error:
        flash(as_sentence(str(error)), "bad")
        return redirect(url_for("console.journey_launch", key=key), 303)
    said = {"approved": "Launched. People enter from now on.", "refused": "Refused: nothing runs."}
    flash(said.get(made.state, "Withdrawn."), "good")
    return redirect(url_for("console.journey", key=key), 303)
