"""What looks wrong about the templates of a broadcast, and what its people lack for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.messaging.broadcasts.plan import Plan
from cdp.messaging.lint import lint
from cdp.store import definitions
from cdp.store.messages import coverage
from cdp.store.messages.coverage import NoSuchAudience

#: What is looked at on the finished message instead.
_SEEN_THERE = frozenset({"no_unsubscribe", "no_default", "size"})


class Remark(NamedTuple):
    """Something to look at; ``code`` names the rule."""

    code: str
    text: str


def remarks(tx: Connection, plan: Plan) -> Iterator[Remark]:
    """All of them, template by template; hints are left to the template's own page."""
    found: dict[str, dict[str, Any]] = {}
    for item in definitions.all_current(tx, "template", "layout", "snippet"):
        found.setdefault(item.kind, {})[item.key] = item.body or {}
    layouts, snippets = found.get("layout", {}), found.get("snippet", {})
    for key in plan.templates:
        body = found.get("template", {}).get(key)
        if body is None:
            continue
        for one in lint(key, body, layouts, snippets):
            if one.level != "hint" and one.code not in _SEEN_THERE:
                yield Remark(one.code, f"{key}, {one.field}: {one.text}.")
        for name, share in _lacking(tx, plan, body, layouts, snippets):
            yield Remark("variable", f"{key} says {name}, which {_percent(share)} of them have.")


def _lacking(
    tx: Connection, plan: Plan, body: Any, layouts: Any, snippets: Any
) -> Iterator[tuple[str, float]]:
    """The traits that a template needs and not everybody has, with the share of those who do.

    Of people whom a condition chooses it is not known by trait: trying it on them says it.
    """
    from cdp.messaging.templates.variables import variables  # reads Liquid: not at the start

    needed = {
        one.name: tuple(one.name.split(".")[1:])
        for one in variables(body, layouts, snippets)
        if one.needed and one.name.startswith("customer.") and "[]" not in one.name
    }
    if not needed or "condition" in plan.who or plan.triggered:
        return
    try:
        known = coverage.coverage(tx, set(needed.values()), plan.who.get("audience"))
    except NoSuchAudience:  # it is not worked out yet
        return
    for name, path in sorted(needed.items()):
        if known.of and known.shares[path].share < 1:
            yield name, known.shares[path].share


def _percent(share: float) -> str:
    return "nearly all" if share >= 0.995 else f"{share:.0%}"
