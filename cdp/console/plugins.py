"""Connections: plugins that are loaded, and what they raised."""

from __future__ import annotations

from flask import render_template

from cdp.console.context import console
from cdp.store import console_queries


def index() -> str:
    """The list."""
    here = console()
    with here.store.read() as tx:
        errors = console_queries.all_plugin_errors(tx)
    manager = here.services.plugins
    return render_template(
        "console/plugins.html",
        loaded=manager.loaded() if manager is not None else [],
        failed=manager.failed() if manager is not None else [],
        errors=errors,
        folder=here.settings.plugin_folder,
    )
