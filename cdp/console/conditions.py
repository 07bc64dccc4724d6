"""Conditions as forms show them: the text, and beside it what it says or what is wrong."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from cdp.conditions import ConditionError, read_filter
from cdp.console.context import console
from cdp.store.catalogue.names import names_for


class Told(NamedTuple):
    """What is said of a text: prose, what is wrong, and what looks wrong."""

    prose: str = ""
    wrong: str = ""
    warnings: tuple[str, ...] = ()


def told(text: str) -> Told:
    """What a filter says; nothing of a blank one."""
    try:
        with console().store.read() as tx:
            condition = read_filter(text, partial(names_for, tx))
    except ConditionError as error:
        return Told(wrong=as_sentence(error.located))
    if condition is None:
        return Told()
    warnings = tuple(as_sentence(warning.text) for warning in condition.warnings)
    return Told(f"{condition.prose}.", "", warnings)


def as_sentence(text: str) -> str:
    """With a capital at its beginning, unless that is a key, and a full stop."""
    # A key stays as it is written: welcome_1 has no topic.
    if "_" not in text.partition(" ")[0]:
        text = f"{text[:1].upper()}{text[1:]}"
    return text if text.endswith((".", "?")) else f"{text}."
