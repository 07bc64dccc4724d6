"""Conditions over a person, evaluated as things happen.

    subject   what is known of a person: traits, events in streams
    windows   what a window holds now, and until when
    compile   tree → functions over a subject
    events    the events of a reference in a window
    forms     aggregates, thresholds and changes
    chains    what asks for an order: followed, sequences

Agrees with the plain evaluator of `cdp.conditions.person` at every instant (law 4).
"""

from cdp.conditions.live.compile import Live, compile_person
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
    "Needs",
    "Stream",
    "StreamSpec",
    "Streams",
    "Subject",
    "body_of",
    "compile_person",
]
