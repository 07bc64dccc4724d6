"""Who qualifies for a journey without anything happening: all of them, or who has its trait."""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.conditions.values import same
from cdp.journeys.triggers import Trigger
from cdp.profiles.traits import TraitMap
from cdp.store.profiles import graph


def having(tx: Connection, trigger: Trigger, people: list[int]) -> list[int]:
    """Those whose trait is what a trigger waits for; any value, if it does not say which.

    All, where no trait begins the journey.
    """
    if trigger.kind != "trait":
        return people
    found = []
    traits = graph.profile_traits(tx, people)
    for profile in people:
        value = TraitMap.decode(traits.get(profile)).values().get(trigger.name)
        wanted = trigger.values[1] if "to" in trigger.spec else value
        if value is not None and same(wanted, value):
            found.append(profile)
    return found
