"""``kind: computed_trait``: a trait whose value is worked out of somebody's history."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from cdp.conditions import ConditionError, Context
from cdp.conditions.ast import MEASURED, Aggregate, Call, Path
from cdp.conditions.durations import parse_duration
from cdp.definitions.kind import (
    KEY,
    KEY_TEXT,
    Body,
    Kind,
    Text,
    line,
    of_whom,
    printable,
    prose,
)
from cdp.definitions.own_sql import MAX_SQL, SqlError, checked
from cdp.definitions.sending import SendTo, check_ways
from cdp.definitions.words import Word, parsed
from cdp.protocols.shapes import path_key

#: How often a query may be asked (ms), and how often it is if nothing is said.
LEAST_MS, DAILY = 300_000, "1d"
#: A warehouse that failed is asked again after so long, if not sooner.
RETRY_MS = 3_600_000


def _is_name(text: str) -> None:
    if not KEY.fullmatch(text):
        raise ValidationError(KEY_TEXT)


def _is_read(text: str) -> None:
    read_of(text)


def _how_often(text: str) -> None:
    ms = parse_duration(text)
    if ms is None or ms < LEAST_MS:
        raise ValidationError("Say how often, such as 6h or 1d; every 5 minutes at most.")


class ComputedTraitSchema(Schema):
    """A computed trait, as its file has it."""

    name = line(metadata={"description": "What people call it; made of the key if unset."})
    description = prose("What it is for.")
    of = of_whom()
    value = fields.String(
        metadata={"description": "An aggregate, a path or a function, asked of a person."},
    )
    sql = fields.String(
        validate=[validate.Length(1, MAX_SQL), printable],
        metadata={
            "description": "Instead of `value`: a query that returns whom (`profile_id`, or a "
            "column called as an identifier is) and a `value`."
        },
    )
    every = fields.String(
        load_default=DAILY,
        validate=_how_often,
        metadata={"description": "How often the query is asked."},
    )
    warehouse = fields.String(
        validate=_is_name,
        metadata={
            "description": "The database that the query asks, by its name in the settings; "
            "Headwater's own store if unset."
        },
    )
    reads = fields.List(
        fields.String(validate=_is_read),
        validate=validate.Length(max=50),
        metadata={
            "description": "What the query reads of traits and events: `traits.plan`, "
            '`properties.total of "Order Completed"`.'
        },
    )
    send_to = SendTo()

    @validates_schema(skip_on_field_errors=False)
    def _is_query(self, data: dict[str, Any], **_: Any) -> None:
        try:
            if "sql" in data:
                checked(data["sql"], outside="warehouse" in data)
        except SqlError as error:
            said = str(error)
            raise ValidationError(f"{said[:1].upper()}{said[1:]}.", "sql") from None

    @validates_schema
    def _one_of_two(self, data: dict[str, Any], **_: Any) -> None:
        if "sql" in data and "value" in data:
            raise ValidationError("It is worth a value, or what a query returns: not both.", "sql")
        if "sql" not in data and "value" not in data:
            raise ValidationError(
                'Say what it is worth, such as count("Order Completed").', "value"
            )
        if "warehouse" in data and data.get("reads"):
            raise ValidationError("It goes with a query of Headwater's own store.", "reads")
        for name in ("every", "reads", "warehouse"):
            if "sql" not in data and data.get(name) not in (None, [], DAILY):
                raise ValidationError("It goes with a query in SQL.", name)
        check_ways(data)


def rest_of(body: Body, failed: bool) -> int:
    """How long (ms) the query rests after it was asked."""
    every = parse_duration(body.get("every", DAILY)) or 0
    return min(every, RETRY_MS) if failed and "warehouse" in body else every


class Read(NamedTuple):
    """What a query reads: a path of an event's messages, or with event None of traits."""

    event: str | None
    path: tuple[str, ...]


def read_of(text: str) -> Read:
    """``traits.plan`` or ``properties.total of "Order"``; `ValidationError` for all else."""
    trouble = f'{text} is neither like traits.plan nor like properties.total of "Order Completed".'
    try:
        root: Any = parsed(text if text.startswith("traits.") else f"last({text})").root
    except ConditionError:
        raise ValidationError(trouble) from None
    if isinstance(root, Path) and root.parts[0] == "traits":
        return Read(None, root.parts[1:])
    plain = isinstance(root, Aggregate) and root.of is not None and root.window is None
    if not plain or root.event.where is not None or root.of.parts[0] == "person":
        raise ValidationError(trouble)
    return Read(root.event.name, root.of.parts)


def worth(key: str, body: Body) -> Any:
    """The tree of what it is worth; of a query's a path that stands for what it returned."""
    return Path((MEASURED, key)) if "sql" in body else parsed(body["value"]).root


#: Functions of which the result says nothing of what they were given.
_TELL_NOTHING = frozenset(
    {
        "length", "typeof", "contains", "starts_with", "ends_with", "match", "regex", "semver",
        "ratio", "bool", "audience", "subscribed", "has_device",
    }
)  # fmt: skip
_QUOTED = re.compile(r"'([^']+)'")
#: What names somebody in the views that queries read.
_NAMES_SOMEBODY = re.compile(r"\b(identifiers|name)\b", re.IGNORECASE)
#: A field that always says who somebody is.
IDENTIFIER = "traits.user_id"


def hands_on(body: Body) -> set[str]:
    """The fields of which its value may tell a value, as ``traits.email`` or ``properties.city``.

    Of a query those that it names, of a warehouse's whom it is about; a count, a length or
    a yes or no tells none.
    """
    if "warehouse" in body:
        return {IDENTIFIER}  # nobody here knows what its columns hold
    if "sql" in body:
        text = str(body["sql"])
        named = {word if "." in word else f"traits.{word}" for word in _QUOTED.findall(text)}
        return named | ({IDENTIFIER} if _NAMES_SOMEBODY.search(text) else set())
    try:
        return set(_handed(parsed(body.get("value", "")).root))
    except ConditionError:
        return set()


def _handed(node: Any) -> Iterator[str]:
    if isinstance(node, Aggregate):
        if node.of is not None and node.fn != "count":
            yield from _handed(node.of)
    elif isinstance(node, Call):
        if node.name not in _TELL_NOTHING:
            for item in node.args:
                yield from _handed(item)
    elif isinstance(node, Path):
        parts = node.parts[1:] if node.parts[0] == "person" else node.parts
        if parts[:2] == ("account", "traits"):
            parts = ("account", *parts[2:])
        known = parts[0] in ("traits", "account", "properties", "context") and len(parts) > 1
        yield ".".join(map(path_key, parts)) if known else IDENTIFIER


def _refuses(text: Text, root: Any) -> str | None:
    if isinstance(root, Aggregate | Path | Call):
        return None
    return (
        "a computed trait is worth an aggregate, a path or a function; "
        "a yes or no about somebody is an audience"
    )


COMPUTED_TRAIT = Kind(
    "computed_trait",
    "computed trait",
    "computed-traits",
    ComputedTraitSchema,
    lambda key, body: (Word("trait", key),),
    (Text("value", Context.PERSON, is_value=True),),
    refuses=_refuses,
)
