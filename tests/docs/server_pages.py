"""Settings, metrics and snippets, as the code has them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cdp.config import Settings, describe
from cdp.console import snippets
from cdp.server.bootstrap import bootstrap
from cdp.server.health import render_metrics
from cdp.store import Store, config_rows
from cdp.store.events import progress
from cdp.store.journeys import launched as journeys
from tests.docs.markdown import table

HOST, KEY = "http://127.0.0.1:8321", "YOUR_WRITE_KEY"
_LANGUAGE = {"browser": "html", "node": "js", "python": "python", "curl": "sh"}


def settings() -> str:
    """All settings, with their variables, defaults and meanings."""
    rows = []
    for row in describe(Settings()):
        default = row["default"]
        shown = "" if default in (None, ()) else f"`{_plain(default)}`"
        rows.append((f"`{row['name']}`", f"`{row['variable']}`", shown, row["meaning"]))
    return table(("Name", "Environment", "Default", "Meaning"), rows)


def _plain(value: Any) -> str:
    return {True: "1", False: "0"}[value] if isinstance(value, bool) else str(value)


def metrics() -> str:
    """What `/metrics` tells, from a store in which every kind has happened once."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder))
        store = Store.open(settings)
        bootstrap(store, settings)
        with store.write() as tx:
            progress.add_counts(tx, {(0, 1, "track"): 1, (0, 1, "rejected:no_event"): 1})
            values = {"url": "https://example.com"}
            journeys.launch(tx, "way", 1, "docs", 0)
            journeys.change(tx, "way", "docs", 0, state="paused", reason="too many bounced")
            config_rows.add_destination(tx, 0, "hook", "Hook", "webhook", None, values, "docs")
        text = render_metrics(store)
        store.close()
    return table(("Metric", "Kind", "Labels", "Meaning"), _families(text))


def _families(text: str) -> list[tuple[str, str, str, str]]:
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    rows = []
    for name, meaning in re.findall(r"^# HELP (\w+) (.*)$", text, re.M):
        sample = re.search(rf"^{name}(?:\{{(.*)\}})? ", text, re.M)
        labels = re.findall(r"(\w+)=\"", sample[1] or "") if sample else []
        shown = ", ".join(f"`{label}`" for label in labels)
        rows.append((f"`{name}`", kinds[name], shown, meaning))
    return rows


def snippet(key: str) -> str:
    """One of the console's snippets, for a server on this machine."""
    with patch.object(snippets, "host", lambda: HOST):
        found = {item.key: item.text for item in snippets.snippets(KEY)}
    return f"```{_LANGUAGE[key]}\n{found[key].rstrip()}\n```"


BLOCKS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "metrics": metrics,
    **{f"snippet-{key}": partial(snippet, key) for key in _LANGUAGE},
}
