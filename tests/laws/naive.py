"""Who is who, the slow and obvious way: a model that shares no code with `cdp`.

It takes the messages that `tests.laws.world.messages` makes, and rules and cuts as
plain values, and says which identifiers are one person's and what their traits are.
"""

from __future__ import annotations

from typing import Any

DAY = 86_400_000
Ident = tuple[str, str]


class Model:
    """``limits`` maps a type to (count, days or None); ``cuts`` is a list of two sides."""

    def __init__(
        self,
        limits: dict[str, tuple[int, int | None]],
        default: tuple[int, int | None] = (5, None),
        blocked: set[str] = frozenset(),  # type: ignore[assignment]
        most_merges: int = 100,
        cuts: list[tuple[set[Ident], set[Ident]]] | None = None,
        priority: tuple[str, ...] = ("user_id", "email"),
    ) -> None:
        self.limits, self.default, self.blocked = limits, default, blocked
        self.most_merges, self.cuts = most_merges, cuts or []
        self.order = {type_: place for place, type_ in enumerate(priority)}

    def people(self, messages: list[dict[str, Any]]) -> dict[frozenset[Ident], dict[str, Any]]:
        """Traits of each person, by the set of their identifiers."""
        facts: dict[tuple[Any, ...], tuple[int, str]] = {}
        for message in messages:
            ids = self.identifiers(message)
            if not ids:
                continue
            stamp = (message["timestamp"], message["messageId"])
            day = stamp[0] // DAY if self.has_windows() else 0
            key = (tuple(ids), day)
            facts[key] = min(stamp, facts.get(key, stamp))
        groups: list[dict[str, Any]] = []
        for (ids, _), stamp in sorted(facts.items(), key=lambda item: (item[1], item[0][0])):
            self.place(groups, list(ids), stamp)
        found: dict[frozenset[Ident], dict[str, Any]] = {}
        for group in groups:
            found[frozenset(group["ids"])] = {}
        self.set_traits(groups, messages, found)
        return found

    def place(self, groups: list[dict[str, Any]], ids: list[Ident], stamp: tuple[int, str]) -> None:
        while True:
            touched = [g for g in groups if any(i in g["ids"] for i in ids)]
            if len(ids) == 1 or self.allowed(touched, ids, stamp[0]):
                break
            ids = ids[:-1]
        if not touched:
            groups.append({"ids": {i: stamp[0] for i in ids}, "merges": 0})
            return
        home = touched[0]
        for other in touched[1:]:
            home["ids"].update(other["ids"])
            home["merges"] += other["merges"] + 1
            groups.remove(other)
        for i in ids:
            home["ids"].setdefault(i, stamp[0])

    def allowed(self, touched: list[dict[str, Any]], ids: list[Ident], now: int) -> bool:
        together = {i: t for group in touched for i, t in group["ids"].items()}
        grows = [i for i in ids if i not in together]
        if len(touched) == 1 and not grows:
            return True
        together.update({i: now for i in grows})
        for left, right in self.cuts:
            if left & set(together) and right & set(together):
                return False
        merges = sum(g["merges"] for g in touched) + len(touched) - 1
        if len(touched) > 1 and merges > self.most_merges:
            return False
        for type_ in {i[0] for i in together}:
            count, days = self.limits.get(type_, self.default)
            inside = [
                i
                for i, t in together.items()
                if i[0] == type_ and (days is None or i in grows or t > now - days * DAY)
            ]
            if len(inside) > count:
                return False
        return True

    def has_windows(self) -> bool:
        return any(days is not None for _, days in [*self.limits.values(), self.default])

    def identifiers(self, message: dict[str, Any]) -> list[Ident]:
        found: set[Ident] = set()
        if message.get("userId"):
            found.add(("user_id", message["userId"]))
        if message.get("anonymousId"):
            found.add(("anonymous_id", message["anonymousId"]))
        if message["type"] == "alias":
            found.add(("anonymous_id", message["previousId"]))
        places = [message.get("context", {}).get("traits", {})]
        if message["type"] == "identify":
            places.append(message.get("traits", {}))
        for place in places:
            if isinstance(place.get("email"), str):
                found.add(("email", place["email"].lower()))
        return sorted(
            (i for i in found if i[1] not in self.blocked),
            key=lambda i: (self.order.get(i[0], len(self.order)), i),
        )

    def set_traits(
        self,
        groups: list[dict[str, Any]],
        messages: list[dict[str, Any]],
        found: dict[frozenset[Ident], dict[str, Any]],
    ) -> None:
        """The latest value of each trait; a message is of whom its first kept identifier is."""
        owner = {i: frozenset(group["ids"]) for group in groups for i in group["ids"]}
        for message in sorted(messages, key=lambda m: (m["timestamp"], m["messageId"])):
            if message["type"] != "identify":
                continue
            home = next((owner[i] for i in self.identifiers(message) if i in owner), None)
            if home is not None:
                found[home].update(message["traits"])
        for home, traits in found.items():
            found[home] = {name: value for name, value in traits.items() if value is not None}
