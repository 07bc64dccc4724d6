"""Who is in which audience: what is evaluated, and which message can change what.

Pure: definitions and people in, standings out. `cdp.pipeline.audiences` loads and writes.

    book      all definitions compiled, indexed by event, trait, identifier and audience
    reasons   each clause of a condition with its value, for "why?"
    shorthand reasons of entries and exits as they are kept
    values    values of computed traits as JSON
"""

from cdp.audiences.book import AUDIENCE, COMPUTED_TRAIT, Book, Entry, Item
from cdp.audiences.reasons import Asked, Clause, clauses
from cdp.audiences.shorthand import Shorthand, form_text
from cdp.audiences.values import plain

__all__ = [
    "AUDIENCE",
    "COMPUTED_TRAIT",
    "Asked",
    "Book",
    "Clause",
    "Entry",
    "Item",
    "Shorthand",
    "clauses",
    "form_text",
    "plain",
]
