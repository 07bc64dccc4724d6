"""What is said of a journey beside its canvas: what is wrong, ids, conditions in prose, titles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import url_for
from sqlalchemy import Connection

from cdp.conditions import ConditionError, explain
from cdp.conditions.parser import parse_text
from cdp.conditions.prose import explain_value
from cdp.console import auth
from cdp.console.conditions import as_sentence
from cdp.console.journeys.shapes import journey_shape, shapes
from cdp.console.messages.sent import CHANNELS
from cdp.definitions import KINDS, DefinitionError, Fault, check, title_of
from cdp.journeys import JourneyError, Read
from cdp.journeys.steps import STEPS
from cdp.store import definitions
from cdp.store.defined import defining
from cdp.store.journeys import launched as journeys

KIND = "journey"
#: What the canvas names by title, beside audiences that are kept by hand.
_NAMED = ("template", "audience", "journey", "topic")


def said(tx: Connection, key: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """``faults``, the ``ids`` of steps by where they stand, and ``prose`` of conditions by text."""
    found = Read(key, body)
    return {
        "faults": [
            {**fault._asdict(), "text": as_sentence(_plainly(body, fault.field, fault.text))}
            for fault in faults(tx, key, body)
        ],
        "ids": {step.field: id_ for id_, step in found.steps.items()},
        "prose": {one.text: _prose(one.text, one.is_value) for one in found.said},
    }


def unfinished(body: Mapping[str, Any], error: JourneyError) -> str:
    """Why a journey can't be played yet: the first thing that is missing, and where."""
    field, text = error.wrong[0].field, error.wrong[0].text
    kinds = [name for name in re.findall(r"[a-z_]+", field) if name in STEPS]
    where = f"{STEPS[kinds[-1]].title}: " if kinds else ""
    return f"Not everything is filled in yet. {as_sentence(where + _plainly(body, field, text))}"


def _plainly(body: Mapping[str, Any], field: str, text: str) -> str:
    """What is wrong; of what was never filled in, only that."""
    if field == "steps" and body.get("steps") == []:
        return "there is no step yet"
    at: Any = body
    for name in re.findall(r"[^.\[\]]+", field):
        if isinstance(at, list) and name.isdecimal() and int(name) < len(at):
            at = at[int(name)]
        elif isinstance(at, Mapping) and name in at:
            at = at[name]
        else:
            break
    return "this is not filled in yet" if at == "" else text


def faults(tx: Connection, key: str, body: Mapping[str, Any]) -> list[Fault]:
    """All that keeps a body from being a version of the journey."""
    try:
        draft = KINDS[KIND].read(key, body)
    except DefinitionError as error:
        return error.faults
    bodies = defining.bodies(defining.load(tx))
    return list(check(bodies, {(KIND, key): draft}, defining.look(tx))[KIND, key].errors)


def _prose(text: str, is_value: bool) -> str:
    try:
        root = parse_text(text).root
        return explain_value(root) if is_value else explain(root)
    except ConditionError:
        return text


def canvas(
    tx: Connection, key: str, body: Mapping[str, Any], *, rev: int = 0, editable: bool
) -> dict[str, Any]:
    """All that the canvas begins with."""
    addresses = {
        "people": url_for("console.journey_people", key=key),
        "counts": url_for("console.journey_counts", key=key),
        "draft": url_for("console.journey_draft", key=key),
        "text": url_for("console.journey_text", key=key),
        "try": url_for("console.journey_try", key=key),
        "letter": url_for("console.journey_letter", template="KEY"),
        "template": url_for("console.template", key="KEY"),
        "newTemplate": url_for("console.template_new"),
    }
    if editable or journeys.row(tx, key) is None:
        del addresses["counts"]
    if not editable and journeys.row(tx, key) is None and auth.current().can_change:
        addresses["edit"] = url_for("console.journey_edit", key=key)
    return {
        "key": key,
        "body": body,
        "rev": rev,
        "said": said(tx, key, body),
        "shapes": shapes(),
        "journey": journey_shape(),
        "titles": {kind: titles(tx, kind) for kind in _NAMED},
        "addresses": addresses,
    }


def titles(tx: Connection, kind: str) -> dict[str, dict[str, str]]:
    """Names of definitions by key, with what tells them apart."""
    found = []
    for one in definitions.all_current(tx, kind):
        body = one.body or {}
        if body.get("archived"):
            continue
        sub = CHANNELS.get(body.get("channel", ""), "") if kind == "template" else ""
        if kind == "audience" and body.get("static"):
            sub = "kept by hand"
        found.append((one.key, title_of(one.key, body), str(sub)))
    found.sort(key=lambda one: one[1].casefold())
    return {key: {"name": name, "sub": sub} for key, name, sub in found}
