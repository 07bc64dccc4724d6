"""``kind: journey_group`` and ``kind: quiet_while``: journeys that want the same person at once."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from cdp.definitions.kind import Body, Fault, Kind, prose, yes_or_no
from cdp.definitions.message_limit import duration, then
from cdp.definitions.words import Use, Word
from cdp.journeys.groups import GIVE_WAY, STAY
from cdp.messaging.templates.names import CHANNELS

#: How long a message waits at most for its person to leave a journey, unless said otherwise.
WAIT = "7d"


def _journeys(least: int, about: str) -> fields.List[Any]:
    return fields.List(
        fields.String(validate=validate.Length(1, 60)),
        required=True,
        validate=validate.Length(least, 100, error="There must be {min} to {max} of them."),
        error_messages={"required": "Say which journeys."},
        metadata={"description": about},
    )


class JourneyGroupSchema(Schema):
    """A group of journeys, as its file has it."""

    description = prose("What it is for.")
    journeys = _journeys(
        2, "Keys of journeys, of which one person is in one; the first goes first."
    )
    then = fields.String(
        load_default=GIVE_WAY,
        validate=validate.OneOf((GIVE_WAY, STAY), error="It must be give_way or stay."),
        metadata={
            "description": "give_way: who is in a later journey leaves it for an earlier one; "
            "stay: they stay where they are"
        },
    )
    archived = yes_or_no("Kept and no longer in force.")


class QuietWhileSchema(Schema):
    """When other messages keep still, as its file has it."""

    description = prose("What it is for.")
    journeys = _journeys(1, "Keys of journeys; their own messages go.")
    channel = fields.String(
        validate=validate.OneOf(CHANNELS),
        metadata={"description": "Only messages of this channel keep still; all, if unset."},
    )
    topic = fields.String(
        validate=validate.Length(1, 60),
        metadata={"description": "Only messages about this topic keep still; all, if unset."},
    )
    then = then("defer")
    wait = fields.String(
        load_default=WAIT,
        validate=duration,
        metadata={"description": "How long a message waits at most, before it is dropped."},
    )
    archived = yes_or_no("Kept and no longer in force.")


def _wrong(body: Body) -> list[Fault]:
    named = body.get("journeys") or []
    twice = sorted({key for key in named if named.count(key) > 1})
    return [Fault("journeys", f"It names {key} more than once.") for key in twice]


def _refers(body: Body) -> tuple[Use, ...]:
    return tuple(Use(Word("journey", key), "journeys", 0, 0) for key in body.get("journeys") or ())


def _renamed(body: dict[str, Any], new: Any) -> None:
    words = [Word("journey", key) for key in body.get("journeys") or ()]
    body["journeys"] = [new.get(word, word).text for word in words]


def _kind(name: str, title: str, path: str, schema: type[Schema]) -> Kind:
    return Kind(
        name,
        title,
        path,
        schema,
        lambda key, body: (),
        (),
        refers=_refers,
        wrong=_wrong,
        scope="messages",
        renamed=_renamed,
    )


JOURNEY_GROUP = _kind("journey_group", "journey group", "journey-groups", JourneyGroupSchema)
QUIET_WHILE = _kind("quiet_while", "quiet while", "quiet-while", QuietWhileSchema)
