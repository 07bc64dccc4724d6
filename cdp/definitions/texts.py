"""The texts of templates, layouts and snippets: their Liquid, and the snippets that they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cdp.definitions.kind import Body, Fault
from cdp.definitions.words import Use, Word
from cdp.messaging.templates import Trouble, names


def plainly(body: dict[str, Any]) -> None:
    """Leave out a format that is seen from the body."""
    for part in (body, *(body.get("locales") or {}).values()):
        text, said = part.get("body"), part.get("format")
        if said and (text is None or names.format_of(text, None) == said):
            del part["format"]


def liquid_faults(field: str, text: str) -> list[Fault]:
    """What is wrong with the Liquid in a text."""
    from cdp.messaging.templates.language import troubles
    from cdp.messaging.templates.snippets import without

    return [fault_of(trouble) for trouble in troubles(field, without(text))]


def fault_of(trouble: Trouble) -> Fault:
    return Fault(*trouble)


def texts_of(body: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """All texts of a body that may have Liquid in them, with their fields."""
    if isinstance(body, str):
        yield field, body
    elif isinstance(body, Mapping):
        for name, item in body.items():
            yield from texts_of(item, f"{field}.{name}" if field else name)
    elif isinstance(body, list):
        for item in body:
            yield from texts_of(item, field)


def snippet_uses(body: Body) -> Iterator[Use]:
    """The snippets that a body says."""
    from cdp.messaging.templates.snippets import mentions

    for field, text in texts_of(body):
        if "snippets" in text or "render" in text or "include" in text:
            for mention in mentions(text):
                yield Use(Word("snippet", mention.key), field, mention.line, mention.column)


def rename_snippets(body: dict[str, Any], new: Mapping[Word, Word]) -> None:
    """Call snippets otherwise in all texts of a body."""
    from cdp.messaging.templates.snippets import renamed

    swaps = [(old.text, other.text) for old, other in new.items() if old.of == "snippet"]

    def changed(value: Any) -> Any:
        if isinstance(value, str):
            for old, other in swaps:
                value = renamed(value, old, other)
            return value
        if isinstance(value, dict):
            return {name: changed(item) for name, item in value.items()}
        return [changed(item) for item in value] if isinstance(value, list) else value

    if swaps:
        body.update(changed(body))
