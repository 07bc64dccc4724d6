"""What every SDK's program sends, and the check that it arrived typed and once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.real.server import ServeProcess, wait_until

EARLY = {"step": 1}


class Moment:
    """An instant, equal to every ISO string with a zone that names it."""

    def __init__(self, *parts: int) -> None:
        self.at = datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and parse(other) == self.at

    def __hash__(self) -> int:
        return hash(self.at)

    def __repr__(self) -> str:
        return f"<{self.at.isoformat()}>"


def parse(text: str) -> datetime:
    """An ISO time with its zone."""
    found = datetime.fromisoformat(text)
    assert found.tzinfo is not None, text
    return found


VIEWED = {
    "count": 42,
    "price": 19.99,
    "big": 9007199254740991,
    "negative": -7,
    "yes": True,
    "no": False,
    "title": "Zażółć gęślą jaźń 🦊",
    "nested": {"a": {"b": [1, "two", 3.5, True]}},
    "empty": "",
    "when": Moment(2026, 3, 4, 5, 6, 7),
}
PRICING = {"path": "/pricing", "depth": 0.75}
HOME = {"theme": "dark", "tab": 2}


def traits(person: str) -> dict[str, Any]:
    """The traits of the identify."""
    return {
        "email": f"{person}@example.com",
        "name": "Zoë Żółć 🦊",
        "age": 36,
        "score": 4.5,
        "vip": True,
        "address": {"city": "Łódź", "postalCode": "90-001"},
        "tags": ["a", "b"],
        "createdAt": Moment(2025, 1, 2, 3, 4, 5),
    }


def order(person: str) -> dict[str, Any]:
    """The properties of the order, which is dated one hour back."""
    return {
        "order_id": f"{person}-1",
        "total": 99.5,
        "products": [{"sku": "S-1", "quantity": 2, "price": 49.75}],
    }


TYPES = Counter(track=3, identify=1, page=1, screen=1, group=1, alias=1)


def differences(wanted: Any, found: Any, where: str = "", extra: bool = False) -> list[str]:
    """How ``found`` differs from ``wanted``, types included: 1 is neither 1.0 nor true.

    With ``extra`` an object may hold more than is wanted, at the top.
    """
    if isinstance(wanted, Moment):
        return [] if wanted == found else [f"{where}: {found!r} is not {wanted!r}"]
    if type(wanted) is not type(found):
        return [f"{where}: {found!r} is not {wanted!r}"]
    if isinstance(wanted, dict):
        keys = set(wanted) if extra else set(wanted) | set(found)
        missing = object()
        return [
            line
            for key in sorted(keys)
            for line in differences(
                wanted.get(key, missing), found.get(key, missing), f"{where}.{key}"
            )
        ]
    if isinstance(wanted, list):
        if len(wanted) != len(found):
            return [f"{where}: {found!r} is not {wanted!r}"]
        pairs = enumerate(zip(wanted, found, strict=True))
        return [line for i, (a, b) in pairs for line in differences(a, b, f"{where}[{i}]")]
    return [] if wanted == found else [f"{where}: {found!r} is not {wanted!r}"]


def wait_for_all(serve: ServeProcess, person: str, seconds: float = 60) -> list[dict[str, Any]]:
    """The events of ``person``, oldest first, as soon as there are as many as were sent."""
    wanted = sum(TYPES.values())

    def all_there() -> list[dict[str, Any]]:
        found = serve.events(f"user_id:{person}")
        return found if len(found) >= wanted else []

    return wait_until(all_there, seconds, f"for the {wanted} messages of {person}")


def check_arrival(serve: ServeProcess, person: str, library: str, browser: bool = False) -> None:
    """Everything of the scenario is in the profile and the events: typed, once, merged.

    A browser adds what it knows of the page and of the device.
    """
    wait_for_all(serve, person)
    # A repeat that comes after them would be a double.
    serve.catch_up()
    events = wait_for_all(serve, person)
    assert Counter(event["type"] for event in events) == TYPES
    assert len({event["message_id"] for event in events}) == len(events)
    for event in events:
        assert event["context"]["library"]["name"] == library, event
        received, happened = parse(event["received_at"]), parse(event["timestamp"])
        late = timedelta(hours=1) if event.get("event") == "Order Completed" else timedelta()
        assert abs(received - happened - late) < timedelta(seconds=60), event

    named = {event["event"]: event["properties"] for event in events if event["type"] == "track"}
    assert differences(EARLY, named["Early Visit"], extra=browser) == []
    assert differences(VIEWED, named["Product Viewed"], extra=browser) == []
    assert differences(order(person), named["Order Completed"], extra=browser) == []
    (page,) = (event["properties"] for event in events if event["type"] == "page")
    (screen,) = (event["properties"] for event in events if event["type"] == "screen")
    assert differences(PRICING, page, extra=True) == []
    assert differences(HOME, screen, extra=True) == []

    profile = serve.profile(f"user_id:{person}")
    assert profile is not None
    assert differences(traits(person), profile["traits"], extra=browser) == []
    assert profile["ids"] >= {
        ("user_id", person),
        ("email", f"{person}@example.com"),
        ("anonymous_id", f"{person}-anon"),
        ("anonymous_id", f"{person}-old"),
    }
    for other in (f"email:{person}@example.com", f"anonymous_id:{person}-anon"):
        assert serve.profile(other) == profile, f"{other} is somebody else"
    account = serve.traits(f"group_id:{person}-org", "accounts")
    assert differences({"name": "Acme & Søn", "employees": 250}, account, extra=browser) == []
