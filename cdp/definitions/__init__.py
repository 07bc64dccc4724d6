"""What people define: audiences, computed traits, virtual events.

Pure: bodies and what has been seen in, verdicts out. A kind is a file that says what its
bodies look like and which names it gives to conditions; `KINDS` lists them, and nothing
else knows one kind from another.

    body ── kind.read ──▶ Draft ── check ──▶ faults, warnings ── store.defining ──▶ a version
"""

from cdp.definitions.check import Finding, check
from cdp.definitions.difference import difference
from cdp.definitions.kind import (
    Body,
    DefinitionError,
    Draft,
    Fault,
    Id,
    Kind,
    title_of,
)
from cdp.definitions.kinds import KINDS
from cdp.definitions.space import Look
from cdp.definitions.words import Use, Word

__all__ = [
    "KINDS",
    "Body",
    "DefinitionError",
    "Draft",
    "Fault",
    "Finding",
    "Id",
    "Kind",
    "Look",
    "Use",
    "Word",
    "check",
    "difference",
    "title_of",
]
