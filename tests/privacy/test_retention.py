"""What is older than the settings say goes; people stay what they are. On a logical clock."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert, inspect, select

from cdp.config import ConfigError, Settings
from cdp.events.addresses import truncated_ip
from cdp.pipeline import rebuild, retention
from cdp.store.events import dedupe, history, unlisted
from cdp.store.events import kept as store_kept
from cdp.store.profiles import people
from cdp.store.tables import USERS, kept_files, partition_tables
from tests.laws.world import BASE, World
from tests.postgres import new_database

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
        if (
            rebuild.step(world.store, now) is None
            and not unlisted.step(world.store, now)
            and not retention.step(world.store, made, now)
        ):
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


def tables(world: World) -> set[str]:
    """The tables of partitions that there are."""
    names = inspect(world.store.engine).get_table_names()
    return {name for name in names if re.fullmatch(r"(history|blocks|kept)_\d+", name)}


def partitions(world: World) -> list[int]:
    with world.store.read() as tx:
        return [info.id for info in history.list_partitions(tx)]


POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)
#: Partitions (of 50) of old events alone, of old events and one that stays, and of new ones.
THREE = (
    [event(number, 90) for number in range(1, 51)],
    [event(number, 80) for number in range(51, 100)]
    + [event(100, 79, type="identify", traits={"plan": "pro"})],
    [event(number, 1) for number in range(101, 111)],
)


@pytest.mark.parametrize("database", ["sqlite", POSTGRES])
def test_a_partition_of_nothing_but_past_events_goes_as_a_whole(database: str) -> None:
    world = World(new_database() if database == "postgres" else None).take(THREE)
    assert partitions(world) == [1, 2, 3]
    before = world.people()
    with world.store.write() as tx:
        for number in (1, 2):
            row = {"partition": number, "property": 1, "name": f"{number}.parquet", "rows": 1}
            tx.execute(insert(kept_files).values(row))
    run(world, events_days=30)
    assert partitions(world) == [2, 3]
    with world.store.read() as tx:  # no file says any more what is gone
        assert tx.execute(select(kept_files)).all() == []
    assert kept(world) == ["m100", *(f"m{number}" for number in range(101, 111))]
    assert world.people() == before
    if database == "postgres":  # whoever has just read the list may still ask for its tables
        assert "history_1" in tables(world)
        run(world, now=BASE + unlisted.GRACE_MS, events_days=30)
    assert not tables(world) & {"history_1", "blocks_1", "kept_1"}
    # Positions go on, a repeat is one still, and what was read by position is as it was.
    world.take([[event(1, 90), event(111, 0)]])
    assert "m111" in kept(world) and "m1" not in kept(world)
    with world.store.read() as tx:
        rows = history.rows_after(tx, 0, 1000)
        assert len(history.bodies_of(tx, rows)) == len(rows) == 12
    world.close()


def test_where_something_stays_bodies_go_that_no_event_leads_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuild, "SCAN", 7)  # many pieces, also within a block
    monkeypatch.setattr(rebuild, "LOOK", 2)
    stays = event(5, 80, type="group", groupId="acme", traits={"name": "Acme"})
    old = [event(number, 80, properties={"total": number}) for number in range(1, 40)]
    world = World().take([[*old[:4], stays, *old[5:20]], old[20:30], old[30:]])
    with world.store.write() as tx:
        past = [("Seen", ()), ("Seen", ("properties", "total")), (store_kept.TRAITS, ("name",))]
        store_kept.keep(tx, past, BASE)
        while store_kept.backfill_step(tx, 100, json.loads):
            pass
    run(world, events_days=30)
    with world.store.read() as tx:
        [info] = history.list_partitions(tx)
        tables = partition_tables(info.id)
        rows = history.rows_after(tx, 0, 100)
        assert [row.seq for row in rows] == [5, 21]  # the account's row is behind its batch
        assert {body.raw for body in history.bodies_of(tx, rows).values()} != {b"null"}
        assert len(history.bodies_of(tx, rows)) == 2
        assert tx.execute(select(tables.kept)).all() == []
        [block] = tx.execute(select(tables.blocks)).all()
    left = [json.loads(body.raw) for body in history.unpack(block.data, list(range(20)))]
    assert [index for index, body in enumerate(left) if body is not None] == [4]
    world.close()


def test_a_deletion_drops_what_is_off_the_list_before_it_is_done() -> None:
    world = World().take(THREE)
    with world.store.write() as tx:
        names = [number for number in history.all_names(tx) if number]
        until = history.next_seq(tx)
        assert unlisted.take_off(tx, names, BASE - 30 * DAY, 1, until, BASE) == 51
    assert "history_1" in tables(world)
    assert unlisted.drop_all(world.store, BASE) == [] and "history_1" not in tables(world)
    assert unlisted.step(world.store, BASE) is False
    world.close()


def test_parts_of_the_dedupe_index_go_when_all_in_them_came_long_ago() -> None:
    world = World().take([sent()])
    with world.store.write() as tx:
        index = dedupe.DedupeIndex(tx, part_size=10)
        for batch in range(4):  # the part of what was sent takes the first
            index.add(tx, {dedupe.NO_TIME: range(batch * 10, batch * 10 + 10)}, BASE + batch * DAY)
    run(world, now=BASE + 32 * DAY, events_days=30)
    with world.store.read() as tx:
        index = dedupe.DedupeIndex(tx, part_size=10)
        known = index.known(tx, {dedupe.NO_TIME: range(40)})
    assert known == set(range(10, 40)), sorted(known)
    world.take([[event(1, 90), event(900, 0)]])
    assert "m900" in kept(world)
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
    first = anonymous(1, 90, "idle")
    first["context"] = {  # the browser's place for pushes says nothing of who it is, either
        "externalIds": [
            {"id": "f00d", "type": "web.push_token", "collection": "users", "encoding": "none"}
        ]
    }
    world = World().take([[first, event(2, 90), event(3, 90, anonymousId="a")]])
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
