"""Connections: plugins that are loaded, and what they raised."""

from __future__ import annotations

from typing import NamedTuple

from flask import render_template

from cdp.conditions.functions import FUNCTIONS
from cdp.console import kinds
from cdp.console.context import console
from cdp.store.events import console_queries


class Loaded(NamedTuple):
    """A plugin that is loaded: where it came from and the hooks it implements."""

    name: str
    origin: str
    hooks: list[str]
    functions: list[str]


def _functions(plugin: str) -> list[str]:
    """What it adds to conditions."""
    return [function.signature for function in FUNCTIONS.values() if function.plugin == plugin]


def index() -> str:
    """The list."""
    here = console()
    with here.store.read() as tx:
        errors = console_queries.all_plugin_errors(tx)
    plugins = here.services.plugins
    names = plugins.names() if plugins is not None else []
    return render_template(
        "console/plugins.html",
        loaded=[
            Loaded(name, plugins.origins[name], plugins.hooks_of(name), _functions(name))
            for name in names
        ],
        kinds=kinds.kinds(),
        failures=list(plugins.failures) if plugins is not None else [],
        errors=errors,
        folder=here.settings.plugin_folder,
    )
