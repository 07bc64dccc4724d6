"""The shop: 5,000 people over 120 days, from a fixed seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

DAY_MS = 86_400_000
DAYS = 120
PEOPLE = 5_000

_FIRST = {
    "PL": ["Ada", "Jan", "Zofia", "Piotr", "Maja", "Tomasz", "Ola", "Kuba", "Ewa", "Marek"],
    "US": ["Grace", "Alan", "Mary", "John", "Linda", "James", "Susan", "David", "Amy", "Mike"],
}
_LAST = {
    "PL": ["Nowak", "Kowalska", "Wójcik", "Lewandowski", "Zielińska", "Mazur", "Król", "Dudek"],
    "US": ["Hopper", "Smith", "Johnson", "Brown", "Garcia", "Miller", "Davis", "Wilson"],
}
_ZONES = {"PL": ("Europe/Warsaw", 1), "US": ("America/New_York", -5)}
_PRODUCTS = [
    (f"p{number:03d}", name, category, price)
    for number, (name, category, price) in enumerate(
        [
            ("Linen shirt", "clothing", 39.0), ("Wool scarf", "clothing", 24.5),
            ("Rain jacket", "clothing", 89.0), ("Canvas tote", "bags", 19.0),
            ("Leather satchel", "bags", 149.0), ("Desk lamp", "home", 59.0),
            ("Oak shelf", "home", 119.0), ("Ceramic mug", "home", 12.0),
            ("French press", "kitchen", 34.0), ("Chef's knife", "kitchen", 79.0),
            ("Trail shoes", "sport", 99.0), ("Yoga mat", "sport", 29.0),
        ],
        1,
    )
]  # fmt: skip
_AGENTS = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/19.1 Safari/605.1.15",
]


class Shop:
    """Writes the shop's messages, oldest person first; ``end_ms`` is the last day's end."""

    def __init__(self, end_ms: int, run: int, people: int = PEOPLE, seed: int = 42) -> None:
        self._draw = random.Random(seed)
        self._end, self._start = end_ms, end_ms - DAYS * DAY_MS
        self._run, self._people, self._number = run, people, 0

    def messages(self) -> Iterator[dict[str, Any]]:
        """Every message of the shop's life, the bad ones among them."""
        for person in range(self._people):
            # A refund or the end of a trial may lie in the future.
            yield from (m for m in self._life(person) if m["timestamp"] <= self._end)
            if person % 250 == 125:
                yield self._bad(person)

    def _message(
        self, type_: str, at: float, person: dict[str, Any], **more: Any
    ) -> dict[str, Any]:
        self._number += 1
        known = {"userId": person["user"]} if person["known"] else {}
        return {
            "type": type_,
            "messageId": f"demo-{self._run}-{self._number}",
            "timestamp": int(at),
            "anonymousId": person["device"],
            **known,
            "context": {
                "library": {"name": "analytics.js", "version": "demo"},
                "locale": "pl-PL" if person["country"] == "PL" else "en-US",
                "timezone": person["zone"],
                "userAgent": person["agent"],
            },
            **more,
        }

    def _life(self, number: int) -> Iterator[dict[str, Any]]:
        draw = self._draw
        country = "PL" if draw.random() < 0.6 else "US"
        zone, offset = _ZONES[country]
        tablet = number % 60 < 2  # two people share the shop's tablet
        person: dict[str, Any] = {
            "country": country,
            "zone": zone,
            "agent": draw.choice(_AGENTS),
            "device": f"demo-tablet-{number // 60}" if tablet else f"demo-a{number}",
            "user": f"demo-{number}",
            "known": False,
        }
        at = self._start + draw.random() ** 0.8 * (DAYS - 1) * DAY_MS
        signs_up = draw.random() < 0.62
        visits = 1 + int(draw.paretovariate(1.3)) if signs_up else 1
        for visit in range(min(visits, 12)):
            yield from self._visit(person, at, first=visit == 0)
            if visit == 0 and signs_up:
                yield from self._sign_up(person, number, at + 240_000)
            if person["known"]:
                yield from self._after(person, at)
            at += draw.expovariate(1 / (9 * DAY_MS)) + DAY_MS
            at = self._daytime(at, offset)
            if at > self._end:
                return

    def _daytime(self, at: float, offset: int) -> float:
        """Most people shop in the evening of where they live."""
        hour = min(23.0, max(7.0, self._draw.gauss(19, 3)))
        return math.floor(at / DAY_MS) * DAY_MS + (hour - offset) * 3_600_000

    def _visit(self, person: dict[str, Any], at: float, first: bool) -> Iterator[dict[str, Any]]:
        draw = self._draw
        campaign = draw.choice(["spring_sale", "newsletter", None, None])
        page: dict[str, Any] = {"path": "/", "title": "Shop", "url": "https://shop.example/"}
        if campaign:
            page["search"] = f"?utm_campaign={campaign}"
        yield self._message("page", at, person, name="Home", properties=page)
        cart: list[tuple[str, str, str, float]] = []
        for step in range(draw.randrange(1, 4)):
            product = draw.choice(_PRODUCTS)
            then = at + (step + 1) * 45_000
            yield self._track("Product Viewed", then, person, self._product(product))
            if draw.random() < (0.2 if first else 0.4):
                cart.append(product)
                more = {**self._product(product), "quantity": 1}
                yield self._track("Product Added", then + 12_000, person, more)
        if not cart:
            return
        yield self._track("Cart Viewed", at + 200_000, person, {"value": self._sum(cart)})
        yield self._track("Checkout Started", at + 220_000, person, {"value": self._sum(cart)})
        if person["known"] and draw.random() < 0.68:
            yield from self._order(person, at + 300_000, cart)

    def _order(
        self, person: dict[str, Any], at: float, cart: list[tuple[str, str, str, float]]
    ) -> Iterator[dict[str, Any]]:
        order = {
            "order_id": f"demo-o{self._run}-{self._number}",
            "total": self._sum(cart),
            "revenue": self._sum(cart),
            "currency": "PLN" if person["country"] == "PL" else "USD",
            "products": [{**self._product(item), "quantity": 1} for item in cart],
        }
        yield self._track("Order Completed", at, person, order)
        if self._draw.random() < 0.06:
            refund = {key: order[key] for key in ("order_id", "total", "currency")}
            yield self._track("Order Refunded", at + 5 * DAY_MS, person, refund)

    def _sign_up(self, person: dict[str, Any], number: int, at: float) -> Iterator[dict[str, Any]]:
        draw, country = self._draw, person["country"]
        first, last = draw.choice(_FIRST[country]), draw.choice(_LAST[country])
        person["known"] = True
        plan = draw.choices(["free", "trial", "plus"], [70, 22, 8])[0]
        traits = {
            "name": f"{first} {last}",
            "firstName": first,
            "lastName": last,
            "email": f"demo{number}@example.com",
            "country": country,
            "plan": plan,
            "newsletter": draw.random() < 0.55,
        }
        yield self._message("identify", at, person, traits=traits)
        yield self._track("Signed Up", at + 1_000, person, {"plan": plan})
        if plan == "trial":
            yield self._track("Trial Started", at + 2_000, person, {"trial_plan_name": "plus"})
            if at + 14 * DAY_MS < self._end:
                ended = at + 14 * DAY_MS
                yield self._track("Trial Ended", ended, person, {"trial_plan_name": "plus"})
                if draw.random() < 0.35:
                    yield self._message("identify", ended + 60_000, person, traits={"plan": "plus"})
        if number % 12 == 0:
            company = number // 240
            yield self._message(
                "group", at + 3_000, person, groupId=f"demo-company-{company}",
                traits={"name": f"Example {company} Ltd", "plan": "business"},
            )  # fmt: skip

    def _after(self, person: dict[str, Any], at: float) -> Iterator[dict[str, Any]]:
        if self._draw.random() < 0.05:
            support = {"conversation_id": f"demo-c{self._number}", "agent_name": "Sam"}
            yield self._track("Live Chat Conversation Started", at + 400_000, person, support)

    def _bad(self, number: int) -> dict[str, Any]:
        """What goes wrong in every shop: no name, no person, a wrong type."""
        at = self._start + self._draw.random() * DAYS * DAY_MS
        kinds: list[dict[str, Any]] = [
            {"type": "track", "userId": f"demo-{number}", "properties": {"total": 3}},
            {"type": "track", "event": "Order Completed", "properties": {"total": 12}},
            {"type": "trakc", "event": "Cart Viewed", "userId": f"demo-{number}"},
            {"type": "identify", "userId": f"demo-{number}", "traits": "plus"},
        ]
        self._number += 1
        bad = kinds[number // 250 % len(kinds)]
        return {**bad, "messageId": f"demo-{self._run}-{self._number}", "timestamp": int(at)}

    def _track(
        self, event: str, at: float, person: dict[str, Any], properties: dict[str, Any]
    ) -> dict[str, Any]:
        return self._message("track", at, person, event=event, properties=properties)

    def _product(self, product: tuple[str, str, str, float]) -> dict[str, Any]:
        id_, name, category, price = product
        return {"product_id": id_, "name": name, "category": category, "price": price}

    def _sum(self, cart: list[tuple[str, str, str, float]]) -> float:
        return round(sum(price for *_, price in cart), 2)
