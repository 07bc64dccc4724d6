"""What one micro-batch says about people and accounts, before the store is asked."""

from __future__ import annotations

from typing import Any

import msgspec

from cdp.events import Message, Stamp
from cdp.identity import Identifier, Rules, canonical, extract, node_key
from cdp.identity.rules import DAY_MS
from cdp.profiles.consent import Consent, latest, said
from cdp.store.tables import ACCOUNTS, USERS

Assignment = tuple[dict[str, Any], Stamp]

_encode = msgspec.json.Encoder().encode


def ids_text(ids: tuple[Identifier, ...]) -> str:
    """Identifiers as the store keeps them: JSON ``[[type, value], …]``."""
    return _encode(ids).decode()


class Draft:
    """A node as this micro-batch mentions it: its identifiers and earliest stamp.

    ``id`` and ``profile`` are filled in by `cdp.pipeline.identify`; ``traits`` are
    what identify (or group) calls set on it, in the order of the log. ``days`` has the
    earliest stamp of each day, where a limit with a window wants to know. ``ids`` are in
    order of priority, ``text`` as the store keeps them.
    """

    __slots__ = (
        "collection", "consent", "days", "first", "id", "ids", "key", "profile", "text", "traits",
    )  # fmt: skip

    def __init__(self, collection: int, ids: tuple[Identifier, ...], first: Stamp) -> None:
        self.collection = collection
        self.ids = ids
        unchanging = canonical(ids)
        self.text = ids_text(unchanging)
        self.key = node_key(collection, unchanging)
        self.first = first
        self.id = 0
        self.profile = 0
        self.traits: list[Assignment] = []
        self.days: dict[int, Stamp] = {}
        self.consent: Consent | None = None

    @property
    def stamps(self) -> list[Stamp]:
        """When it was met as far as that matters, the earliest first."""
        return sorted({self.first, *self.days.values()})


class Drafts:
    """The drafts of a micro-batch, one a distinct set of identifiers."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._by_ids: dict[tuple[int, tuple[Identifier, ...]], Draft] = {}
        self.memberships: list[tuple[Draft, Draft, int]] = []

    def __iter__(self) -> Any:
        return iter(self._by_ids.values())

    def add(self, message: Message) -> tuple[Draft | None, Draft | None]:
        """The person's and the account's draft of ``message``; None where it names none."""
        found = extract(message, self._rules)
        stamp = message.stamp
        person = self._draft(USERS, found.person, stamp) if found.person else None
        account = self._draft(ACCOUNTS, found.account, stamp) if found.account else None
        traits = message.body.get("traits")
        if isinstance(traits, dict) and traits:
            if message.type == "identify" and person is not None:
                person.traits.append((traits, stamp))
            elif message.type == "group" and account is not None:
                account.traits.append((traits, stamp))
        if person is not None and (preferences := said(message.body)) is not None:
            person.consent = latest((person.consent, Consent(stamp, preferences)))
        if person is not None and account is not None:
            self.memberships.append((person, account, message.t))
        return person, account

    def _draft(self, collection: int, ids: tuple[Identifier, ...], stamp: Stamp) -> Draft:
        draft = self._by_ids.get((collection, ids))
        if draft is None:
            draft = self._by_ids[(collection, ids)] = Draft(collection, ids, stamp)
        elif stamp < draft.first:
            draft.first = stamp
        if self._rules.any_window and len(ids) > 1:
            day = stamp.t // DAY_MS
            draft.days[day] = min(stamp, draft.days.get(day, stamp))
        return draft

    def spans(self) -> list[tuple[int, int, int, int]]:
        """(person's node, account's node, first t, last t) of each membership named."""
        found: dict[tuple[int, int], tuple[int, int]] = {}
        for person, account, t in self.memberships:
            first, last = found.get((person.id, account.id), (t, t))
            found[(person.id, account.id)] = (min(first, t), max(last, t))
        return [(*pair, *span) for pair, span in sorted(found.items())]
