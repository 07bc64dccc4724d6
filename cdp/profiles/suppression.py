"""People whose events are not wanted, known by a hash alone.

The hash is keyed with a secret of the store, so that the list names nobody, and
whoever has only the list can't try names on it.
"""

from __future__ import annotations

import hmac
import re
from typing import Any

from cdp.events import MalformedJSON, Message, Rejected, decode_json
from cdp.identity import DEFAULT, Identifier, Rules, extract

_USER_ID = re.compile(rb'"user_?[iI]d"\s*:\s*"((?:[^"\\]|\\.)*)"')


def hidden(secret: str, identifier: Identifier) -> str:
    """The hash by which an identifier stands on the list."""
    text = "\0".join(identifier).encode("utf-8", "surrogatepass")
    return hmac.new(secret.encode(), text, "sha256").hexdigest()[:40]


class Suppression:
    """The list; a hash with a time refuses only what was received before it."""

    def __init__(self, secret: str, hashes: dict[str, int | None], rules: Rules = DEFAULT) -> None:
        self._secret, self._hashes, self._rules = secret, hashes, rules
        self._until = max((before for before in hashes.values() if before is not None), default=0)

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def refuses(self, message: Message) -> bool:
        """Whether ``message`` is about somebody on the list."""
        body = message.body
        found = [("user_id", body.get("userId")), ("user_id", body.get("previousId"))]
        if message.received_at < self._until:  # somebody was deleted since: by any identifier
            found += [("anonymous_id", body.get("previousId"))]
            found += extract(message, self._rules).person
        return any(
            self._has((type_, value), message.received_at) for type_, value in found if value
        )

    def refuses_rejected(self, item: Rejected) -> bool:
        """Whether what could not be taken was about somebody on the list."""
        return any(
            self._has(("user_id", value), item.received_at) for value in _user_ids(item.body)
        )

    def _has(self, identifier: Identifier, received_at: int) -> bool:
        key = hidden(self._secret, identifier)
        if key not in self._hashes:
            return False
        before = self._hashes[key]
        return before is None or received_at < before


def _user_ids(body: bytes) -> list[str]:
    try:
        decoded: Any = decode_json(body)
    except MalformedJSON:
        return [match.decode("utf-8", "replace") for match in _USER_ID.findall(body)]
    calls = decoded.get("batch") if isinstance(decoded, dict) else None
    found = [decoded, *(calls if isinstance(calls, list) else [])]
    ids = [
        one.get(key)
        for one in found
        if isinstance(one, dict)
        for key in ("userId", "user_id", "previousId")
    ]
    return [str(value).strip() for value in ids if isinstance(value, str | int | float)]
