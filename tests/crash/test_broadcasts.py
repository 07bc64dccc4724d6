"""A broadcast that is killed again and again reaches everybody, nobody twice."""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

import pytest

from cdp.config import Settings
from cdp.delivery.broadcasts import acts
from cdp.store import Store
from cdp.store.defined import defining
from cdp.store.messages import broadcast_figures, broadcasts
from tests.crash.harness import Server, _wait
from tests.crash.messages import PLUGIN, Provider, _people

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(900)]

PEOPLE = 600


def test_sigkill_while_a_broadcast_goes(tmp_path: Path) -> None:
    data, provider, draw = tmp_path / "data", Provider(5), random.Random(5)
    (data / "plugins").mkdir(parents=True)
    (data / "plugins" / "counted.py").write_text(PLUGIN)
    server = Server(data)
    server.start()
    store = Store.open(Settings(data=data))
    try:
        server.cli(
            "destinations", "add", "counted", "--source", "default", "--setting",
            f"url={provider.url}",
        )  # fmt: skip
        _people(server, store, PEOPLE)
        now = int(time.time() * 1000)
        with store.write() as tx:
            body = {"channel": "email", "subject": "Hi", "body": "Hello {{ customer.email }}"}
            defining.put(tx, now, ("template", "t"), body, "test")
            plan = {"name": "All", "who": {"everybody": True}, "template": "t"}
            id_ = acts.create(tx, plan, "test", now).id
            acts.schedule(tx, id_, now, at_once=True)
        for _ in range(3):
            time.sleep(draw.uniform(0.1, 0.7))
            server.kill()
            server.start()

        def over() -> bool:
            with store.read() as tx:
                return broadcasts.get(tx, id_).state == "done"

        assert _wait(over, 300, pause=0.2)
        with store.read() as tx:
            row, states = broadcasts.get(tx, id_), broadcast_figures.states(tx, id_)
        assert server.stop() == 0
    finally:
        with contextlib.suppress(Exception):
            server.kill()
        store.close()
        provider.close()
    assert row.people == row.queued == sum(states.values()) == PEOPLE
    assert set(states) <= {"sent", "held"}
    assert states["sent"] > PEOPLE // 2
    # The provider keeps no keys: whatever it took twice was sent twice.
    assert max(provider.taken.values()) == 1
    assert len(provider.taken) <= PEOPLE
