"""Letting conditions know the functions that plugins bring, when a process starts."""

from __future__ import annotations

from cdp.conditions.functions.brought import bring
from cdp.plugin.manager import Plugins

HOOK = "register_condition_functions"


def know_functions(plugins: Plugins) -> Plugins:
    """Take in what the plugins bring; what can't be is a failure of its plugin."""
    for plugin, function in plugins.condition_functions():
        try:
            bring(plugin, function)
        except ValueError as error:
            plugins.refuse(plugin, HOOK, error)
    return plugins
