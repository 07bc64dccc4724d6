"""Bad input through the pipeline and into a store: it never stops, and each reason is kept."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from flask.testing import FlaskClient

from tests.laws.world import World
from tests.real.server import WRITE_KEY, ServeProcess, wait_until
from tests.tracking.conftest import MemoryLog, basic
from tests.tracking.corpus import ALL, call, sized

EXPECTED = Counter(
    code for case in ALL for code in ([case.code] if case.code else case.fate) if code
)
#: Without a messageId of their own, all of them are different messages.
KEPT = sum(case.fate.count(None) for case in ALL if case.code is None)


def test_the_pipeline_keeps_every_reason_and_every_good_message(
    client: FlaskClient, log: MemoryLog
) -> None:
    for case in ALL:
        client.post(
            f"/v1/{case.path}", data=case.body, headers={**case.headers, **basic("wk")}
        )  # fmt: skip
    world = World()
    try:
        world.log += log.records
        world.take([])
        assert Counter(code for code, _ in world.refusals()) == EXPECTED
        assert len(world.history()) == KEPT
    finally:
        world.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    server = ServeProcess(Path(tmp_path_factory.mktemp("bad-input"))).start()
    yield server
    server.stop()


@pytest.mark.real
def test_a_real_server_answers_each_as_documented_and_shows_it(serve: ServeProcess) -> None:
    with requests.Session() as session:
        for case in ALL:
            answer = session.post(
                f"{serve.url}/v1/{case.path}", data=case.body, headers=dict(case.headers),
                auth=(WRITE_KEY, ""), timeout=60,
            )  # fmt: skip
            assert answer.status_code == case.status, case.name
        good = call(userId="after-all-that", messageId="the-last-one")
        assert session.post(f"{serve.url}/v1/track", data=good, auth=(WRITE_KEY, "")).ok
    wait_until(lambda: serve.get("users/profiles/user_id:after-all-that/events"))
    assert Counter(item["code"] for item in serve.rejected()) == EXPECTED


@pytest.mark.real
def test_a_client_that_dies_in_mid_request_leaves_nothing_behind(serve: ServeProcess) -> None:
    before = len(serve.stored())
    head = (
        f"POST /v1/track?writeKey={WRITE_KEY} HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n"
    )
    for ending in (b"", call()[:20], sized(19_000)):
        with socket.create_connection(("127.0.0.1", serve.port), 5) as connection:
            connection.sendall(head.encode() + ending)
    with requests.Session() as session:
        assert session.post(f"{serve.url}/v1/track", data=call(), auth=(WRITE_KEY, "")).ok
    wait_until(lambda: len(serve.stored()) > before)
    assert len(serve.stored()) == before + 1


@pytest.mark.real
def test_what_is_far_too_large_gets_its_answer_over_the_wire(serve: ServeProcess) -> None:
    for size in (3_000_000, 6_000_000):
        answer = requests.post(
            f"{serve.url}/v1/batch", data=b" " * size, auth=(WRITE_KEY, ""), timeout=60
        )
        assert answer.status_code == (400 if size < 5_000_000 else 413)
