"""Settings: how much a profile keeps, and which objects merge."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.format import number
from cdp.profiles.trait_rules import TraitRules
from cdp.store import definitions
from cdp.store.catalogue import reads as catalogue_reads
from cdp.store.profiles.trait_rules import (
    KEY,
    KIND,
    Effect,
    load_trait_rules,
    put_trait_rules,
    rules_effect,
)

#: The limits: name, label, and what is beyond.
LIMITS = (
    ("max_traits", "Traits that one call may set", "Those beyond are left out of the call."),
    (
        "max_profile_traits",
        "Traits of one profile",
        "Those beyond are left out for good; which they are is decided by their names.",
    ),
    ("max_value_bytes", "Bytes of one value", "As JSON. A larger value is left out."),
    (
        "max_object_keys",
        "Keys of an object that merges",
        "Of all depths, those that were taken away included.",
    ),
)
MERGES = (
    ("none", "None: a new object replaces the old one, as Segment does"),
    ("some", "Only these"),
    ("all", "All of them, key by key"),
)
OFFERED = 30


def page(
    form: dict[str, str] | None = None, effect: Effect | None = None, wrong: str | None = None
) -> str:
    """The rules in force and their versions."""
    with console().store.read() as tx:
        rules = load_trait_rules(tx)
        versions = definitions.versions(tx, KIND, KEY)[:20]
        seen = _objects_seen(tx)
    return render_template(
        "console/trait_rules.html",
        tab="traits",
        form=form or _to_form(rules),
        limits=LIMITS,
        merges=MERGES,
        seen=seen,
        effect=[_said(*change, effect) for change in effect.changes] if effect else None,
        wrong=wrong,
        versions=versions,
    )


def change() -> str | Response | tuple[str, int]:
    """Say what other rules would change, or make them hold."""
    here = console()
    names = ("merge", "merged", *(name for name, _, _ in LIMITS))
    form = {name: request.form.get(name, "") for name in names}
    try:
        rules = TraitRules.from_dict(_from_form(form))
    except ValueError as error:
        return page(form, wrong=f"{str(error)[:1].upper()}{str(error)[1:]}."), 422
    if request.form.get("what") != "save":
        with here.store.read() as tx:
            return page(form, rules_effect(tx, rules))
    with here.store.write() as tx:
        put_trait_rules(tx, here.now(), rules.to_dict(), author())
    flash("Saved. The rules hold for what comes from now on.", "good")
    return redirect(url_for("console.trait_rules"), 303)


def _objects_seen(tx: Connection) -> list[str]:
    """Traits of people that were objects."""
    found = catalogue_reads.fields_of(tx, "identify")[1].fields
    return [
        field.path
        for field in found
        if "." not in field.path and any(type_ == "object" for type_, _ in field.types)
    ][:OFFERED]


def _to_form(rules: TraitRules) -> dict[str, str]:
    chosen = rules.merge_objects
    limits = {name: str(rules.to_dict()[name]) for name, _, _ in LIMITS}
    merge = ("all" if chosen else "none") if isinstance(chosen, bool) else "some"
    merged = "" if isinstance(chosen, bool) else ", ".join(sorted(chosen))
    return {**limits, "merge": merge, "merged": merged}


def _from_form(form: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, label, _ in LIMITS:
        text = form[name].strip()
        if not (text.isascii() and text.isdigit() and 0 < len(text) < 10):
            raise ValueError(f"{label}: write a whole number from 1 on")
        made[name] = int(text)
    names = [part.strip() for part in form["merged"].replace("\0", "").split(",") if part.strip()]
    if form["merge"] == "some" and not names:
        raise ValueError("name the traits whose objects merge, with commas between them")
    made["merge_objects"] = names if form["merge"] == "some" else form["merge"] == "all"
    return made


def _said(rule: str, before: Any, after: Any, effect: Effect) -> str:
    """What the change of one rule means, in words."""
    if rule == "merge_objects":
        return f"Objects that merge key by key: {_names(before)}, then {_names(after)}."
    label = next(label for name, label, _ in LIMITS if name == rule)
    text = f"{label}: {number(before)}, then {number(after)}."
    if rule == "max_profile_traits":
        who = f"{number(effect.over)} of the {number(effect.looked_at)} latest profiles"
        text += (
            f" {who} have more. Each loses those beyond for good with the next message about it."
        )
    return text


def _names(chosen: Any) -> str:
    if isinstance(chosen, bool):
        return "all" if chosen else "none"
    return ", ".join(chosen) or "none"
