"""Every hook of Headwater, one sentence each.

A plugin is a module (or an object) with functions of these names, marked with
`cdp.plugin.hookimpl`. Hooks take batches. What a plugin raises is recorded against
it and shown; it never stops the pipeline.
"""

from __future__ import annotations

from typing import Any

import pluggy

from cdp.plugin.values import Event, ProfileChange, Transition

hookspec = pluggy.HookspecMarker("cdp")
hookimpl = pluggy.HookimplMarker("cdp")


@hookspec
def enrich(messages: list[dict[str, Any]]) -> list[dict[str, Any] | None]:  # type: ignore[empty-body]
    """Say what to add to each message, before it is stored; in the order given, within the deadline."""


@hookspec
def on_events(events: list[Event]) -> None:
    """Events were stored; called in batches, at least once, in order per person."""


@hookspec
def on_profile_changes(changes: list[ProfileChange]) -> None:
    """Profiles were created, changed, merged or parted, or moved in or out of audiences; in batches, at least once, in order."""


@hookspec
def on_transitions(transitions: list[Transition]) -> None:
    """People moved through journeys, or one decided something itself; called in batches, at least once, in order per person."""


@hookspec
def register_destinations() -> list[Any]:  # type: ignore[empty-body]
    """Return the `Destination` classes that this plugin brings."""


@hookspec
def register_condition_functions() -> list[Any]:  # type: ignore[empty-body]
    """Return the `ConditionFunction`s that this plugin adds to the language of conditions."""


@hookspec
def register_journey_steps() -> list[Any]:  # type: ignore[empty-body]
    """Return the `JourneyStep`s that this plugin adds to journeys."""


@hookspec
def register_cli(cli: Any) -> None:
    """Add click commands to ``cli``."""
