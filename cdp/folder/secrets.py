"""Secrets in files: they are ``${env:NAME}``, and read when the files are applied."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from cdp.plugin.settings import MASK

_REFERENCE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")

__all__ = ["MASK", "Secret", "found_in", "is_reference", "name_for", "referred_to", "words_for"]


class Secret(NamedTuple):
    """What a place that holds a secret is to hold; ``trouble`` says why that is not known."""

    value: Any
    trouble: str | None = None


def is_reference(value: Any) -> bool:
    """Whether it is ``${env:NAME}`` and nothing else."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def found_in(written: Any, stored: Any, environ: Mapping[str, str] | None) -> Secret:
    """The secret that a file means, beside what the store has.

    The stored one stays where the variable is not set, where the file shows the mask, and
    where the very reference is stored: that one is read at each delivery.
    """
    if written == MASK:
        return Secret(stored, None if stored is not None else "there is no secret yet to keep")
    found = _REFERENCE.fullmatch(written) if isinstance(written, str) else None
    if found is None or written == stored:
        return Secret(written)
    if environ is None:
        return Secret(stored if stored is not None else written)
    value = environ.get(found[1])
    if value:
        return Secret(value)
    if stored is not None:
        return Secret(stored)
    return Secret(None, f"{found[1]} is not set in the environment")


def referred_to(value: Any) -> Iterator[str]:
    """The variables that a setting is stored with."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from referred_to(item)
    elif isinstance(value, str) and (found := _REFERENCE.fullmatch(value)):
        yield found[1]


def words_for(keys: Iterable[str]) -> dict[str, str]:
    """With what the variables of each key begin: the key, and more where keys look alike.

    What is added comes from the key alone: files keep their variables whatever they are
    called now, so that a name that one key had must never become another's.
    """
    keys = list(keys)
    alike = Counter(name_for(key) for key in keys)
    return {key: key if alike[name_for(key)] == 1 else f"{key}_{_mark(key)}" for key in keys}


def _mark(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:4]


def name_for(*words: str) -> str:
    """The variable that a pulled secret is called by."""
    name = re.sub(r"[^A-Z0-9]+", "_", "_".join(words).upper()).strip("_")
    return f"_{name}" if not name or name[0].isdigit() else name
