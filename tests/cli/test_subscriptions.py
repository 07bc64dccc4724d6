"""``cdp suppressions``, and what a person wants by command."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cdp


def test_addresses_by_command(cdp: Cdp, tmp_path: Path) -> None:
    data = ("--data", str(cdp.data))
    cdp("suppressions", "add", "ana@example.org", "--detail", "asked", *data)
    assert "is not an email address" in cdp.refuses("suppressions", "add", "nobody", *data)
    file = tmp_path / "list.csv"
    file.write_text("email\nb@example.org\nnobody\n")
    assert "1 taken, 1 refused" in cdp("suppressions", "import", str(file), *data).out
    rows = cdp("suppressions", "list", "--json", *data).rows
    assert {row["address"] for row in rows} == {"ana@example.org", "b@example.org"}
    assert "b@example.org" in cdp("suppressions", "export", *data).out
    cdp("suppressions", "remove", "b@example.org", "--yes", *data)
    refused = cdp.refuses("suppressions", "remove", "b@example.org", "--yes", *data)
    assert "is not on the list" in refused


def test_a_person_s_wishes_by_command(cdp: Cdp, tmp_path: Path) -> None:
    data = ("--data", str(cdp.data))
    file = tmp_path / "people.jsonl"
    file.write_text(json.dumps({"type": "identify", "userId": "u1", "traits": {"a": 1}}) + "\n")
    cdp("import", str(file), *data)
    cdp("topics", "add", "news", "--name", "News", *data)
    cdp("profiles", "unsubscribe", "user_id:u1", "news", *data)
    cdp("profiles", "unsubscribe", "user_id:u1", "everything", *data)
    [found] = cdp("profiles", "subscriptions", "user_id:u1", "--json", *data).rows
    assert found["unsubscribed"] is True and not found["topics"][0]["subscribed"]
    cdp("profiles", "subscribe", "user_id:u1", "everything", *data)
    assert "topic:news" in cdp("profiles", "subscriptions", "user_id:u1", *data).out
    refused = cdp.refuses("profiles", "subscribe", "user_id:u1", "nope", *data)
    assert "there is no topic nope" in refused
