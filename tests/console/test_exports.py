"""Exports by clicks: handed over as they are written, and noted."""

from __future__ import annotations

import pytest

from tests.console.factory import Browser, World, words
from tests.console.test_masking import viewer_of

ANA = {"type": "identify", "userId": "u1", "traits": {"plan": "pro"}}
COURSE = {"type": "group", "userId": "u1", "groupId": "c1", "traits": {"objectTypeId": "course"}}


@pytest.mark.parametrize(
    ("what", "lines"),
    [("people", 2), ("accounts", 1), ("objects", 2), ("identifiers", 3), ("events", 3)],
)
def test_each_kind_comes_as_a_file_and_is_listed(
    world: World, admin: Browser, what: str, lines: int
) -> None:
    world.send(ANA, COURSE)
    answer = admin.post("/people/exports", what=what, format="csv")
    assert answer.status_code == 200 and answer.text.count("\r\n") == lines
    assert f'filename="{what}.csv"' in answer.headers["Content-Disposition"]
    text = words(admin.page("/people/exports"))
    assert f"Done {lines - 1} console" in text


def test_events_are_chosen_by_their_days(world: World, admin: Browser) -> None:
    old = {"type": "track", "event": "A", "userId": "u1", "timestamp": "2025-01-31T12:00:00Z"}
    world.send(old, {**old, "event": "B", "timestamp": "2025-02-01T00:00:00Z"})
    fields = {"what": "events", "format": "jsonl", "from": "2025-01-31", "to": "2025-02-01"}
    answer = admin.post("/people/exports", **fields)
    assert answer.text.count("\n") == 1 and '"A"' in answer.text
    assert "to Sat 1 Feb 2025" in words(admin.page("/people/exports"))


def test_what_cannot_be_is_told(world: World, admin: Browser) -> None:
    wrong = admin.post("/people/exports", what="messages", format="csv")
    assert wrong.status_code == 422 and "JSON lines only" in wrong.text
    wrong = admin.post("/people/exports", what="events", format="csv", **{"from": "tomorrow"})
    assert wrong.status_code == 422 and "tomorrow" in wrong.text
    assert admin.post("/people/exports", what="secrets", format="csv").status_code == 400


def test_a_viewer_sees_what_has_left_and_takes_nothing_out(world: World, admin: Browser) -> None:
    world.send(ANA)
    admin.post("/people/exports", what="people", format="jsonl")
    viewer = viewer_of(world)
    text = viewer.page("/people/exports")
    assert "People" in words(text) and "Export and download" not in text
    assert viewer.post("/people/exports", what="people", format="jsonl").status_code == 403
