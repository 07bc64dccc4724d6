"""Letting conditions and journeys know what plugins bring, when a process starts."""

from __future__ import annotations

from cdp.conditions.functions.brought import bring
from cdp.plugin.manager import Plugins

HOOK, STEPS = "register_condition_functions", "register_journey_steps"


def know_functions(plugins: Plugins) -> Plugins:
    """Take in what the plugins bring; what can't be is a failure of its plugin."""
    for plugin, function in plugins.condition_functions():
        try:
            bring(plugin, function)
        except ValueError as error:
            plugins.refuse(plugin, HOOK, error)
    for plugin, step in plugins.journey_steps():
        from cdp.journeys.steps import brought  # not before there are any: it costs a start

        try:
            brought.bring(plugin, step)
        except ValueError as error:
            plugins.refuse(plugin, STEPS, error)
    return plugins
