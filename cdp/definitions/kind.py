"""What a kind of definition is, and how a body of one is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from cdp.conditions import ConditionError, Context, explain, format_text
from cdp.conditions.errors import nearest_or_all
from cdp.conditions.formatter import WIDTH
from cdp.conditions.limits import MAX_CHARS
from cdp.conditions.prose import explain_value
from cdp.definitions.words import Use, Word, parsed, reworded, words

Body: TypeAlias = Mapping[str, Any]
#: The kind and key of a definition.
Id: TypeAlias = tuple[str, str]

KEY = re.compile(r"[a-z][a-z0-9_]{0,59}")
KEY_TEXT = "A key is small letters, digits and _, 60 at most, a letter first."
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Fault(NamedTuple):
    """Something wrong with a definition; line and column are those in the field's text."""

    field: str
    text: str
    line: int | None = None
    column: int | None = None

    @property
    def located(self) -> str:
        """The text with its place before it."""
        if self.line is None:
            return self.text
        return f"line {self.line}, column {self.column}: {self.text}"


class DefinitionError(ValueError):
    """A definition that is not taken; ``faults`` has all that is wrong with it."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{f.field}: {f.located}" for f in faults))

    @property
    def fields(self) -> dict[str, list[str]]:
        """The texts by field."""
        found: dict[str, list[str]] = {}
        for fault in self.faults:
            found.setdefault(fault.field, []).append(fault.located)
        return found


class Draft(NamedTuple):
    """A body that could be read: as it will be kept, and as it was given."""

    body: dict[str, Any]
    given: Body


class Text(NamedTuple):
    """A field that holds a condition, or an expression for any value.

    ``event``: it is asked of messages of this event alone. ``is_call``: it is asked of what
    a call brings.
    """

    field: str
    context: Context
    is_value: bool = False
    event: str | None = None
    is_call: bool = False


class Said(NamedTuple):
    """A condition that a body says, and how it is written."""

    text: Text
    written: str


@dataclass(frozen=True)
class Kind:
    """A kind of definition. ``plural`` is its address and ``title`` what people call it."""

    name: str
    title: str
    plural: str
    schema: type[Schema]
    #: Its names for conditions.
    gives: Callable[[str, Body], tuple[Word, ...]]
    texts: tuple[Text, ...]
    #: What it refers to beside its texts.
    refers: Callable[[Body], tuple[Use, ...]] = lambda body: ()
    #: The event that the messages of its texts are, if that is known.
    event: Callable[[Body], str | None] = lambda body: None
    #: What is wrong with a text's tree, beyond what the language says.
    refuses: Callable[[Text, Any], str | None] = lambda text, root: None
    #: What is wrong with a body beyond what its schema says.
    wrong: Callable[[Body], list[Fault]] = lambda body: []
    #: Leaves out of a body what goes without saying.
    canonical: Callable[[dict[str, Any]], None] = lambda body: None
    #: What is wrong with it beside all others.
    whole: Callable[[Id, Mapping[Id, Body]], list[Fault]] = lambda id_, bodies: []
    #: Fields whose text may stand in a file of its own.
    beside: tuple[str, ...] = ()
    #: Which part of a token's scopes is about it.
    scope: str = "audiences"
    #: What it says deeper in its fields.
    within: Callable[[Body], tuple[Said, ...]] = lambda body: ()
    #: Bodies are kept as they are written: what is left out stays out, what is said is kept.
    as_written: bool = False
    #: A body with other words, beyond those in its texts.
    renamed: Callable[[dict[str, Any], Mapping[Word, Word]], None] = lambda body, new: None

    @property
    def defaults(self) -> dict[str, Any]:
        """What a field that is left out stands for."""
        return {
            name: field.load_default
            for name, field in self.schema().fields.items()
            if isinstance(field.load_default, str | bool)
        }

    def read(self, key: str, given: Body) -> Draft:
        """The body as it is kept; `DefinitionError` with all that is wrong."""
        faults = [] if KEY.fullmatch(key) else [Fault("key", KEY_TEXT)]
        loaded: dict[str, Any] = {}
        try:
            loaded = self.schema(unknown=RAISE).load(dict(given))
        except ValidationError as error:
            faults += list(self._faults(error.messages_dict))
            valid = error.valid_data
            loaded = dict(valid) if isinstance(valid, dict) else {}
        for text in self.texts:
            written = loaded.get(text.field)
            if isinstance(written, str) and not any(f.field == text.field for f in faults):
                fault, loaded[text.field] = self._canonical(text, written)
                faults += [fault] if fault else []
        if not faults:
            faults = self.wrong(loaded)
        if faults:
            raise DefinitionError(faults)
        self.canonical(loaded)
        default = self.defaults
        order = self.schema().fields
        body = {
            name: loaded[name]
            for name in order
            if loaded.get(name) not in (None, [], {}) and loaded[name] != default.get(name)
        }
        return Draft(
            body, {**body, **{t.field: given[t.field] for t in self.texts if t.field in body}}
        )

    def _canonical(self, text: Text, written: str) -> tuple[Fault | None, str]:
        try:
            root = parsed(written).root
        except ConditionError as error:
            return Fault(text.field, error.text, error.line, error.column), written
        trouble = self.refuses(text, root)
        canonical = format_text(root)
        if len(canonical) > MAX_CHARS:
            trouble = f"written out it has more than {MAX_CHARS:,} characters"
        return (Fault(text.field, trouble, 1, 1) if trouble else None), canonical

    def _faults(self, messages: Mapping[str, Any]) -> Iterator[Fault]:
        names = self.schema().fields
        for field, texts in messages.items():
            if field not in names and field != "_schema":
                hint = nearest_or_all(str(field), names)
                yield Fault(str(field), f"{self.article} has no such field. {hint}")
                continue
            for text in texts if isinstance(texts, list) else [str(texts)]:
                yield Fault("" if field == "_schema" else field, str(text))

    @property
    def article(self) -> str:
        """The title with a or an before it."""
        return f"{'an' if self.title[0] in 'aeiou' else 'a'} {self.title}"

    def uses(self, body: Body) -> list[Use]:
        """All words that a body says."""
        found = list(self.refers(body))
        for text, written in self.said(body):
            found += words(written, text.context, text.field)
        return found

    def said(self, body: Body) -> list[Said]:
        """All conditions and expressions of a body."""
        own = [Said(text, body[text.field]) for text in self.texts if text.field in body]
        return [*own, *self.within(body)]

    def rename(self, body: Body, new: Mapping[Word, Word]) -> dict[str, Any]:
        """The body with other words in the places of some."""
        found = dict(body)
        for text in self.texts:
            if text.field in body:
                root = parsed(body[text.field]).root
                found[text.field] = format_text(reworded(root, text.context, new))
        self.renamed(found, new)
        return found

    def spread(self, body: Body) -> dict[str, Any]:
        """The body with its conditions in lines, as files have them."""
        found = dict(body)
        for text in self.texts:
            if text.field in body:
                with suppress(ConditionError):  # what can't be read stays as it was written
                    found[text.field] = format_text(parsed(body[text.field]).root, WIDTH)
        return found

    def prose(self, body: Body) -> str | None:
        """Its first condition in plain English, or why that can't be read; None without one."""
        text = next((text for text in self.texts if text.field in body), None)
        if text is None:
            return None
        try:
            root = parsed(body[text.field]).root
            return explain_value(root) if text.is_value else explain(root)
        except ConditionError as error:
            return f"can't be read: {error.located}"


def title_of(key: str, body: Body) -> str:
    """What people call it; made of the key where no name was given."""
    name: str = body.get("name") or key.replace("_", " ").capitalize()
    return name


def printable(value: str) -> None:
    """Refuse what no screen shows and no database holds."""
    if _UNPRINTABLE.search(value):
        raise ValidationError("It must not hold control characters.")


def line(**more: Any) -> fields.String:
    """A field of one line of text."""

    def one(value: str) -> None:
        if "\n" in value or value != value.strip():
            raise ValidationError("It must be one line, without blanks around it.")

    return fields.String(validate=[validate.Length(1, 100), printable, one], **more)


def prose(about: str) -> fields.String:
    """A field for as much as people want to write."""
    return fields.String(
        load_default="",
        validate=[validate.Length(max=5000), printable],
        metadata={"description": about},
    )


def yes_or_no(about: str) -> fields.Boolean:
    """A field that is false unless said otherwise."""
    return fields.Boolean(
        load_default=False, truthy={True}, falsy={False}, metadata={"description": about}
    )


def of_whom() -> fields.String:
    """People, or accounts."""
    return fields.String(
        load_default="people",
        validate=validate.OneOf(("people", "accounts"), error="It must be people or accounts."),
        metadata={"description": "people or accounts"},
    )
