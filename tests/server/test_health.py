"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdp.store import meta
from tests.factories import Space, ana


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    made = Space(tmp_path)
    yield made
    made.close()


def beat(space: Space, seconds_ago: float) -> None:
    with space.store.write() as tx:
        meta.put(tx, "pipeline_seen", str(int((time.time() - seconds_ago) * 1000)))


def test_a_server_is_ready_while_the_pipeline_lives(space: Space) -> None:
    client = space.client()
    beat(space, 5)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready"})


def test_without_a_pipeline_it_is_not_ready_and_says_why(space: Space) -> None:
    client = space.client()
    for seconds in (None, 61):
        if seconds is not None:
            beat(space, seconds)
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json == {
            "status": "not ready",
            "reasons": ["pipeline: no sign of life for a minute"],
        }
    assert client.get("/healthz").status_code == 200


def test_a_log_that_fails_is_a_reason(space: Space) -> None:
    client = space.client()
    beat(space, 0)
    space.log.failing = "disk full"
    assert client.get("/readyz").json == {"status": "not ready", "reasons": ["log: disk full"]}
    space.log.failing = None
    space.log.close()
    assert client.get("/readyz").json["reasons"] == ["log: it is closed"]  # type: ignore[index]


def test_a_store_that_is_away_is_a_reason(space: Space) -> None:
    client = space.client()
    with space.store.write() as tx:
        tx.exec_driver_sql("ALTER TABLE meta RENAME TO gone")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None and answer.json["reasons"][0].startswith("store: ")


def test_metrics_count_messages_and_refusals(space: Space) -> None:
    space.send(*ana(), {"type": "nonsense", "userId": "u"})
    text = space.client().get("/metrics").text
    assert 'cdp_messages_total{type="identify"} 2.0' in text
    assert 'cdp_rejected_total{code="unknown_type"} 1.0' in text
