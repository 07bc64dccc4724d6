"""Consent: which uses of their data a person has agreed to (segment.com: consent management).

SDKs send ``context.consent.categoryPreferences``, a boolean for each category. It is
enforced on each event by what the event itself says, and kept of each person as it
was said last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from cdp.events import Stamp

#: Updates the profile, and reaches every destination, whatever it says.
UPDATE_EVENT = "Segment Consent Preference Updated"
#: Categories that are kept of one message, and characters of a name.
MAX_CATEGORIES, MAX_NAME = 100, 200

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[int, int, str, dict[str, bool]]).decode


class Consent(NamedTuple):
    """What a person said last, and with which message."""

    stamp: Stamp
    preferences: dict[str, bool]

    def encode(self) -> str:
        """As it is stored: JSON ``[t, source, messageId, preferences]``."""
        return _encode([*self.stamp, self.preferences]).decode()

    @classmethod
    def decode(cls, text: str) -> Consent:
        """What `encode` wrote."""
        t, source, message_id, preferences = _decode(text)
        return cls(Stamp(t, source, message_id), preferences)


def said(body: dict[str, Any]) -> dict[str, bool] | None:
    """The preferences in a message; None if it says nothing of consent."""
    context = body.get("context")
    consent = context.get("consent") if isinstance(context, dict) else None
    if not isinstance(consent, dict) or "categoryPreferences" not in consent:
        return None
    given = consent["categoryPreferences"]
    if not isinstance(given, dict):
        return {}
    # Sorted, so that the same choice is stored as the same text however it was sent.
    kept = sorted(given.items())[:MAX_CATEGORIES]
    return {name[:MAX_NAME].replace("\0", ""): value is True for name, value in kept}


def latest(found: Iterable[Consent | None]) -> Consent | None:
    """The one that was said last."""
    return max((one for one in found if one is not None), key=lambda one: one.stamp, default=None)


def permits(body: dict[str, Any], categories: Iterable[str]) -> bool:
    """Whether an event may go to a destination of some categories.

    Without a consent object it flows everywhere; with one, every category of the
    destination must be true, and one that is not named is false.
    """
    needed = tuple(categories)
    if not needed or (body.get("type") == "track" and body.get("event") == UPDATE_EVENT):
        return True
    preferences = said(body)
    return preferences is None or all(preferences.get(name) is True for name in needed)
