"""What a broadcast is: its definition, read and understood."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from marshmallow import RAISE, ValidationError

from cdp.conditions.durations import parse_duration
from cdp.messaging.broadcasts.schema import BroadcastBodySchema, ms_of
from cdp.messaging.request import Flag


class Variant(NamedTuple):
    """A message and its weight; ``name`` is empty where there is but one."""

    name: str
    template: str
    share: float


class Plan(NamedTuple):
    """A definition as the mover wants it; times in ms, shares from 0 to 1.

    ``channels`` are (channel, template) in the order in which they are tried; then the one
    variant is the first of them.
    """

    name: str
    who: Mapping[str, Any]
    variants: tuple[Variant, ...]
    topic: str | None
    at: int | None
    local: datetime | None
    zone: str
    late: str
    triggered: bool
    test_share: float | None
    winner: str
    after_ms: int | None
    holdout: float
    per_minute: float | None
    ramp_first: int | None
    ramp_factor: float
    goal: str | None
    within_ms: int
    flags: Flag
    channels: tuple[tuple[str, str], ...] = ()
    unread_ms: int | None = None

    @property
    def templates(self) -> list[str]:
        """The keys of all templates that it needs."""
        named = [item.template for item in self.variants] + [key for _, key in self.channels]
        return list(dict.fromkeys(named))


class BadPlan(ValueError):
    """A definition that can't be; ``fields`` has what is wrong by field."""

    def __init__(self, fields_: Mapping[str, list[str]]) -> None:
        self.fields = dict(fields_)
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in fields_.items()))


def read(given: Mapping[str, Any]) -> dict[str, Any]:
    """The definition as it is kept; `BadPlan`."""
    try:
        loaded: dict[str, Any] = BroadcastBodySchema(unknown=RAISE).load(dict(given))
    except ValidationError as error:
        raise BadPlan(dict(_flat(error.messages, ""))) from None
    return {key: value for key, value in loaded.items() if value not in (None, {}, [], False)}


def _flat(messages: Any, name: str) -> Any:
    if isinstance(messages, Mapping):
        for key, item in messages.items():
            inner = name if key == "_schema" else f"{name}.{key}" if name else str(key)
            yield from _flat(item, inner)
    else:
        yield name or "broadcast", [str(text) for text in messages]


def plan_of(body: Mapping[str, Any]) -> Plan:
    """What a kept definition means."""
    when, test, goal = body.get("when") or {}, body.get("test") or {}, body.get("goal") or {}
    ramp = body.get("ramp") or {}
    variants = tuple(
        Variant(item["name"], item["template"], item.get("share", 1.0))
        for item in body.get("variants") or ()
    )
    channels = tuple((one["channel"], one["template"]) for one in body.get("channels") or ())
    if not variants and (body.get("template") or channels):
        variants = (Variant("", body.get("template") or channels[0][1], 1.0),)
    unread = (body.get("escalate") or {}).get("unread_for")
    flags = Flag(0)
    for name, flag in (
        ("ignore_limits", Flag.UNLIMITED), ("to_unsubscribed", Flag.TO_UNSUBSCRIBED),
        ("untracked", Flag.UNTRACKED), ("no_copy", Flag.NO_COPY),
    ):  # fmt: skip
        flags |= flag if body.get(name) else Flag(0)
    return Plan(
        name=body["name"],
        who=body.get("who") or {},
        variants=variants,
        topic=body.get("topic"),
        at=ms_of(when["at"]) if when.get("at") else None,
        local=datetime.fromisoformat(when["local"]) if when.get("local") else None,
        zone=when.get("zone", "UTC"),
        late=when.get("late", "now"),
        triggered=bool(body.get("triggered")),
        test_share=test["share"] / 100 if test else None,
        winner=test.get("winner", "hand"),
        after_ms=parse_duration(test["after"]) if test.get("after") else None,
        holdout=body.get("holdout", 0.0) / 100,
        per_minute=body.get("per_minute"),
        ramp_first=ramp.get("first_day"),
        ramp_factor=ramp.get("factor", 2.0),
        goal=goal.get("event"),
        within_ms=parse_duration(goal.get("within", "7d")) or 0,
        flags=flags,
        channels=channels,
        unread_ms=parse_duration(unread) if unread else None,
    )


def unready(plan: Plan) -> dict[str, list[str]]:
    """What a draft lacks before it can go, by field."""
    found: dict[str, list[str]] = {}
    if not plan.who and not plan.triggered:
        found["who"] = ["Say who gets it."]
    if not plan.variants:
        found["template"] = ["Choose a template."]
    return found
