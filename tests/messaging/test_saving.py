"""What of a webhook's answer becomes traits, and what an event carries of it."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.messaging.saving import MAX_TEXT, call_of, faults, saved, shortened

ANSWER: dict[str, Any] = {
    "status": 201,
    "headers": {"etag": "x1", "server": "nginx"},
    "body": "…",
    "json": {"plan": {"name": "pro", "seats": 3}, "items": [{"id": 7}, None], "none": None},
}


def test_paths_give_values_with_their_types_and_lack_what_is_not_there() -> None:
    saves = {
        "plan": "json.plan.name", "seats": "{{ response.json.plan.seats }}", "whole": "json.plan",
        "first": "json.items[0].id", "none": "json.none", "status": "status", "tag": "headers.etag",
        "past": "json.items[9].id", "deep": "json.items[1].id", "odd": "json.plan[0]",
        "text": "body", "gone": "headers.x-none",
    }  # fmt: skip
    assert not list(faults(saves))
    assert saved(saves, ANSWER) == {
        "plan": "pro", "seats": 3, "whole": {"name": "pro", "seats": 3}, "first": 7, "none": None,
        "status": 201, "tag": "x1", "text": "…",
    }  # fmt: skip
    assert saved({"x": "json.plan"}, {"status": 200, "body": "no JSON"}) == {}
    assert saved({"x": "json"}, {"json": "y" * 40_000}) == {}


@pytest.mark.parametrize(
    "path",
    ["", "plan", "json..x", "json.items[x]", "{{ customer.id }}", "json.a | upcase", "cookies"],
)
def test_what_is_no_path_is_told(path: str) -> None:
    [(trait, text)] = faults({"t": path})
    assert trait == "t" and "json.plan.name" in text


def test_an_event_carries_what_fits_and_no_header_that_nobody_asked_for() -> None:
    found = shortened(ANSWER)
    assert found == {"status": 201, "headers": {"etag": "x1"}, "json": ANSWER["json"]}
    long = shortened({"status": 200, "headers": {}, "body": "x" * 10_000})
    assert len(long["body"]) == MAX_TEXT and long["cut"] is True
    assert "json" not in shortened({**ANSWER, "json": "y" * 40_000})


def test_the_call_names_the_person_or_there_is_none() -> None:
    call = call_of({"plan": "pro"}, "d1", 1_700_000_000_000, {"user_id": "u1"})
    assert call is not None
    assert (call["type"], call["userId"], call["traits"]) == ("identify", "u1", {"plan": "pro"})
    assert call_of({}, "d1", 1, {"user_id": "u1"}) is None
    assert call_of({"plan": "pro"}, "d1", 1, {}) is None
