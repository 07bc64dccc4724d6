"""What must not be found any more of people who are deleted, and taking it out.

An identifier is taken out of what others sent where it stands as an identifier. One
that can't mean anything else (an address, a long random id) is taken out wherever it
stands, within a longer text as well; a short one, such as ``7`` or ``ana``, is left
where it may be anything, since it would tear holes into other people's data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

from cdp.identity import Identifier
from cdp.identity.identifiers import SYSTEMS

GONE = "[deleted]"

#: Keys of messages that hold identifiers, and of which type.
_KEYS = {
    "userId": ("user_id",),
    "user_id": ("user_id",),
    "anonymousId": ("anonymous_id",),
    "anonymous_id": ("anonymous_id",),
    "previousId": ("user_id", "anonymous_id"),
    "email": ("email",),
    "phone": ("phone",),
    "advertisingId": ("android.idfa", "ios.idfa"),
    "token": tuple(f"{system}.push_token" for system in SYSTEMS),
    "clientId": ("ga_client_id",),
}
_DEVICE = ("android.id", "ios.id")
_LETTER, _DIGIT = re.compile(r"[^\W\d_]"), re.compile(r"\d")


def telling(value: str) -> bool:
    """Whether ``value`` can't be but somebody's: an address, a phone number, a random id."""
    if "@" in value and len(value) >= 6:
        return True
    digits = len(_DIGIT.findall(value))
    if value.startswith("+") and digits >= 8:
        return True
    if len(value) >= 12 and digits >= 3 and _LETTER.search(value):
        return True
    return len(value) >= 8 and " " in value.strip() and bool(_LETTER.search(value))


def texts_of(value: Any) -> Iterable[str]:
    """All texts inside of a JSON value, and numbers as texts."""
    if isinstance(value, dict):
        for item in value.values():
            yield from texts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _written(value: str) -> set[str]:
    """The ways in which a text is written in JSON and in addresses."""
    escaped = json.dumps(value)[1:-1]
    plain = json.dumps(value, ensure_ascii=False)[1:-1]
    return {value, escaped, plain, quote(value, safe=""), quote(value), quote_plus(value)}


class Needles:
    """Identifiers of deleted people, and values of their traits, to look for and take out.

    ``private`` are values that say who somebody is (a name, an address): what holds one
    is theirs. One of ``values`` may as well be somebody else's (a campaign, a city).
    """

    def __init__(
        self,
        identifiers: Iterable[Identifier],
        values: Iterable[str] = (),
        private: Iterable[str] = (),
    ) -> None:
        self.identifiers = frozenset(identifiers)
        self._by_type: dict[str, set[str]] = {}
        for type_, value in self.identifiers:
            self._by_type.setdefault(type_, set()).add(value.casefold())
        self.telling = {value for _, value in self.identifiers if telling(value)}
        own = {value for value in private if telling(value)} | self.telling
        self.own = own
        self.values = {value for value in values if telling(value)} | own
        self._strong = _pattern(self.telling)
        self._any = _pattern(self.values)
        quoted = {f'"{form}"' for _, value in self.identifiers for form in _written(value)}
        strong = {form for value in self.telling for form in _written(value)}
        # To look for one text after the other is faster than a pattern, up to a point.
        self._ids = _Finder(quoted | strong)
        self._own = _Finder(quoted | {form for value in own for form in _written(value)})
        self._all = _Finder(quoted | {form for value in self.values for form in _written(value)})

    def identified_in(self, text: str) -> bool:
        """Whether ``text``, JSON as a rule, may hold one of the identifiers."""
        return self._ids.found_in(text)

    def theirs(self, text: str) -> bool:
        """Whether ``text``, JSON as a rule, may be about one of them."""
        return self._own.found_in(text)

    def named_in(self, text: str) -> bool:
        """Whether ``text``, JSON as a rule, may hold an identifier or a telling value."""
        return self._all.found_in(text)

    def replaced(self, text: str) -> str:
        """``text`` without values that can't mean anything else."""
        return self._any.sub(GONE, text) if self._any is not None else text

    def renamed(self, text: str) -> str:
        """``text`` without identifiers that can't mean anything else."""
        return self._strong.sub(GONE, text) if self._strong is not None else text

    def taken_out(self, value: Any, key: str = "") -> Any:
        """A message, or a part of one, without the identifiers; the same object if it has none.

        What is the value of ``key`` as a whole becomes None, and a key of None goes.
        """
        if isinstance(value, dict):
            return self._object(value, key)
        if isinstance(value, list):
            items = [self.taken_out(item, key) for item in value]
            changed = any(new is not old for new, old in zip(items, value, strict=True))
            if not changed:
                return value
            return [i for i, old in zip(items, value, strict=True) if i is not None or old is None]
        if isinstance(value, str):
            if self._identifies(value, key):
                return None
            if self._strong is not None and self._strong.search(value):
                rest = self._strong.sub(GONE, value)
                return None if rest == GONE else rest
        elif isinstance(value, int | float) and not isinstance(value, bool):
            return None if self._identifies(str(value), key) else value
        return value

    def _object(self, value: dict[str, Any], key: str) -> Any:
        type_, id_ = value.get("type"), value.get("id")
        if key == "externalIds" and isinstance(type_, str) and self._is(str(id_), (type_,)):
            return None
        made: dict[str, Any] = {}
        changed = False
        for name, old in value.items():
            if name == "messageId":
                made[name] = old
                continue
            inner = "device" if key == "device" and name == "id" else name
            new = self.taken_out(old, inner)
            clean = self.renamed(name)
            changed = changed or new is not old or clean != name
            if new is not None or old is None:
                made[clean] = new
        return made if changed else value

    def _identifies(self, value: str, key: str) -> bool:
        types = _DEVICE if key == "device" else _KEYS.get(key, (key,))
        return self._is(value, types)

    def _is(self, value: str, types: tuple[str, ...]) -> bool:
        text = value.strip().casefold()
        return any(text in self._by_type.get(type_, ()) for type_ in types)


class _Finder:
    """Finds any of some texts, without regard to case."""

    def __init__(self, forms: set[str]) -> None:
        self._few = sorted({form.lower() for form in forms}) if len(forms) <= 200 else []
        self._many = None
        if len(forms) > 200:
            either = "|".join(re.escape(form.lower()) for form in sorted(forms))
            self._many = re.compile(either)

    def found_in(self, text: str) -> bool:
        lowered = text.lower()
        if self._many is not None:
            return self._many.search(lowered) is not None
        return any(form in lowered for form in self._few)


def _pattern(values: set[str]) -> re.Pattern[str] | None:
    forms = sorted({form for value in values for form in _written(value)}, key=len, reverse=True)
    if not forms:
        return None
    either = "|".join(re.escape(form) for form in forms)
    return re.compile(rf"(?<![\w.+-])(?:{either})(?!\w)", re.IGNORECASE)
