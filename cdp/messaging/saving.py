"""What of a webhook's answer is kept: as the person's traits, and in the event that tells of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cdp.events import format_time
from cdp.messaging.choices import who_of

#: Traits of one answer at most; characters of a text; bytes of JSON in an event.
MAX_TRAITS, MAX_TEXT, MAX_JSON = 50, 2000, 16_384
#: Headers of an answer that events carry.
HEADERS = ("content-type", "date", "etag", "location", "retry-after", "x-request-id")
_BRACES = re.compile(r"\{\{-?\s*response\.(.+?)\s*-?\}\}")
_PATH = re.compile(r"(status|body|headers\.[a-z0-9-]+|json(\.[^.\[\]{}|]+|\[\d{1,4}\])*)")
_PIECE = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_NOTHING = object()


def saves_of(template: Mapping[str, Any]) -> Mapping[str, str]:
    """Trait → path of a template's ``save_response``."""
    found: Mapping[str, str] = (template.get("save_response") or {}).get("traits") or {}
    return found


def faults(saves: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(trait, what is wrong) of what can't be saved."""
    for trait, path in saves.items():
        if not trait or len(trait) > 200:
            yield trait[:60], "a trait has a name of 1 to 200 characters"
        elif not _PATH.fullmatch(_plain(path)):
            yield trait, ("say a path such as json.plan.name, json.items[0].id, status, "
                          "headers.etag or body")  # fmt: skip


def saved(saves: Mapping[str, str], response: Mapping[str, Any]) -> dict[str, Any]:
    """The traits that an answer gives; what it doesn't have, or is too large, is not among them."""
    found = {trait: _at(_plain(path), response) for trait, path in saves.items()}
    return {trait: value for trait, value in found.items() if _fits(value)}


def shortened(response: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as an event carries it: its status, some headers, and what fits of its body."""
    headers = response.get("headers") or {}
    kept: dict[str, Any] = {
        "status": response.get("status"),
        "headers": {name: headers[name] for name in HEADERS if name in headers},
    }
    if "json" in response and len(json.dumps(response["json"])) <= MAX_JSON:
        kept["json"] = response["json"]
    elif response.get("body"):
        text = str(response["body"])
        kept["body"] = text[:MAX_TEXT]
        if len(text) > MAX_TEXT or response.get("cut"):
            kept["cut"] = True
    return kept


def call_of(
    traits: Mapping[str, Any], delivery: str, at: int, person: Mapping[str, str]
) -> dict[str, Any] | None:
    """The identify call that keeps ``traits``; None if nothing is kept, or nobody is named."""
    who = who_of(person)
    if not traits or who is None:
        return None
    return {
        "type": "identify",
        "messageId": f"{delivery}:saved:{at}"[:100],
        "timestamp": format_time(at),
        "traits": dict(traits),
        **who,
    }


def _fits(value: Any) -> bool:
    return value is not _NOTHING and len(json.dumps(value)) <= MAX_JSON


def _plain(path: str) -> str:
    """``{{ response.json.plan }}``, as people know it from Liquid, is ``json.plan``."""
    inside = _BRACES.fullmatch(path.strip())
    return inside[1] if inside else path.strip()


def _at(path: str, response: Mapping[str, Any]) -> Any:
    first, rest = re.match(r"(\w+)(.*)", path, re.DOTALL).groups()  # type: ignore[union-attr]
    if first == "headers":
        return (response.get("headers") or {}).get(rest[1:], _NOTHING)
    value = response.get(first, _NOTHING)
    if first == "body" and isinstance(value, str):
        return value[:MAX_TEXT]
    for name, index in _PIECE.findall(rest):
        if index:
            place = int(index)
            fits = isinstance(value, list) and place < len(value)
            value = value[place] if fits else _NOTHING
        else:
            value = value.get(name, _NOTHING) if isinstance(value, dict) else _NOTHING
    return value
