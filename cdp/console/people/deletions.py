"""Who was deleted or suppressed by whom, how far that is, and what is left to do by hand."""

from __future__ import annotations

from typing import Any

from flask import render_template

from cdp.console.context import console
from cdp.store import config_rows
from cdp.store.profiles import regulations
from cdp.store.profiles.regulations import Forward, Regulation

PAGE = 100
WHAT = {
    "DELETE_ONLY": "Delete",
    "DELETE_INTERNAL": "Delete, and tell no destination",
    "SUPPRESS_WITH_DELETE": "Delete, and refuse later events",
    "SUPPRESS_WITH_DELETE_INTERNAL": "Delete, tell no destination, and refuse later events",
    "SUPPRESS_ONLY": "Refuse later events",
    "UNSUPPRESS": "Take later events again",
}
STATES = {
    "FINISHED": ("Done", "good"),
    "PARTIAL_SUCCESS": ("Done but for what is left", "wait"),
    "FAILED": ("Not done", "bad"),
}
#: What happens in each phase; all others are the sweep.
PHASES = {
    "finding": "Their profiles are looked up.",
    "removing": "Their events are removed.",
    "taking": "What was accepted before is taken from the log.",
    "telling": "Destinations are told.",
    "waiting": "Gone from all pages and APIs. The last sweep begins",
}
SWEEP = "Every trace is swept out of the store."


def index() -> str:
    """The latest wishes of people about their data."""
    with console().store.read() as tx:
        keys = {found.id: found.key for found in config_rows.all_destinations(tx)}
        rows = [
            _shown(item, regulations.forwards_of(tx, item.id), keys)
            for item in regulations.newest(tx, None, PAGE)
        ]
    return render_template("console/deletions.html", rows=rows)


def _shown(item: Regulation, told: list[Forward], keys: dict[int, str]) -> dict[str, Any]:
    word, kind = STATES.get(item.state, (f"{item.detail.get('done', 0.0):.0%}", "wait"))
    names = [(keys.get(one.destination_id, "a destination that was removed"), one) for one in told]
    return {
        "item": item,
        "what": WHAT.get(item.type, item.type),
        "state": word,
        "kind": kind,
        "phase": None if item.ended else PHASES.get(item.phase, SWEEP),
        "people": item.detail.get("people"),
        "untold": [name for name, one in names if one.state == "waiting" and one.attempts],
        "failed": [name for name, one in names if one.state == "failed"],
        "silent": [keys[one.destination_id] for one in told
                   if one.state == "unsupported" and one.destination_id in keys],
        "left": item.detail.get("left", []),
        "exports": item.detail.get("exports", []),
    }  # fmt: skip
