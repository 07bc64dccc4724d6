"""What is older than the settings say goes; people stay what they are. On a logical clock."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cdp.config import ConfigError, Settings
from cdp.events.addresses import truncated_ip
from cdp.pipeline import rebuild, retention
from cdp.store import history, people
from cdp.store.tables import USERS
from tests.laws.world import BASE, World

DAY = 86_400_000


def event(number: int, days_ago: float, **more: Any) -> dict[str, Any]:
    made = {"type": "track", "event": "Seen", "userId": "u1", "messageId": f"m{number}"}
    return {**made, "timestamp": int(BASE - days_ago * DAY), **more}


def kept(world: World) -> list[str]:
    return sorted(message_id for message_id, _, _ in world.history())


def run(world: World, now: int = BASE, **settings: Any) -> None:
    """A day's work, with what it began."""
    made = replace(world.settings, **settings)
    for _ in range(1000):
        if not retention.step(world.store, made, now) and rebuild.step(world.store, now) is None:
            return
    raise AssertionError("it never ends")


def sent() -> list[dict[str, Any]]:
    return [
        event(1, 100, type="identify", traits={"plan": "pro"}),
        event(2, 90),
        event(3, 40),
        event(4, 40, event="Heartbeat"),
        event(5, 5, event="Heartbeat"),
        event(6, 1, event="Heartbeat"),
        event(7, 95, userId="u2"),
        event(8, 80, type="page", name="Home", context={"consent": {"categoryPreferences": {}}}),
    ]


def test_raw_events_go_by_age_and_people_stay() -> None:
    world = World().take([sent()[:3], sent()[3:]])
    before = world.people()
    consent = world.facts()["consent"]
    run(world, events_days=30, event_days=("Heartbeat=3", "page:Home=85"))
    assert kept(world) == ["m1", "m6"]
    assert world.people() == before
    assert world.facts()["consent"] == consent
    with world.store.read() as tx:
        rows = history.rows_after(tx, 0, 100)
        bodies = history.bodies_of(tx, rows)
    assert {json.loads(body.raw)["messageId"] for body in bodies.values()} == {"m1", "m6"}
    world.close()


def test_it_is_done_once_a_day() -> None:
    world = World().take([sent()])
    run(world, events_days=30)
    assert "m5" in kept(world)
    run(world, now=BASE + DAY // 100, events_days=1)
    assert "m5" in kept(world)
    run(world, now=BASE + DAY, events_days=4)
    assert "m5" not in kept(world) and "m6" in kept(world)
    world.close()


def test_without_settings_nothing_is_done() -> None:
    world = World().take([sent()])
    assert retention.step(world.store, world.settings, BASE) is False
    world.close()


def test_anonymous_people_without_activity_go() -> None:
    def anonymous(number: int, days_ago: float, who: str) -> dict[str, Any]:
        found = event(number, days_ago, anonymousId=who)
        del found["userId"]
        return found

    late = BASE + 60 * DAY
    world = World().take([[anonymous(1, 90, "idle"), event(2, 90), event(3, 90, anonymousId="a")]])
    world.pipeline._clock = lambda: late / 1000
    world.take([[anonymous(4, -59, "busy")]])
    run(world, now=late, anonymous_days=30)
    with world.store.read() as tx:
        assert people.resolve(tx, USERS, "anonymous_id", "idle") is None
        assert people.resolve(tx, USERS, "anonymous_id", "busy") is not None
        assert people.resolve(tx, USERS, "user_id", "u1") is not None
    assert kept(world) == ["m2", "m3", "m4"]
    world.close()


def test_a_source_that_is_removed_takes_nobody_along_whose_events_are_past() -> None:
    world = World().take([[event(1, 90, userId="u9")]])
    world.take([[event(2, 1, type="identify", userId="u9", traits={"x": 1})]], source=2)
    run(world, events_days=30)
    with world.store.write() as tx:
        number = rebuild.remove_source(tx, 2, BASE)
    for _ in rebuild.finish(world.store, number, BASE):
        pass
    with world.store.read() as tx:
        found = people.resolve(tx, USERS, "user_id", "u9")
        assert found is not None and found.traits.values() == {}
    world.close()


def test_addresses_lose_what_says_who_it_was() -> None:
    assert truncated_ip("203.0.113.9") == "203.0.113.0"
    assert truncated_ip("::ffff:203.0.113.9") == "203.0.113.0"
    assert truncated_ip("2001:db8:85a3:8d3:1319:8a2e:370:7348") == "2001:db8:85a3::"
    assert truncated_ip("203.0.113.9, 10.0.0.1") is None and truncated_ip(7.5) is None
    world = World()
    world.pipeline._settings = replace(world.settings, truncate_ip=True)
    world.take([[event(1, 0, context={"ip": "203.0.113.9"}), event(2, 0, context={"ip": "junk"})]])
    with world.store.read() as tx:
        rows = history.rows_after(tx, 0, 10)
        bodies = [json.loads(b.raw) for b in history.bodies_of(tx, rows).values()]
    assert [body["context"].get("ip") for body in bodies] == ["203.0.113.0", None]
    world.close()


@pytest.mark.parametrize("given", ["Seen", "=3", "Seen=x", "Seen=-1"])
def test_days_that_make_no_sense_are_refused(given: str) -> None:
    with pytest.raises(ConfigError):
        Settings.load({"CDP_EVENT_DAYS": given})
