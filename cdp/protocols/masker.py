"""Masking JSON: a walk through whatever an answer or a page is made of.

What is known to say something of a person (an identifier, a name, a personal trait or property) is
masked where it stands; and wherever else one of these values stands in a text of the same answer,
it is masked there as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cdp.events.message import TYPES
from cdp.identity.objects import ACCOUNT_TYPE, NoObject, type_key
from cdp.protocols.classes import Classes, root_of
from cdp.protocols.masks import DOTS, masked, masked_text
from cdp.protocols.shapes import path_key

#: Of a message, and of the story of a profile: what names somebody.
_IDS = frozenset({"userId", "anonymousId", "groupId", "previousId", "objectId", "object_id"})
_NAMED = frozenset(
    {"identifiers", "known_by", "added", "by", "founded_by", "identifier", "taken", "from"}
)
#: What has one of these keys is somebody, and what they are called is in one of those.
_SOMEBODY = frozenset({"identifiers", "ids", "traits", "userId", "user_id", "email"})
_CALLED = ("name", "label")
_SECRETS = frozenset({"writeKey", "write_key"})
_PARTS = ("traits", "properties", "context")
#: Values shorter than this are masked where they stand for themselves, but not within a text.
_WITHIN = 4
_NUMBER = 1_000_000

_ANSWER = re.compile(r"(?s)(the answer was \d+): .*", re.IGNORECASE)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”")
_HOST = re.compile(r"^(\S+ )?(https?://[^/?#\s]+).*", re.DOTALL)


class Masker:
    """Masks the values of one answer.

    ``roots`` are what fields of the profiles of each collection begin with, ``root`` those of
    traits of which nothing more is said.
    """

    def __init__(
        self, classes: Classes, roots: Mapping[int, str] | None = None, root: str = "traits"
    ) -> None:
        self.classes, self.roots, self.root = classes, roots or {}, root
        self._hidden: dict[str, str] = {}

    def seen(self, value: Any) -> Any:
        """A whole answer, as it may be seen."""
        return self.swept(self.value(value))

    def swept(self, value: Any) -> Any:
        """``value`` without what was masked elsewhere in the same answer: the second pass."""
        within = sorted((t for t in self._hidden if len(t) >= _WITHIN), key=len, reverse=True)
        pattern = "|".join(map(re.escape, within))
        finder = re.compile(rf"(?<![0-9A-Za-z])(?:{pattern})(?![0-9A-Za-z])") if within else None
        return self._swept(value, finder)

    # -- by shape ---------------------------------------------------------------------

    def value(self, value: Any, steps: tuple[str, ...] = ()) -> Any:
        """``value`` as it may be seen; ``steps`` lead to it within a JSON value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return b""
        if isinstance(value, dict):
            if _is_message(value):
                return self.message(value)
            found = {key: self.item(key, item, (*steps, str(key))) for key, item in value.items()}
            if not _SOMEBODY.isdisjoint(value) and "message_id" not in value:
                named = (key for key in _CALLED if isinstance(value.get(key), str))
                found.update({key: self.hide(value[key], "name") for key in named})
            if "clause" in value:  # what a part of a condition came to
                found["value"] = self.shape(value.get("value"))
            return found
        if isinstance(value, list | tuple | set | frozenset):
            return type(value)(self.value(item, steps) for item in value)
        return value

    def item(self, key: Any, value: Any, steps: tuple[str, ...]) -> Any:
        """What an object has under ``key``."""
        if key in _NAMED and isinstance(value, str | list):
            return self.words(value)
        if key == "exchange" and isinstance(value, dict):
            return self.exchange(value)
        if isinstance(value, list):
            return [self.item(None, item, steps) for item in value]
        if isinstance(value, str):
            if key in _IDS or key in _SECRETS:
                return self.hide(value)
            if key == "note":  # what somebody wrote of a person, in their own words
                return DOTS
            kind = self._kind(steps, value)
            return self.hide(value, kind) if kind is not None else self.text(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            # A short one by itself is a count of ours.
            if len(steps) == 1 and abs(value) < _NUMBER:
                return value
            return DOTS if self._kind(steps, value) is not None else value
        return self.value(value, steps)

    def hide(self, value: Any, kind: str | None = None) -> str:
        """The mask of ``value``, which is masked wherever else it stands on the page."""
        made = masked(value, kind)
        if isinstance(value, str) and value and made != value:
            self._hidden[value] = made
        return made

    def text(self, text: str) -> str:
        """A text of ours, or of a provider, without what looks personal."""
        return masked_text(_ANSWER.sub(rf"\1: {DOTS}", text))

    def quoted(self, text: str) -> str:
        """A text of ours without what it quotes."""
        return self.text(_QUOTED.sub(f"'{DOTS}'", text))

    def words(self, value: Any) -> Any:
        """Identifiers as ``type:value``, in whatever lists and objects."""
        if isinstance(value, list):
            return [self.words(item) for item in value]
        if isinstance(value, dict):
            return {key: self.words(item) for key, item in value.items()}
        if not isinstance(value, str) or ":" not in value:
            return self.value(value)
        type_, _, text = value.partition(":")
        return f"{type_}:{self.hide(text)}"

    def _kind(self, steps: Iterable[str], value: Any) -> str | None:
        """The kind of personal data at ``steps`` in a JSON value whose parts may be anywhere."""
        path = [path_key(step) for step in steps]
        at = next((n for n, step in enumerate(path) if step in _PARTS), None)
        return self.classes.kind(".".join(path if at is None else path[at:]) or "_", value)

    def trait(self, name: str, value: Any, root: str | None = None) -> Any:
        """The value of a trait; ``root`` is that of whose it is."""
        return self.json(value, f"{root or self.root}.{path_key(name)}")

    # -- messages, traits, people -----------------------------------------------------

    def message(self, body: dict[str, Any]) -> dict[str, Any]:
        """A message as it was sent."""
        own = {body[key] for key in _IDS if isinstance(body.get(key), str)}
        for value in own:
            self.hide(value)
        found: dict[str, Any] = {}
        for key, value in body.items():
            if key in _IDS or key in _SECRETS:
                found[key] = self.hide(value) if isinstance(value, str) else value and DOTS
            elif key in _PARTS:
                root = _root_of_part(body, key)
                found[key] = self.json(value, root)
            else:
                found[key] = self.item(key, value, (key,))
        made: dict[str, Any] = _without(found, own, self)
        return made

    def json(self, value: Any, field: str) -> Any:
        """A JSON value under the name of a field."""
        if isinstance(value, dict):
            made: dict[str, Any] = {}
            for name, item in value.items():
                key, path = masked_text(name), f"{field}.{path_key(name)}"
                if field == "context" and key == "traits" and isinstance(item, dict):
                    # They are the person's, whatever call carries them.
                    made[key] = {k: self._both(v, path, k) for k, v in item.items()}
                elif field.endswith(".externalIds") and key == "id":
                    made[key] = self.hide(item)
                else:
                    made[key] = self.json(item, path)
            return made
        if isinstance(value, list):
            return [self.json(item, field) for item in value]
        kind = self.classes.kind(field, value)
        if kind is not None:
            return self.hide(value, kind)
        return self.text(value) if isinstance(value, str) else value

    def _both(self, value: Any, path: str, key: str) -> Any:
        made = self.json(value, f"{path}.{path_key(key)}")
        return self.json(made, f"traits.{path_key(key)}")

    def name(self, name: str | None, root: str = "traits") -> str | None:
        """What somebody, or something, is called; ``root`` is that of their traits."""
        if not name:
            return name
        decided = self.classes.decision(f"{root}.name")
        if decided if decided is not None else root == "traits":
            return self.hide(name, "name")
        return self.text(name)

    # -- what went over the net -------------------------------------------------------

    def exchange(self, exchange: dict[str, Any]) -> dict[str, Any]:
        """A call's two halves: that they were, their hosts, and the shape of what they said."""
        made: dict[str, Any] = {}
        for side, said in exchange.items():
            if not isinstance(said, dict):
                made[side] = said and DOTS
                continue
            line = str(said.get("line") or "")
            made[side] = {
                "line": _HOST.sub(rf"\1\2/{DOTS}", line) if "://" in line else self.text(line),
                "headers": dict.fromkeys(said.get("headers") or {}, DOTS),
                "body": self._shape_of_text(said.get("body")),
            }
        return made

    def _shape_of_text(self, text: Any) -> str:
        if not text:
            return ""
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, TypeError):
            return DOTS
        return msgspec.json.encode(self.shape(value)).decode()

    def shape(self, value: Any, kept: frozenset[str] = frozenset()) -> Any:
        """A JSON value of which nothing is known: its keys, and a mask for what they hold."""
        if isinstance(value, dict):
            return {
                masked_text(key): self.text(item)
                if key in kept and isinstance(item, str)
                else self.shape(item, kept)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.shape(item, kept) for item in value]
        return value if value is None or isinstance(value, bool) else DOTS

    # -- the second pass --------------------------------------------------------------

    def _swept(self, value: Any, finder: re.Pattern[str] | None) -> Any:
        if isinstance(value, str):
            if value in self._hidden:
                return self._hidden[value]
            return finder.sub(lambda hit: self._hidden[hit[0]], value) if finder else value
        if isinstance(value, dict):
            return {key: self._swept(item, finder) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._swept(item, finder) for item in value)
        return value


def _is_message(value: dict[Any, Any]) -> bool:
    return value.get("type") in TYPES and any(
        key in value for key in ("messageId", "userId", "anonymousId", *_PARTS)
    )


def _root_of_part(body: dict[str, Any], part: str) -> str:
    if part != "traits" or body.get("type") != "group":
        return part
    try:
        key = type_key("group", body)
    except NoObject:
        key = ACCOUNT_TYPE
    return root_of("group", "" if key == ACCOUNT_TYPE else key)


def _without(value: Any, own: set[str], masker: Masker) -> Any:
    """A message's body without its own identifiers, wherever they stand in it."""
    if isinstance(value, str):
        return masker.hide(value) if value in own else value
    if isinstance(value, dict):
        return {key: _without(item, own, masker) for key, item in value.items()}
    return [_without(item, own, masker) for item in value] if isinstance(value, list) else value
