"""Sample data comes in as history and goes without a trace."""

import json
import time
from pathlib import Path

import pytest

from cdp.config import Settings
from cdp.demo import Demo
from cdp.demo.shop import Shop
from cdp.log import Record, open_log, open_reader
from cdp.pipeline.run import Pipeline
from cdp.server.bootstrap import bootstrap
from cdp.store import Store, config_rows
from cdp.store.catalogue import reads as catalogue_reads
from cdp.store.events import history
from cdp.store.profiles import people
from cdp.store.tables import ACCOUNTS, HISTORICAL, USERS, identifiers, nodes, rejected


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


@pytest.fixture
def store(settings: Settings) -> Store:
    store = Store.open(settings)
    bootstrap(store, settings)
    return store


def fold(store: Store, settings: Settings) -> None:
    reader = open_reader(settings)
    Pipeline(store, reader, settings).drain()
    reader.close()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shop.__init__, "__defaults__", (300, 42))


def test_the_shop_is_the_same_every_time() -> None:
    one, two = ([json.dumps(m) for m in Shop(10**12, 1).messages()] for _ in range(2))
    assert one == two and len(one) > 1500


def test_it_is_loaded_as_history_and_removed_whole(store: Store, settings: Settings) -> None:
    log = open_log(settings)
    mine = {"type": "identify", "userId": "me", "traits": {"name": "Me"}, "messageId": "mine"}
    log.append(Record(1_790_000_000_000, 1, "identify", json.dumps(mine).encode()))
    demo = Demo(store, settings)
    assert demo.demo_state()["state"] == "absent"
    demo.start_demo(wait=True)
    assert demo.demo_state()["state"] == "loading"
    fold(store, settings)
    assert demo.demo_state() == {"state": "present", "done": 1.0, "error": None}
    with store.read() as tx:
        assert people.count(tx, USERS) > 200 and people.count(tx, ACCOUNTS) >= 1
        rows = history.rows_after(tx, 1, 100_000)
        assert all(row.flags & HISTORICAL for row in rows if row.source != 1)
        assert tx.execute(rejected.select()).first() is not None
        tablet = people.resolve(tx, USERS, "anonymous_id", "demo-tablet-0")
        assert tablet is not None
    today = int(time.time()) // 86_400
    with store.read() as tx:
        listed = catalogue_reads.entries(tx, today).entries
        assert {"Order Completed", "identify", "group"} <= {entry.label for entry in listed}
    demo.remove_demo(wait=True)
    assert demo.demo_state()["state"] == "absent"
    with store.read() as tx:
        [entry] = catalogue_reads.entries(tx, today).entries
        assert (entry.label, entry.n) == ("identify", 1)
        fields = catalogue_reads.fields_of(tx, "identify")[1]
        assert [field.path for field in fields.fields] == ["name"]
        assert people.count(tx, USERS) == 1 and people.count(tx, ACCOUNTS) == 0
        assert len(tx.execute(nodes.select()).all()) == 1
        assert len(tx.execute(identifiers.select()).all()) == 1
        [row] = history.rows_after(tx, 1, 100_000)
        assert json.loads(history.bodies_of(tx, [row])[row.seq].raw)["messageId"] == "mine"
        assert tx.execute(rejected.select()).first() is None
        assert [source.key for source in config_rows.all_sources(tx)] == ["default"]


def test_it_can_be_loaded_again_after_it_was_removed(store: Store, settings: Settings) -> None:
    demo = Demo(store, settings)
    for _ in range(2):
        demo.start_demo(wait=True)
        fold(store, settings)
        assert demo.demo_state()["state"] == "present"
        with store.read() as tx:
            assert people.count(tx, USERS) > 200
        demo.remove_demo(wait=True)
