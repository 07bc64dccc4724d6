"""The last check, in the transaction that claims: who may be sent what, just now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from sqlalchemy import Connection

from cdp.delivery.broadcasts import last
from cdp.delivery.journeys import holding
from cdp.delivery.messages.compose import Prepared
from cdp.messaging.pressure import Earlier, Pressed, engaged, pressed, window_ms
from cdp.messaging.request import Flag
from cdp.messaging.standing import NOBODY, forbids
from cdp.store import meta
from cdp.store.config_rows import Destination
from cdp.store.messages import preferences, pressure, topics
from cdp.store.messages.pressure import Rules
from cdp.store.profiles import people


class Checks:
    """Wishes, suppressed addresses, caps, quiet hours and journeys, for a hand of messages."""

    def __init__(self) -> None:
        self._version = -1
        self._topics: dict[str, bool] = {}
        self._rules = Rules()

    def verdicts(self, tx: Connection, items: Sequence[Prepared], now: int) -> list[Pressed | None]:
        """For each message why it must not go; None: it may."""
        defaults = self.topics(tx)
        nodes = [item.delivery.node for item in items if item.delivery.node is not None]
        standings = preferences.standings(tx, nodes)
        by_channel: dict[str, set[str]] = {}
        for item in items:
            by_channel.setdefault(item.delivery.channel, set()).update(item.addresses)
        suppressed = {
            channel: preferences.why_suppressed(tx, channel, found)
            for channel, found in by_channel.items()
        }
        everybody = {one.person for one in standings.values()}
        earlier = self._earlier(tx, everybody, now)
        inside = self._inside(tx, everybody)
        asked = [item.delivery for item in items]
        still = last.withheld(tx, asked, now) | holding.withheld(tx, asked, now)
        found: list[Pressed | None] = []
        for item in items:
            row = item.delivery
            if row.id in still:
                why_still, until = still[row.id]
                found.append(Pressed(why_still, until or None))
                continue
            standing = standings[row.node] if row.node is not None else NOBODY
            listed = suppressed[row.channel]
            why = next((listed[one] for one in item.addresses if one in listed), None)
            reason = forbids(standing, row.channel, row.topic, row.flags, defaults, why)
            if reason is not None:
                found.append(Pressed(reason))
                continue
            if row.flags & (Flag.UNLIMITED | Flag.TEST) or row.node is None:
                found.append(None)
                continue
            mine = earlier.setdefault(standing.person, [])
            over = pressed(
                self._rules.limits, self._rules.quiet, row.channel, row.topic, mine,
                standing.zone, now,
                engaged(
                    self._rules.whiles, row.channel, row.topic,
                    row.origin_key if row.origin == "journey" else None,
                    inside.get(standing.person, frozenset()), row.created_at, now,
                ),
            )  # fmt: skip
            if over is None:  # it counts for those behind it in the same hand
                mine.append(Earlier(now, row.channel, row.topic))
            found.append(over)
        return found

    def disagreeing(
        self, tx: Connection, items: Sequence[tuple[Prepared, Destination]]
    ) -> dict[int, str]:
        """Deliveries to people who don't agree to what a destination does with their data."""
        asked = [(item, to) for item, to in items if to.consent_categories and item.delivery.node]
        if not asked:
            return {}
        said = people.consents(tx, [item.delivery.node or 0 for item, _ in asked])
        found: dict[int, str] = {}
        for item, to in asked:
            consent = said.get(item.delivery.node or 0)
            if consent is None:  # who has said nothing is asked nothing, as with events
                continue
            lacking = [name for name in to.consent_categories if not consent.preferences.get(name)]
            if lacking:
                found[item.delivery.id] = f"no_consent: {', '.join(lacking)} (for {to.key})"
        return found

    def _earlier(self, tx: Connection, people: set[int], now: int) -> dict[int, list[Earlier]]:
        """What each of ``people`` was sent of late."""
        if not self._rules.limits or not people:
            return {}
        return pressure.earlier(tx, sorted(people), now - window_ms(self._rules.limits))

    def _inside(self, tx: Connection, people: set[int]) -> Mapping[int, Set[str]]:
        """In which journeys each of ``people`` is, of those that make others keep still."""
        keys = frozenset().union(*(rule.journeys for rule in self._rules.whiles))
        return pressure.inside(tx, sorted(people), keys) if keys and people else {}

    def topics(self, tx: Connection) -> Mapping[str, bool]:
        """What holds for each topic of those who have said nothing; follows the definitions."""
        version = meta.version(tx)
        if version != self._version:
            self._topics = topics.defaults(tx)
            self._rules = pressure.rules(tx)
            self._version = version
        return self._topics
