"""How-to guides are followed where a machine alone can follow them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.docs.tutorial import Reader
from tests.real.server import WRITE_KEY, ServeProcess, wait_until

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    "page",
    [
        "import-history",
        "import-people",
        "export",
        "replay-events",
        "definitions-in-git",
        "write-a-template",
        "change-a-running-journey",
        "run-an-experiment",
    ],
)
def test_the_commands_print_what_the_page_shows(reader: Reader, page: str) -> None:
    reader.follow(f"how-to/{page}.md")


def test_the_receiver_takes_signed_events_and_no_others(reader: Reader, tmp_path: Path) -> None:
    reader.follow("how-to/receive-a-webhook.md")
    heard = tmp_path / "background-0.log"
    key = (reader.printed["write key"], "")
    tracking = reader.printed["console"] + "v1"
    order = {"userId": "ada", "event": "Order Completed"}
    for message in ({"userId": "ada", "event": "Seen"}, order):
        requests.post(f"{tracking}/track", json=message, auth=key, timeout=60)
    wait_until(lambda: "track Order Completed ada" in heard.read_text(), what="for the order")
    assert "Seen" not in heard.read_text()

    hook = f"http://127.0.0.1:{reader.other_port}/hook"
    headers = {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
    assert requests.post(hook, json=order, headers=headers, timeout=60).status_code == 400
    assert requests.post(hook, json=order, timeout=60).status_code == 400


def test_a_server_goes_on_from_a_backup_made_while_it_ran(reader: Reader) -> None:
    def track(server: ServeProcess, name: str) -> None:
        message = {"userId": "ada", "event": name}
        url = f"{server.url}/v1/track"
        assert requests.post(url, json=message, auth=(WRITE_KEY, ""), timeout=60).status_code == 200

    before = ServeProcess(reader.checkout / "data").start()
    try:
        for name in ("One", "Two"):
            track(before, name)
        before.catch_up()
        reader.follow("how-to/back-up.md")
        assert "Two" in reader.output
    finally:
        before.stop()
    after = ServeProcess(reader.checkout / "restored").start()
    try:
        track(after, "Three")
        after.catch_up()
        events = after.events("user_id:ada")
        assert [event["event"] for event in events] == ["One", "Two", "Three"]
    finally:
        after.stop()
