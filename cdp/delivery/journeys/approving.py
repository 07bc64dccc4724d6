"""Launches that need the word of somebody else: who may ask, who may say yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.definitions import Body
from cdp.delivery.journeys.launching import refuse_faulty
from cdp.delivery.journeys.there import KIND, Refused, body_of
from cdp.journeys.schema import APPROVERS
from cdp.store.config_rows import record_change
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import requests
from cdp.store.journeys.requests import APPROVED, REFUSED, WITHDRAWN, Request

ADMIN = "admin"


class Rule(NamedTuple):
    """Who may let a journey be launched: a ``role``, and perhaps never the one who asked."""

    role: str
    other: bool

    def lets(self, role: str | None) -> bool:
        """Whether somebody of a role may say yes."""
        return role in (ADMIN, self.role)

    @property
    def text(self) -> str:
        """In words."""
        who = "an admin" if self.role == ADMIN else f"an admin or {self.role}"
        return f"{who}, not the one who asks" if self.other else who


def rule_of(tx: Connection, key: str, body: Body) -> Rule | None:
    """What holds for a launch: the strictest of the journey's rule, its last one's, the space's."""
    row = journeys.row(tx, key)
    before: Any = body_of(tx, key, row.version)[1] if row is not None else {}
    said = [one for one in (body.get("approval"), before.get("approval")) if one is not None]
    space = requests.space_rule(tx)
    said += [space] if space is not None else []
    if not said:
        return None
    roles = {one.get("role", ADMIN) for one in said}
    role = ADMIN if ADMIN in roles else min(roles)
    return Rule(role, any(one.get("other", True) for one in said))


def need_none(tx: Connection, key: str, body: Body, role: str | None) -> None:
    """Refuse a launch by somebody who has to ask for it first."""
    rule = rule_of(tx, key, body)
    if rule is not None and (rule.other or not rule.lets(role)):
        raise Refused(f"{key} is launched with the word of {rule.text}: ask for it")


def ask(
    tx: Connection,
    key: str,
    author: str,
    now: int,
    *,
    version: int | None = None,
    people: Any = "stay",
    enter: str | None = None,
    destinations: Mapping[str, Any] | None = None,
) -> Request:
    """Ask for a launch, in place of what was asked before; `Refused`, `NoSuchJourney`."""
    number, body = body_of(tx, key, version)
    refuse_faulty(tx, key, body, destinations)
    if rule_of(tx, key, body) is None:
        raise Refused(f"{key} needs nobody's approval: launch it")
    requests.add(tx, key, number, {"people": people, "enter": enter}, author, now)
    record_change(tx, now, author, KIND, key, "asked", None, {"version": number})
    return requests.of(tx, key, 1)[0]


def decide(
    tx: Connection,
    key: str,
    author: str,
    now: int,
    *,
    approve: bool,
    role: str | None,
    reason: str = "",
    destinations: Mapping[str, Any] | None = None,
) -> Request:
    """Approve the launch that waits, and do it, or refuse it; `Refused`, `NoSuchJourney`."""
    from cdp.delivery.journeys import office

    item = requests.waiting(tx, key)
    if item is None:
        raise Refused(f"nobody has asked for a launch of {key}")
    rule = rule_of(tx, key, body_of(tx, key, item.version)[1])
    own = item.author == author
    if not approve and own:
        state = WITHDRAWN
    elif rule is not None and not rule.lets(role):
        raise Refused(f"it takes the word of {rule.text}")
    elif rule is not None and rule.other and own:
        raise Refused("who asked can't approve it")
    else:
        state = APPROVED if approve else REFUSED
    requests.end(tx, item.id, state, author, reason, now)
    after = {"version": item.version, "asked_by": item.author, "reason": reason}
    record_change(tx, now, author, KIND, key, state, None, after)
    if approve:
        office.launch(
            tx, key, item.author, now, version=item.version, destinations=destinations,
            people=item.args["people"], enter=item.args["enter"], approved=True,
        )  # fmt: skip
    return requests.of(tx, key, 1)[0]


def put_space(tx: Connection, author: str, now: int, role: str | None, other: bool) -> None:
    """Say whose word the launch of any journey takes; None: nobody's. `Refused`."""
    if role is not None and role not in APPROVERS:
        raise Refused(f"a role is one of {', '.join(APPROVERS)}")
    before = requests.space_rule(tx)
    rule = {"role": role, "other": other} if role is not None else None
    requests.put_space_rule(tx, rule)
    record_change(tx, now, author, KIND, "*", "approval", before, rule)


def may_answer(spec: Mapping[str, Any], role: str | None) -> None:
    """Refuse an answer at an approval step by somebody whose word it isn't."""
    wanted = spec.get("role")
    if wanted is not None and role not in (ADMIN, wanted):
        raise Refused(f"this takes the word of {Rule(wanted, False).text}")
