"""Law 7: when a deletion says done, no byte of the person is left, and nobody else has lost any."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import zstandard
from sqlalchemy import MetaData, select

from cdp.delivery.forward import Forwarder
from cdp.log import Record, open_reader
from cdp.pipeline import forget, rebuild, retention, unmerge
from cdp.pipeline.run import Pipeline
from cdp.plugin import Destination, Retry
from cdp.store import config_rows, definitions, meta, wiping
from cdp.store.audiences import lists
from cdp.store.destinations import outbox as delivery_outbox
from cdp.store.destinations import streams as delivery
from cdp.store.events import history, kept, kept_files
from cdp.store.profiles import people, regulations
from cdp.store.tables import (
    ACCOUNTS,
    USERS,
    catalogue_names,
    computed_values,
    identifiers,
    member_changes,
    memberships,
    nodes,
    profiles,
    rejected,
)
from tests.factories import Space, iso
from tests.postgres import new_database

pytestmark = pytest.mark.slow

#: What may be found nowhere when Ana is gone.
MARKS = (
    "ana-7f3a91c2d4", "ana.secret91@example.org", "anon-5be0c1d2f3a4", "+48600700801",
    "Anastazja Markowska", "trait-marker-11aa22", "old-trait-marker-33bb44",
    "property-marker-55cc66", "context-marker-77dd88", "idfa-99ee00ff1122", "page-marker-ab12cd34",
)  # fmt: skip


def ana() -> list[dict[str, Any]]:
    who = {"userId": "ana-7f3a91c2d4", "anonymousId": "anon-5be0c1d2f3a4"}
    return [
        {
            **who,
            "type": "identify",
            "messageId": "a1",
            "timestamp": iso(50),
            "traits": {
                "email": "Ana.Secret91@Example.org",
                "name": "Anastazja Markowska",
                "code": "old-trait-marker-33bb44",
                "phone": "+48600700801",
            },
            "context": {
                "device": {
                    "id": "idfa-99ee00ff1122",
                    "type": "ios",
                    "advertisingId": "idfa-99ee00ff1122",
                    "adTrackingEnabled": True,
                },
                "campaign": {"name": "context-marker-77dd88"},
            },
        },
        {
            **who,
            "type": "identify",
            "messageId": "a2",
            "timestamp": iso(45),
            "traits": {"code": "trait-marker-11aa22"},
        },
        {
            **who,
            "type": "track",
            "event": "Order Completed",
            "messageId": "a3",
            "timestamp": iso(40),
            "properties": {"note": "property-marker-55cc66", "total": 9},
        },
        {**who, "type": "page", "name": "Ana page-marker-ab12cd34 ana.secret91@example.org",
         "messageId": "a4", "timestamp": iso(39)},
        {**who, "type": "group", "groupId": "acme", "messageId": "a5", "timestamp": iso(38)},
        # Refused, but kept to be shown:
        {**who, "type": "track", "messageId": "a6", "properties": {"x": "property-marker-55cc66"}},
    ]  # fmt: skip


def others() -> list[dict[str, Any]]:
    return [
        {"type": "identify", "userId": "bob", "messageId": "b1", "timestamp": iso(60),
         "traits": {"email": "bob@example.org", "name": "Bob", "plan": "pro"}},
        {"type": "group", "userId": "bob", "groupId": "acme", "messageId": "b2",
         "timestamp": iso(59), "traits": {"name": "Acme"}},
        {"type": "track", "event": "Order Completed", "userId": "bob", "messageId": "b3",
         "timestamp": iso(30), "properties": {"total": 7, "note": "mine"}},
        {"type": "page", "userId": "cat", "messageId": "c1", "timestamp": iso(20), "name": "Home"},
    ]  # fmt: skip


def sharing() -> list[dict[str, Any]]:
    """Bob on Ana's device, and a word about her."""
    return [
        {"type": "track", "event": "Seen", "userId": "bob", "anonymousId": "anon-5be0c1d2f3a4",
         "messageId": "s1", "timestamp": iso(10)},
        {"type": "identify", "userId": "bob", "messageId": "s2", "timestamp": iso(9),
         "traits": {"invited_by": "ana.secret91@example.org", "plan": "max"}},
    ]  # fmt: skip


def sharing_without() -> list[dict[str, Any]]:
    first, second = sharing()
    del first["anonymousId"]
    del second["traits"]["invited_by"]
    return [first, second]


class Telling(Destination):
    """Remembers whom it was told to forget; fails at first."""

    key = "telling"
    name = "Telling"
    told: list[list[tuple[str, str]]]
    fails = 0

    def on_delete(self, identifiers: list[tuple[str, str]]) -> None:
        cls = type(self)
        if cls.fails:
            cls.fails -= 1
            raise Retry("ana.secret91@example.org can't be deleted yet", after=0.01)
        cls.told.append(identifiers)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    url = new_database() if request.param == "postgres" else None
    made = Space(tmp_path / "space", url)
    yield made
    made.close()


def delete(space: Space, type_: str = "DELETE_ONLY") -> regulations.Regulation:
    """Ask for it and do all that the server does of it."""
    made = forget.regulate(
        space.store, type_, [("user_id", "ana-7f3a91c2d4")], "test", now(), 24, at_once=True
    )
    return finish(space, made)


def finish(space: Space, made: regulations.Regulation) -> regulations.Regulation:
    forwarder = Forwarder(space.store, space.settings, {"telling": Telling})
    reader = open_reader(space.settings)

    def meanwhile() -> None:
        forwarder.step()
        space.pipeline.drain()
        time.sleep(0.01)

    try:
        return forget.finish(space.store, reader, made.id, now, meanwhile)
    finally:
        reader.close()


def now() -> int:
    return int(time.time() * 1000)


#: An audience and a computed trait that come to know Ana's address.
DEFINED = (
    ("audience", "mailed", {"who": 'traits.email != null or performed("Order Completed")'}),
    ("computed_trait", "mail", {"value": "lowercase(traits.email)"}),
)


def plant(space: Space) -> None:
    """Put Ana into everything that holds anything of anybody."""
    with space.store.write() as tx:
        kept.keep(tx, [("Order Completed", ("properties", "note"))], 0)
        for kind, key, body in DEFINED:
            definitions.put(tx, 0, kind, key, body, "test")
        meta.bump(tx)
        there = config_rows.add_destination(
            tx, 0, "telling", "Telling", "telling", None, {}, "test"
        )
    space.pipeline.settle()
    space.send(*others())
    space.send(*ana())
    space.send(*sharing())
    space.pipeline.settle()
    with space.store.read() as tx:
        told = [row.detail for row in tx.execute(member_changes.select())]
        assert any("ana.secret91@example.org" in detail.lower() for detail in told)
        values = [row.value for row in tx.execute(computed_values.select())]
        assert any("ana.secret91@example.org" in value for value in values), values
    exchange = json.dumps({"request": {"body": json.dumps(ana()[0])}}).encode()
    payload = json.dumps(
        ["a3", "track", "Order Completed", ana()[2], "k", "default", 1, 5, True, 1]
    )
    shared = json.dumps(["s1", "track", "Seen", sharing()[0], "k", "default", 1, 7, True, 1])
    with space.store.write() as tx:
        delivery.add_calls(
            tx,
            [
                delivery.Call(there.id, 1, 1.0, "rejected", 400, 1, 1, "1-1-a1",
                              "no such user ana.secret91@example.org", exchange),
                delivery.Call(there.id, 1, 1.0, "delivered", 200, 1, 1, "1-1-b1", None, b"{}"),
            ],
        )  # fmt: skip
        mine = [row.seq for row in history.rows_after(tx, 0, 1000)]
        bodies = history.bodies_of(tx, history.rows_after(tx, 0, 1000))
        seq_of = {json.loads(bodies[seq].raw)["messageId"]: seq for seq in mine}
        common = {"destination_id": there.id, "state": "dead", "attempts": 1, "next_at": 0}
        delivery_outbox.add_items(
            tx,
            [
                {**common, "key": "k1", "seq": seq_of["a3"], "payload": payload.encode(),
                 "error": "refused property-marker-55cc66"},
                {**common, "key": "k2", "seq": seq_of["s1"], "payload": shared.encode(),
                 "error": "refused anon-5be0c1d2f3a4"},
            ],
            1,
        )  # fmt: skip
    values = ["ana.secret91@example.org", "ben@example.org", "To: Ana.Secret91@example.org"]
    lists.put(space.store, 1, "vips", sorted(values), "test")
    with space.store.write() as tx:
        config_rows.record_change(
            tx, 1, "test", "note", "x", "created", after={"for": "ana.secret91@example.org"}
        )


def dumped(space: Space, log: bool = True) -> str:
    """Every value of every table of the database as text, compressed ones opened."""
    tables = MetaData()
    tables.reflect(space.store.engine)
    found: list[str] = []
    with space.store.read() as tx:
        for table in tables.sorted_tables:
            if table.name.startswith("log_") and not log:
                continue
            for row in tx.execute(select(table)):
                for value in row:
                    data = bytes(value) if isinstance(value, bytes | memoryview) else None
                    if data is not None and data[:4] == b"\x28\xb5\x2f\xfd":
                        data = zstandard.ZstdDecompressor().decompress(data)
                    found.append(data.decode("utf-8", "replace") if data else str(value))
    found.append(in_files(space))
    return "\n".join(found).lower()


def files(space: Space) -> dict[str, bytes]:
    """The bytes of every file below the data folder, and of Postgres's tables and indexes."""
    found = {
        str(path.relative_to(space.settings.data)): path.read_bytes()
        for path in space.settings.data.rglob("*")
        if path.is_file()
    }
    if space.store.dialect == "postgresql":
        with space.store.engine.connect() as tx:
            tx = tx.execution_options(isolation_level="AUTOCOMMIT")
            tx.exec_driver_sql("CHECKPOINT")
            base = Path(str(tx.exec_driver_sql("SHOW data_directory").scalar()))
            query = "SELECT oid FROM pg_database WHERE datname = current_database()"
            own = base / "base" / str(tx.exec_driver_sql(query).scalar())
        for path in own.iterdir():
            with suppress(FileNotFoundError):  # dropped just now
                found[f"postgres/{path.name}"] = path.read_bytes()
    return found


def found_in(space: Space) -> set[str]:
    """Which marks are left anywhere."""
    text = dumped(space)
    left = {f"row: {mark}" for mark in MARKS if mark.lower() in text}
    for name, data in files(space).items():
        low = data.lower()
        left |= {f"{name}: {mark}" for mark in MARKS if mark.lower().encode() in low}
    return left


def facts(space: Space) -> dict[str, Any]:
    """All that is known of people and accounts, and their events."""
    with space.store.read() as tx:
        ids = {row.id: row.ids for row in tx.execute(nodes.select())}
        rows = history.rows_after(tx, 0, 10_000)
        bodies = history.bodies_of(tx, rows)
        found: dict[str, Any] = {}
        for row in tx.execute(profiles.select()):
            profile = people.by_id(tx, row.id)
            assert profile is not None
            own = sorted((i.type, i.value) for i in people.identifiers_of(tx, row.id))
            found[str(own)] = (profile.traits.values(), profile.name, profile.created_message_id)
        return {
            "people": found,
            "nodes": sorted(ids.values()),
            "known": sorted((r.type, r.value) for r in tx.execute(identifiers.select())),
            "bound": sorted(
                (ids[r.user_node], ids[r.account_node]) for r in tx.execute(memberships.select())
            ),
            "events": sorted(
                (json.loads(bodies[r.seq].raw)["messageId"], ids.get(r.node, ""), r.t) for r in rows
            ),
        }


def without_times(known: dict[str, Any]) -> dict[str, Any]:
    return {**known, "events": sorted(event[:2] for event in known["events"])}


def test_nothing_of_a_deleted_person_is_left_and_nobody_else_has_lost_anything(
    space: Space, tmp_path: Path
) -> None:
    Telling.told, Telling.fails = [], 2
    plant(space)
    assert len(found_in(space)) >= len(MARKS)
    done = delete(space)
    assert (done.state, done.phase, done.work) == ("FINISHED", "done", None)
    assert found_in(space) == set()
    never = Space(tmp_path / "never")
    never.send(*others())
    never.send(*sharing_without())
    assert without_times(facts(space)) == without_times(facts(never))
    never.close()
    [told] = Telling.told
    assert ("email", "ana.secret91@example.org") in told
    assert ("anonymous_id", "anon-5be0c1d2f3a4") in told
    with space.store.read() as tx:
        [forward] = regulations.forwards_of(tx, done.id)
        assert (forward.state, forward.attempts) == ("done", 3)
        assert people.resolve(tx, USERS, "user_id", "ana-7f3a91c2d4") is None
        assert people.resolve(tx, ACCOUNTS, "group_id", "acme") is not None
        assert lists.find(tx, "vips").size == 1


@pytest.mark.parametrize("space", ["sqlite"], indirect=True)
def test_what_was_parted_from_a_person_and_is_nobodys_goes_with_them(space: Space) -> None:
    joins = {"type": "alias", "userId": "ana-7f3a91c2d4", "previousId": "anon-5be0c1d2f3a4"}
    space.send(*others(), *ana(), {**joins, "messageId": "a99"})
    with space.store.read() as tx:
        profile = people.resolve(tx, USERS, "user_id", "ana-7f3a91c2d4")
    assert profile is not None
    device = [("ios.idfa", "idfa-99ee00ff1122"), ("ios.id", "idfa-99ee00ff1122")]
    unmerge.unmerge(space.store, profile, device, "test", now())
    assert any("idfa" in mark for mark in found_in(space))
    assert delete(space).state == "FINISHED"
    assert found_in(space) == set()
    with space.store.read() as tx:  # a call without a name says nothing of who made it
        c = catalogue_names.c
        assert tx.execute(select(c.name).where(c.type == "alias")).scalars().all() == [""]


def test_no_parquet_file_holds_anything_of_a_deleted_person(tmp_path: Path) -> None:
    Telling.told, Telling.fails = [], 0
    space = Space(tmp_path / "columns", partition_messages=3)
    plant(space)
    while kept_files.write_next(space.store):
        pass
    held = {mark for mark in MARKS if mark in in_files(space)}
    assert "property-marker-55cc66" in held
    assert delete(space).state == "FINISHED"
    assert found_in(space) == set()
    while kept_files.write_next(space.store):
        pass
    assert in_files(space) and found_in(space) == set()
    space.close()


def in_files(space: Space) -> str:
    """What is in Parquet files."""
    paths = space.settings.data.rglob("*.parquet")
    return "".join(str(pyarrow.parquet.read_table(path).to_pydict()) for path in paths)


def test_who_comes_back_is_a_new_person(space: Space) -> None:
    space.send(*others(), *ana()[:3])
    with space.store.read() as tx:
        before = people.resolve(tx, USERS, "user_id", "ana-7f3a91c2d4")
    delete(space)
    space.send(*ana()[:3])  # an SDK that repeats itself brings nobody back
    with space.store.read() as tx:
        assert people.resolve(tx, USERS, "user_id", "ana-7f3a91c2d4") is None
    again = {"type": "identify", "userId": "ana-7f3a91c2d4", "messageId": "new", "traits": {"n": 1}}
    space.send(again)
    with space.store.read() as tx:
        found = people.resolve(tx, USERS, "user_id", "ana-7f3a91c2d4")
        assert found is not None and before is not None
        assert found.id != before.id and found.traits.values() == {"n": 1}


def test_who_comes_back_before_the_sweep_keeps_what_is_new(space: Space) -> None:
    space.send(*others(), *ana()[:3])
    made = forget.regulate(
        space.store, "DELETE_ONLY", [("user_id", "ana-7f3a91c2d4")], "test", now(), 24
    )
    reader = open_reader(space.settings)
    while forget.step(space.store, reader, now()):
        pass
    with space.store.read() as tx:
        waiting = regulations.get(tx, made.id)
        assert waiting is not None and waiting.phase == "waiting"
        assert people.resolve(tx, USERS, "user_id", "ana-7f3a91c2d4") is None
    time.sleep(0.01)
    space.send(
        {"type": "identify", "userId": "ana-7f3a91c2d4", "messageId": "new", "traits": {"n": 1}}
    )
    assert forget.step(space.store, reader, now()) is False
    assert forget.step(space.store, reader, now() + 24 * 3_600_000) is True
    reader.close()
    assert finish(space, made).state == "FINISHED"
    with space.store.read() as tx:
        found = people.resolve(tx, USERS, "user_id", "ana-7f3a91c2d4")
        assert found is not None and found.traits.values() == {"n": 1}


def test_what_was_still_in_the_log_is_deleted_as_well(space: Space) -> None:

    space.send(*others(), *ana()[:2])
    by_address = {
        "type": "track", "event": "Opened", "messageId": "mail-1", "anonymousId": "mail-client",
        "context": {"traits": {"email": "ana.secret91@example.org"}},
    }  # fmt: skip
    body = json.dumps({"batch": [*ana()[2:4], by_address]}).encode()
    space.log.append(Record(now(), 1, "batch", body))
    time.sleep(0.01)
    delete(space)
    with space.store.read() as tx:
        assert people.resolve(tx, USERS, "user_id", "ana-7f3a91c2d4") is None
    assert found_in(space) == set()


def test_suppressed_people_are_kept_as_a_count_only(space: Space) -> None:
    Telling.told, Telling.fails = [], 0
    space.send(*others(), *ana())
    done = delete(space, "SUPPRESS_WITH_DELETE_INTERNAL")
    assert Telling.told == [] and done.state == "FINISHED"
    later = [
        {"type": "track", "event": "Seen", "userId": "ana-7f3a91c2d4", "messageId": "n1"},
        {"type": "track", "userId": "ana-7f3a91c2d4", "messageId": "n2"},
        {"type": "alias", "userId": "bob", "previousId": "ana-7f3a91c2d4", "messageId": "n3"},
    ]
    space.send(*later)
    with space.store.read() as tx:
        from cdp.store.events import progress

        assert progress.total_counts(tx)["suppressed"] == 3
        assert people.resolve(tx, USERS, "user_id", "ana-7f3a91c2d4") is None
        refused = tx.execute(rejected.select()).all()
        assert regulations.is_suppressed(tx, ("user_id", "ana-7f3a91c2d4"))
    assert refused == [] and "ana-7f3a91c2d4" not in dumped(space, log=False)
    forget.regulate(space.store, "UNSUPPRESS", [("user_id", "ana-7f3a91c2d4")], "test", now(), 24)
    space.send({**later[0], "messageId": "n4"})
    with space.store.read() as tx:
        assert people.resolve(tx, USERS, "user_id", "ana-7f3a91c2d4") is not None


def test_a_destination_that_never_forgets_makes_it_a_partial_success(space: Space) -> None:
    Telling.told, Telling.fails = [], 10**6
    with space.store.write() as tx:
        config_rows.add_destination(tx, 0, "telling", "Telling", "telling", None, {}, "test")
    space.send(*ana())
    made = forget.regulate(
        space.store, "DELETE_ONLY", [("user_id", "ana-7f3a91c2d4")], "test", now(), 24, True
    )
    reader = open_reader(space.settings)
    late = now() + 6 * 3_600_000
    forwarder = Forwarder(space.store, space.settings, {"telling": Telling}, lambda: late / 1000)
    done = forget.finish(space.store, reader, made.id, now, forwarder.step)
    reader.close()
    assert done.state == "PARTIAL_SUCCESS"
    assert found_in(space) == set()


def test_a_shared_device_is_forgotten_also_when_its_events_are_past(space: Space) -> None:
    space.send(*others(), *ana())
    space.send(*sharing())
    late = now() + 30 * 86_400_000
    made = replace(space.settings, events_days=10)
    while retention.step(space.store, made, late) or rebuild.step(space.store, late) is not None:
        pass
    assert delete(space).state == "FINISHED"
    assert found_in(space) == set()
    with space.store.read() as tx:
        found = people.resolve(tx, USERS, "user_id", "bob")
        assert found is not None and found.traits.values()["plan"] == "max"


def test_a_crash_between_forgetting_whom_and_wiping_ends_well(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    space.send(*others(), *ana())
    wipe, left = wiping.wipe, [1]

    def breaks_once(*given: Any) -> bool:
        if left:
            left.pop()
            raise KeyboardInterrupt
        return wipe(*given)

    monkeypatch.setattr(wiping, "wipe", breaks_once)
    with pytest.raises(KeyboardInterrupt):
        delete(space)
    with space.store.read() as tx:
        [made] = regulations.under_way(tx)
    assert made.work is None and made.phase == "wiping"
    assert finish(space, made).state == "FINISHED"
    assert found_in(space) == set()


def test_a_word_that_many_use_costs_nobody_anything(space: Space) -> None:
    city = {"traits": {"city": "New York City", "campaign": "spring-sale-2026-eu"}}
    mine = {"type": "identify", "userId": "ana-7f3a91c2d4", "messageId": "w1", **city}
    theirs = {"type": "identify", "userId": "bob", "messageId": "w2", **city}
    refused = {"type": "track", "userId": "bob", "messageId": "w3", "properties": city["traits"]}
    space.send(mine, theirs, refused)
    delete(space)
    with space.store.read() as tx:
        found = people.resolve(tx, USERS, "user_id", "bob")
        assert found is not None and found.traits.values() == city["traits"]
        assert [row.message_id for row in tx.execute(rejected.select())] == ["w3"]


@pytest.mark.slow
def test_a_deletion_beside_traffic_costs_nobody_an_event(space: Space) -> None:
    space.send(*others(), *ana())
    stop = threading.Event()
    pipeline = threading.Thread(target=space.pipeline.run, args=(stop,))
    pipeline.start()
    sent = 0

    def more() -> None:
        nonlocal sent
        calls = [
            {"type": "identify", "userId": f"n{n % 7}", "anonymousId": f"d{n % 11}",
             "messageId": f"t{n}", "traits": {"n": n}}
            for n in range(sent, sent + 20)
        ]  # fmt: skip
        body = json.dumps({"batch": calls}).encode()
        space.log.append(Record(now(), 1, "batch", body))
        sent += 20

    made = forget.regulate(
        space.store, "DELETE_ONLY", [("user_id", "ana-7f3a91c2d4")], "test", now(), 24, True
    )
    reader = open_reader(space.settings)
    # A reader belongs to one thread: the pipeline has its own.
    watching = Pipeline(space.store, reader, space.settings)
    try:
        for _ in range(20):
            more()
        while forget.step(space.store, reader, now()) or watching.backlog() == {}:
            more()
        done = forget.finish(space.store, reader, made.id, now, more)
        deadline = time.monotonic() + 60
        while any(watching.backlog().values()) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        stop.set()
        pipeline.join()
        reader.close()
    assert done.state == "FINISHED" and found_in(space) == set()
    with space.store.read() as tx:
        rows = history.rows_after(tx, 0, 10**6)
        bodies = history.bodies_of(tx, rows)
        ids = {json.loads(body.raw)["messageId"] for body in bodies.values()}
    assert {f"t{n}" for n in range(sent)} <= ids
