"""Settings of plugins: a marshmallow schema, and all that is derived from it."""

from __future__ import annotations

import os
import re
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields

MASK = "••••"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")  # what HTTP/1.1 carries
_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----\s*", re.DOTALL)


class SettingsError(ValueError):
    """Settings that a schema refuses; ``errors`` has the messages by field."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in errors.items()))


def secret(**more: Any) -> fields.String:
    """A text field that is never shown again."""
    metadata = {**more.pop("metadata", {}), "secret": True}
    return fields.String(metadata=metadata, **more)


class WordList(fields.List[str]):
    """A list of texts, or one text with commas between them."""

    def __init__(self, **more: Any) -> None:
        super().__init__(fields.String(), **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        return super()._deserialize(value, attr, data, **kwargs)


class Headers(fields.Dict):
    """HTTP headers: a mapping, or lines (or ``;``-separated pairs) of ``Name: value``."""

    def __init__(self, **more: Any) -> None:
        super().__init__(fields.String(), fields.String(), **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            pairs = {}
            for line in re.split(r"[\n;]", value):
                if line.strip():
                    name, colon, text = line.partition(":")
                    if not colon:
                        raise ValidationError(f"{line.strip()!r} is not Name: value")
                    pairs[name.strip()] = text.strip()
            value = pairs
        found = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        for name, text in found.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValidationError(f"{name!r} is no name of a header")
            if not _HEADER_VALUE.fullmatch(text):
                raise ValidationError(f"the value of {name} has characters that a header can't")
        return found


def pem(text: str) -> str:
    """PEM with the line breaks that a form or an environment took out of it."""

    def lines(found: re.Match[str]) -> str:
        label, body = found[1], found[2]
        if ":" not in body:
            plain = re.sub(r"\s+", "", body)
            rows = [plain[at : at + 64] for at in range(0, len(plain), 64)]
            body = "\n".join(["", *rows, ""])
        return f"-----BEGIN {label}-----{body}-----END {label}-----\n"

    return _PEM.sub(lines, text.replace("\\n", "\n"))


def validate(schema: type[Schema], values: dict[str, Any]) -> dict[str, Any]:
    """``values`` checked and with defaults; `SettingsError` names each wrong field."""
    try:
        loaded: dict[str, Any] = schema().load(resolve_env(values))
    except ValidationError as error:
        raise SettingsError(_flatten(error.messages_dict)) from None
    return loaded


def resolve_env(values: Any) -> Any:
    """Put the environment's values in for ``${env:NAME}``."""
    if isinstance(values, str):
        return _ENV.sub(lambda found: os.environ.get(found[1], ""), values)
    if isinstance(values, dict):
        return {key: resolve_env(value) for key, value in values.items()}
    if isinstance(values, list):
        return [resolve_env(value) for value in values]
    return values


def mask(schema: type[Schema], values: dict[str, Any]) -> dict[str, Any]:
    """``values`` as they may be shown: secrets hidden, references to them not."""
    hidden = {name for name, f in schema().fields.items() if f.metadata.get("secret")}

    def cover(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: cover(item) for key, item in value.items()}
        if isinstance(value, str) and _ENV.fullmatch(value):
            return value
        return MASK if value else value

    return {key: cover(value) if key in hidden else value for key, value in values.items()}


def unmask(new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    """``new`` with the old secret wherever the mask came back from a form."""
    kept: dict[str, Any] = {}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            kept[key] = unmask(value, before)
        else:
            kept[key] = before if value == MASK else value
    return kept


def describe(schema: type[Schema]) -> list[dict[str, Any]]:
    """One row a field, for forms, prompts and docs.

    ``only`` (from a field's metadata) says of which choices of another field it is a part:
    ``{"provider": ["smtp"]}``; a form needn't show it for the others. ``needed``: those
    can't do without. What has ``last`` in its metadata comes after the others.
    """
    rows = []
    in_order = sorted(schema().fields.items(), key=lambda pair: "last" in pair[1].metadata)
    for name, item in in_order:
        choices = next((v.choices for v in item.validators if hasattr(v, "choices")), None)
        default = None if item.required else item.load_default
        rows.append(
            {
                "name": name,
                "label": item.metadata.get("label", name.replace("_", " ").capitalize()),
                "type": _kind(item),
                "required": item.required,
                "help": item.metadata.get("help", ""),
                "secret": bool(item.metadata.get("secret")),
                "choices": list(choices) if choices else None,
                "only": item.metadata.get("only", {}),
                "needed": item.required or bool(item.metadata.get("needed")),
                "default": None if callable(default) or "missing" in repr(default) else default,
            }
        )
    return rows


def _kind(item: Any) -> str:
    for type_, name in (
        (fields.Boolean, "boolean"),
        (fields.Integer, "integer"),
        (fields.Float, "number"),
        (fields.List, "list"),
        (fields.Dict, "map"),
        (fields.Url, "url"),
    ):
        if isinstance(item, type_):
            return name
    return "text"


def _flatten(messages: Any, prefix: str = "") -> dict[str, list[str]]:
    flat: dict[str, list[str]] = {}
    for key, value in messages.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat.update(_flatten(value, f"{name}."))
        else:
            flat[name] = [str(text) for text in value]
    return flat


class SettingsSchema(Schema):
    """The base of settings: unknown keys are refused with their names."""


__all__ = [
    "EXCLUDE", "MASK", "Headers", "SettingsError", "SettingsSchema", "WordList", "describe",
    "mask", "pem", "resolve_env", "secret", "unmask", "validate",
]  # fmt: skip
