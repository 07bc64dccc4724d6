"""The front of the app, while the rest is still put together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import Client

from cdp.server.front import Opening, create_front
from tests.factories import KEY, Space, basic

CALL = {"type": "track", "event": "Order Completed", "userId": "u1", "messageId": "m1"}


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    made = Space(tmp_path)
    yield made
    made.close()


def test_messages_are_taken_at_once_and_all_else_waits(space: Space) -> None:
    may_go_on = threading.Event()

    def make() -> Flask:
        assert may_go_on.wait(60)
        return space.app

    opening = Opening(create_front(space.settings, space.store, space.log), make)
    client = Client(opening)
    assert client.post("/v1/track", json=CALL, headers=basic(KEY)).status_code == 200
    assert client.post("/v1/track", json=CALL, headers=basic("no key")).status_code == 401
    assert client.get("/healthz").status_code == 200
    with ThreadPoolExecutor(3) as others:
        waiting = [
            others.submit(Client(opening).get, address)
            for address in ("/login", "/api/openapi.json", f"/v1/projects/{KEY}/settings")
        ]
        posted = others.submit(Client(opening).post, "/v1/send/email", json={})
        assert not any(answer.done() for answer in (*waiting, posted))
        may_go_on.set()
        codes = [answer.result(60).status_code for answer in (*waiting, posted)]
    assert codes == [200, 401, 200, 401]
    assert client.post("/v1/track", json=CALL, headers=basic(KEY)).status_code == 200
    assert space.pipeline.drain() == 1  # and its repeat is known


def test_a_process_that_cannot_put_its_app_together_ends(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    over = threading.Event()

    def exit_(code: int) -> None:
        ended.append(code)
        over.set()

    monkeypatch.setattr("cdp.server.front.os._exit", exit_)

    def make() -> Flask:
        raise RuntimeError("the templates are not there")

    front = create_front(space.settings, space.store, space.log)
    Opening(front, make)
    assert over.wait(60)
    front.extensions["sources"].close()
    assert ended == [1]
