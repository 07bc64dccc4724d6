"""Kinds of destinations as forms need them, from the plugins' settings schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cdp.store.config_rows import Destination


class Field(NamedTuple):
    """A setting as a form shows it; ``type`` is text integer number boolean object list."""

    name: str
    label: str
    type: str
    required: bool
    secret: bool
    default: Any
    help: str
    choices: tuple[Any, ...]
    hint: str


class Kind(NamedTuple):
    """A kind of destination."""

    key: str
    name: str
    description: str
    fields: list[Field]


class Tested(NamedTuple):
    """What a test showed; ``exchange`` is {request, response}."""

    ok: bool
    text: str
    exchange: dict[str, Any] | None


def kinds() -> list[Kind]:
    """Every kind that the loaded plugins offer, by name."""
    return []


def kind(key: str) -> Kind | None:
    """The kind of that key."""
    return next((kind for kind in kinds() if kind.key == key), None)


def read_form(
    kind: Kind, form: Mapping[str, str], old: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    return {}, {}


def shown(kind: Kind | None, settings: dict[str, Any]) -> dict[str, Any]:
    return {}


def typed(kind: Kind, form: Mapping[str, str]) -> dict[str, Any]:
    return {}


def test(kind: Kind, destination: Destination) -> Tested:
    return Tested(True, "", None)
