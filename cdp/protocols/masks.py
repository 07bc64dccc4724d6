"""What is shown in place of a value to somebody who may not see it: ``j•••@e•••.com``.

Enough to tell two values apart that one knows, not enough to learn one. Masking what is
masked already changes nothing.
"""

from __future__ import annotations

import re
from typing import Any

from cdp.protocols.personal import RED, text_kind

DOTS = "•••"
#: Words of a name of which the first letter is shown.
MAX_WORDS = 4

_ADDRESS = re.compile(r"[^\s\"'<>(),;:=]+(?:[@\uff20]|%40)[^\s\"'<>(),;]+")
_DIGITS = re.compile(r"[+(]?\d[\d ().\-/:]*\d")
_MADE = re.compile(rf"^\S?{DOTS}")


def masked(value: Any, kind: str | None = None) -> str:
    """The mask of a value that is personal; ``kind`` as `cdp.protocols.looks_personal` has it."""
    if not isinstance(value, str) or kind in RED or len(value) < 2:
        return DOTS
    local, at, domain = value.rpartition("@")
    if at and local and domain and not any(sign.isspace() for sign in value):
        end = domain.rpartition(".")[2] if "." in domain else ""
        return f"{local[0]}{DOTS}@{domain[0]}{DOTS}" + (f".{end}" if end else "")
    words = value.split()[:MAX_WORDS]
    return " ".join(f"{word[0]}{DOTS}" if word[0] != DOTS[0] else DOTS for word in words) or DOTS


def masked_text(text: str) -> str:
    """A text in which what looks personal is masked; what can't be cut out safely takes it all."""
    kind = text_kind(text)
    if kind is None or _MADE.match(text):
        return text
    made = _ADDRESS.sub(lambda found: masked(found[0]), text)
    if kind != "email":
        made = _DIGITS.sub(DOTS, made)
    rest = text_kind(made)
    return made if rest is None or (rest == "email" and DOTS in made) else DOTS
