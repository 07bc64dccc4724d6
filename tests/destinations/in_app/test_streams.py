"""Replies that are held open, under the real server."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests
from cdp_inapp.tokens import sign

from tests.destinations.in_app.waiting import SECRET
from tests.real.server import ServeProcess, wait_until

pytestmark = pytest.mark.real


def ask(serve: ServeProcess, user: str, path: str) -> requests.Response:
    token = sign(SECRET.encode(), ("user_id", user), int(time.time() + 600))
    return requests.get(
        f"{serve.url}/channels/in_app/{path}",
        headers={"Authorization": f"Bearer {token}"}, stream=True, timeout=60,
    )  # fmt: skip


def start(data: Path, **env: str) -> ServeProcess:
    """A server that knows its in-app destination."""
    serve = ServeProcess(data, **env).start()
    serve.cli("destinations", "add", "in_app", "--setting", f"secret={SECRET}")
    wait_until(lambda: ask(serve, "u1", "messages").status_code == 200)
    return serve


def test_streams_take_no_thread_of_other_requests_and_are_given_back(tmp_path: Path) -> None:
    serve = start(tmp_path, CDP_WEB_THREADS="2", CDP_OPEN_STREAMS="3")
    try:
        held = [ask(serve, f"u{number}", "stream") for number in range(3)]
        assert [answer.status_code for answer in held] == [200] * 3
        full = ask(serve, "u9", "stream")
        assert full.status_code == 503 and int(full.headers["Retry-After"]) > 0
        for _ in range(5):
            assert requests.get(f"{serve.url}/healthz", timeout=60).status_code == 200
        for answer in held:
            answer.close()
        # Noticed when the next sign of life can't be sent.
        wait_until(lambda: ask(serve, "u9", "stream").status_code == 200, 40)
    finally:
        serve.stop()


def test_open_streams_do_not_hold_up_the_end(tmp_path: Path) -> None:
    serve = start(tmp_path)
    lines = ask(serve, "u2", "stream").iter_lines()
    assert next(lines).startswith(b"retry:")
    serve.stop()
    # Without being told they would be killed, and break off.
    assert b"event: messages" in list(lines)
