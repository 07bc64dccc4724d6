"""Messages with realistic skew, from a fixed seed."""

from __future__ import annotations

import json
import random
from typing import Any

_EVENTS = (
    ("Product Viewed", 40),
    ("Product Added", 12),
    ("Cart Viewed", 8),
    ("Order Completed", 4),
    ("Signed Up", 2),
    ("Search", 14),
)
_WORDS = [
    "spring",
    "wool",
    "linen",
    "oak",
    "brass",
    "river",
    "stone",
    "amber",
    "slate",
    "cedar",
    "coral",
    "maple",
    "velvet",
    "copper",
]
_PAGES = ("/", "/sale", "/about", "/cart", "/p/%d", "/c/%d")


class Generator:
    """Segment messages of ``people`` persons: Zipf-skewed, mixed calls, 0.3 to 4 KB."""

    def __init__(self, people: int = 20_000, seed: int = 7, start_ms: int | None = None) -> None:
        self._random = random.Random(seed)
        self._people = people
        self._number = 0
        self._start_ms = start_ms

    def _person(self) -> int:
        # A Pareto tail: some persons do a lot, most do little.
        return int(self._people * self._random.random() ** 2.2)

    def _product(self) -> dict[str, Any]:
        draw = self._random
        number = draw.randrange(5_000)
        return {
            "product_id": f"p{number}",
            "sku": f"SKU-{number:05d}-{draw.choice('SMLX')}",
            "name": " ".join(draw.sample(_WORDS, 3)).title(),
            "price": round(draw.uniform(3, 300), 2),
            "quantity": draw.randrange(1, 5),
            "url": f"https://shop.example.com/p/{number}?ref={draw.choice(_WORDS)}",
        }

    def message(self) -> dict[str, Any]:
        """The next message."""
        draw = self._random
        self._number += 1
        person = self._person()
        message: dict[str, Any] = {
            "messageId": f"bench-{self._number:012d}-{draw.getrandbits(64):016x}",
            "anonymousId": f"{person:08x}-aaaa-4bbb-8ccc-{person * 7919 % 2**48:012x}",
            "context": {
                "library": {"name": "analytics.js", "version": "npm:next-1.81.0"},
                "ip": f"10.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(256)}",
                "locale": draw.choice(("en-US", "de-DE", "pl-PL", "fr-FR")),
                "timezone": draw.choice(("Europe/Berlin", "America/New_York")),
                "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 "
                f"(KHTML, like Gecko) Chrome/1{draw.randrange(20, 40)}.0.0.0 Safari/537.36",
                "page": {
                    "url": f"https://shop.example.com/{draw.choice(_WORDS)}",
                    "path": f"/{draw.choice(_WORDS)}",
                    "title": " ".join(draw.sample(_WORDS, 4)),
                    "referrer": "https://www.google.com/" if draw.random() < 0.2 else "",
                },
            },
            "integrations": {},
        }
        if self._start_ms is not None:
            at = self._start_ms + self._number
            message["timestamp"] = at
        if draw.random() < 0.6:
            message["userId"] = f"user-{person}"
        roll = draw.random()
        if roll < 0.2:
            message["type"] = "identify"
            message["userId"] = f"user-{person}"
            message["traits"] = {
                "email": f"user{person}@example.com",
                "firstName": draw.choice(_WORDS).title(),
                "plan": draw.choice(("free", "pro", "team")),
                "visits": draw.randrange(500),
                "newsletter": draw.random() < 0.5,
            }
        elif roll < 0.45:
            message["type"] = "page"
            path = draw.choice(_PAGES)
            message["name"] = draw.choice(("Home", "Product", "Category", "Cart"))
            path = path % draw.randrange(5_000) if "%" in path else path
            message["properties"] = {"path": path, "title": " ".join(draw.sample(_WORDS, 3))}
        else:
            message["type"] = "track"
            names, weights = zip(*_EVENTS, strict=True)
            message["event"] = draw.choices(names, weights)[0]
            products = [self._product() for _ in range(min(14, int(draw.paretovariate(1.2))))]
            message["properties"] = {
                "total": round(sum(p["price"] * p["quantity"] for p in products), 2),
                "currency": "EUR",
                "products": products,
            }
        return message

    def bodies(self, count: int) -> list[bytes]:
        """``count`` messages as JSON."""
        return [json.dumps(self.message(), separators=(",", ":")).encode() for _ in range(count)]
