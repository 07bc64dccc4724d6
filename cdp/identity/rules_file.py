"""The file form of the identity rules (``kind: identity``), read and written.

```yaml
kind: identity
key: default
priority: [user_id, email]
limits:
  user_id: 1
  anonymous_id: { count: 20, per: week }
blocked: ["null", "-1"]
identifiers:
  loyalty_id: [traits.loyalty_id, properties.loyalty_id]
sources:
  kiosk: { ignore: [anonymous_id] }
```
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates

from cdp.identity.rules import DEFAULT, WINDOWS, Limit, Rules, compiled

_TYPE = validate.Regexp(
    r"^[a-z][a-z0-9_.]{0,99}$", error="A type is lower-case letters, digits, _ and ."
)
_REGION = "A country is two letters in upper case, such as PL or GB."
#: Where Segment looks for a custom identifier: by its name, in snake or camel case.
_PLACES = ("traits", "context.traits", "properties")
_ROOTS = {"traits", "properties", "context"}


class RulesError(ValueError):
    """Rules that can't be used; ``errors`` has the messages by field."""

    def __init__(self, errors: dict[str, Any]) -> None:
        self.errors = errors
        super().__init__("; ".join(_lines("", errors)))


def _lines(where: str, errors: Any) -> list[str]:
    if isinstance(errors, dict):
        return [
            line
            for name, inner in errors.items()
            for line in _lines(_within(where, str(name), inner), inner)
        ]
    return [f"{where}: {' '.join(str(text) for text in errors)}"]


def _within(where: str, name: str, inner: Any) -> str:
    if where and name in ("key", "value") and isinstance(inner, list):
        return where  # how marshmallow calls the two sides of an entry
    return f"{where}.{name}" if where else name


class LimitField(fields.Field[Limit]):
    """A number, or ``{count: 20, per: week}``."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Limit:
        count, per = value, "ever"
        if isinstance(value, dict):
            unknown = set(value) - {"count", "per"}
            if unknown:
                raise ValidationError(f"Unknown: {', '.join(sorted(map(str, unknown)))}.")
            count, per = value.get("count"), value.get("per", "ever")
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 1000:
            raise ValidationError("A limit is a whole number from 1 to 1000.")
        if per not in WINDOWS:
            raise ValidationError(f"per is one of {', '.join(WINDOWS)}.")
        return Limit(count, WINDOWS[per])


class BlockedSchema(Schema):
    """What is no identifier of one type."""

    values = fields.List(fields.String(), load_default=list)
    patterns = fields.List(fields.String(), load_default=list)

    @validates("patterns")
    def _patterns(self, value: list[str], **_: Any) -> None:
        _check_patterns(value)


class SourceSchema(Schema):
    """What may not be taken from a source."""

    ignore = fields.List(fields.String(validate=_TYPE), required=True)


class RulesSchema(Schema):
    """The rules as a file has them; what is left out stays as it is by default."""

    kind = fields.String(validate=validate.Equal("identity"))
    key = fields.String(validate=validate.Equal("default"))
    priority = fields.List(fields.String(validate=_TYPE))
    limits = fields.Dict(fields.String(validate=_TYPE), LimitField())
    default_limit = LimitField()
    unique = fields.List(
        fields.String(validate=_TYPE),
        metadata={"description": "Types of which a profile has one value ever."},
    )
    max_identifiers = fields.Integer(strict=True, validate=validate.Range(1, 10_000))
    max_merges = fields.Integer(strict=True, validate=validate.Range(0, 10_000))
    blocked = fields.List(fields.String())
    blocked_patterns = fields.List(fields.String())
    blocked_by_type = fields.Dict(fields.String(validate=_TYPE), fields.Nested(BlockedSchema))
    identifiers = fields.Dict(
        fields.String(validate=_TYPE), fields.List(fields.String(), allow_none=True)
    )
    sources = fields.Dict(fields.String(), fields.Nested(SourceSchema))
    alias_joins_user_ids = fields.Boolean()
    phone_region = fields.String(
        allow_none=True, validate=validate.Regexp(r"^[A-Z]{2}$", error=_REGION)
    )

    @validates("blocked_patterns")
    def _patterns(self, value: list[str], **_: Any) -> None:
        _check_patterns(value)

    @validates("identifiers")
    def _paths(self, value: dict[str, list[str] | None], **_: Any) -> None:
        for type_, paths in value.items():
            if type_ in ("user_id", "anonymous_id", "group_id"):
                raise ValidationError(f"{type_} has its own place in a message.")
            for path in paths or ():
                parts = path.split(".")
                if parts[0] not in _ROOTS or len(parts) < 2 or not all(parts):
                    raise ValidationError(
                        f"{path!r} is no path: write traits.…, properties.… or context.…"
                    )


def _check_patterns(patterns: list[str]) -> None:
    try:
        compiled(tuple(patterns))
    except ValueError as error:
        raise ValidationError(str(error)) from None


def check(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` if it can be used, else `RulesError` says what is wrong where."""
    from phonenumbers import SUPPORTED_REGIONS

    region = _load(data).get("phone_region")
    if region is not None and region not in SUPPORTED_REGIONS:
        raise RulesError({"phone_region": [f"{region} is no country. {_REGION}"]})
    return data


def parse(data: dict[str, Any], sources: dict[str, int]) -> Rules:
    """The rules of a file's ``data``; ``sources`` has the number of each source's key."""
    found = _load(data)
    limits = dict(found.get("limits", DEFAULT.limits))
    limits |= {type_: Limit(1) for type_ in found.get("unique", ())}
    by_type = found.get("blocked_by_type", {})
    return Rules(
        priority=tuple(found.get("priority", DEFAULT.priority)),
        limits=limits,
        default_limit=found.get("default_limit", DEFAULT.default_limit),
        max_ids=found.get("max_identifiers", DEFAULT.max_ids),
        max_merges=found.get("max_merges", DEFAULT.max_merges),
        blocked=frozenset(map(str.casefold, found.get("blocked", DEFAULT.blocked))),
        blocked_patterns=tuple(found.get("blocked_patterns", DEFAULT.blocked_patterns)),
        blocked_of={
            type_: frozenset(map(str.casefold, item["values"]))
            for type_, item in by_type.items()
            if item["values"]
        },
        blocked_patterns_of={
            type_: tuple(item["patterns"]) for type_, item in by_type.items() if item["patterns"]
        },
        custom=tuple(
            (type_, tuple(tuple(path.split(".")) for path in paths or _usual(type_)))
            for type_, paths in sorted(found.get("identifiers", {}).items())
        ),
        unread={
            sources[key]: frozenset(item["ignore"])
            for key, item in found.get("sources", {}).items()
            if key in sources
        },
        alias_joins_user_ids=found.get("alias_joins_user_ids", False),
        phone_region=found.get("phone_region"),
    )


def _load(data: dict[str, Any]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = RulesSchema().load(data)
    except ValidationError as error:
        raise RulesError(error.messages_dict) from None
    return found


def _usual(type_: str) -> list[str]:
    first, *rest = type_.split("_")
    camel = first + "".join(part.capitalize() for part in rest)
    return [f"{place}.{name}" for place in _PLACES for name in dict.fromkeys((type_, camel))]


def default_file() -> dict[str, Any]:
    """The rules of a space in which nobody has changed them, as a file has them."""
    return {
        "kind": "identity",
        "key": "default",
        "priority": list(DEFAULT.priority),
        "limits": {type_: limit.count for type_, limit in DEFAULT.limits.items()},
        "default_limit": DEFAULT.default_limit.count,
        "max_identifiers": DEFAULT.max_ids,
        "max_merges": DEFAULT.max_merges,
        "blocked": sorted(DEFAULT.blocked),
        "blocked_patterns": list(DEFAULT.blocked_patterns),
        "alias_joins_user_ids": DEFAULT.alias_joins_user_ids,
        "phone_region": DEFAULT.phone_region,
    }
