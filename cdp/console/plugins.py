"""Connections: plugins that are loaded, and what they raised."""

from __future__ import annotations

from typing import NamedTuple

from flask import render_template

from cdp.console import catalogue
from cdp.console.context import console
from cdp.store import console_queries


class Loaded(NamedTuple):
    """A plugin that is loaded: where it came from and the hooks it implements."""

    name: str
    origin: str
    hooks: list[str]


def index() -> str:
    """The list."""
    here = console()
    with here.store.read() as tx:
        errors = console_queries.all_plugin_errors(tx)
    plugins = here.services.plugins
    names = plugins.names() if plugins is not None else []
    return render_template(
        "console/plugins.html",
        loaded=[Loaded(name, plugins.origins[name], plugins.hooks_of(name)) for name in names],
        kinds=catalogue.kinds(),
        failures=list(plugins.failures) if plugins is not None else [],
        errors=errors,
        folder=here.settings.plugin_folder,
    )
