"""Broadcasts on Postgres, as jobs, in the delivery process, and after somebody was deleted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from cdp.delivery.broadcasts.mover import Mover
from cdp.delivery.engine import Delivery
from cdp.jobs.queue import waiting
from cdp.plugin.manager import Plugins
from cdp.store.messages import broadcast_figures, broadcasts
from cdp.store.privacy import forgotten
from cdp.store.tables import broadcast_people
from tests.delivery.broadcasts.campaign import Campaign
from tests.postgres import new_database


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Campaign]:
    made = Campaign(tmp_path)
    yield made
    made.close()


@pytest.mark.postgres
def test_on_postgres_several_movers_give_everybody_one(tmp_path: Path) -> None:
    world = Campaign(tmp_path, new_database())
    try:
        for n in range(30):
            world.identify(f"u{n}", plan="pro" if n % 2 else "free")
        id_ = world.begin(who={"condition": 'traits.plan = "pro"'}, holdout=20)
        movers = [Mover(world.store, clock=world.clock) for _ in range(3)]

        def work(mover: Mover) -> None:
            for _ in range(20):
                mover.step()

        threads = [threading.Thread(target=work, args=(mover,)) for mover in movers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        world.pause(id_)
        world.run()
        assert world.got() == []
        world.resume(id_)
        world.run()
        row = world.row(id_)
        assert (row.state, row.people) == ("done", 15)
        assert len(world.got()) == len(set(world.got())) == 15 - row.held_out
        other = world.begin(per_minute=60)
        world.run()
        world.cancel(other)
        world.run(60)
        with world.store.read() as tx:
            assert set(broadcast_figures.states(tx, other)) <= {"sent", "cancelled"}
    finally:
        world.close()


def test_a_job_is_made_while_there_is_something_to_do(world: Campaign) -> None:
    world.now = time.time()  # the engine goes by the real clock
    world.identify("u1")
    id_ = world.begin()
    now = int(world.now * 1000)
    assert "broadcasts:*" in waiting(world.store, now)
    engine = Delivery(world.store, world.settings, Plugins())
    engine.work("broadcasts:*", 10)
    with world.store.read() as tx:
        assert broadcast_figures.states(tx, id_) == {"waiting": 1}
    world.run(5)
    assert "broadcasts:*" not in waiting(world.store, now)


def test_who_is_deleted_is_not_among_the_people_any_more(world: Campaign) -> None:
    node = world.identify("u1")
    world.identify("u2")
    id_ = world.begin(per_minute=1)
    world.move()
    with world.store.write() as tx:
        forgotten.forget_messages(tx, [node], [("user_id", "u1")])
        c = broadcast_people.c
        left = tx.execute(select(func.count()).where(c.broadcast == id_, c.node == node)).scalar()
    assert left == 0
    world.run(61)
    world.run(61)
    assert world.got() == ["u2@example.org"]
    with world.store.read() as tx:
        assert broadcasts.get(tx, id_).state == "done"
