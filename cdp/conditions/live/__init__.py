"""Conditions over a person, evaluated as things happen.

    subject   what is known of a person: traits, events in streams
    windows   what a window holds now, and until when
    compile   tree → functions over a subject
    events    the events of a reference in a window
    forms     aggregates and changes
    thresholds   how many
    figures   how much, and when
    chains    what asks for an order: followed, sequences
    joins     and, or, not

Agrees with the plain evaluator of `cdp.conditions.person` at every instant (law 4).
"""

from cdp.conditions.live.compile import Live, compile_person
from cdp.conditions.live.part import Moved
from cdp.conditions.live.subject import (
    TRAITS,
    UNSAID,
    Needs,
    Stream,
    Streams,
    StreamSpec,
    Subject,
    body_of,
)
from cdp.conditions.live.windows import NEVER

__all__ = [
    "NEVER",
    "TRAITS",
    "UNSAID",
    "Live",
    "Moved",
    "Needs",
    "Stream",
    "StreamSpec",
    "Streams",
    "Subject",
    "body_of",
    "compile_person",
]
