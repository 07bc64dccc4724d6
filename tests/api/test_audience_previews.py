"""How many an audience would have: an estimate at once, and the exact count."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.store.audiences import counting
from tests.api.calls import Api
from tests.factories import Space

PREVIEW = "/api/audiences/preview"


def test_an_estimate_is_followed_by_the_exact_count(
    space: Space, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = {"type": "identify", "traits": {"plan": "pro"}}
    space.send(*({**plan, "userId": f"u{n}"} for n in range(30)))
    space.send(*({"type": "identify", "userId": f"v{n}", "traits": {"a": 1}} for n in range(10)))
    monkeypatch.setattr(counting, "AT_FIRST", 20)
    monkeypatch.setattr(counting, "AT_FIRST_SECONDS", 60)
    asked = {"who": 'traits.plan = "pro"'}
    first: dict[str, Any] = api.post(PREVIEW, {**asked, "estimate": True})
    assert (first["exact"], first["of"], first["looked_at"]) == (False, 40, 20)
    assert first["low"] <= 30 <= first["high"] and first["also_in"] is None
    exact = api.post(PREVIEW, asked)
    assert (exact["people"], exact["low"], exact["high"], exact["exact"]) == (30, 30, 30, True)
    assert exact["also_in"] == []
    assert api.post(PREVIEW, {**asked, "of": "accounts"})["people"] == 0
    # What takes too long ends as an estimate.
    monkeypatch.setattr("cdp.api.audience_previews.LONGEST", -1.0)
    monkeypatch.setattr("cdp.store.stopping._STEPS", 1)
    assert api.post(PREVIEW, asked) == first


def test_a_condition_that_cannot_be_read_says_where(api: Api) -> None:
    error = api.post(PREVIEW, {"who": "traits.plan ="}, 400)["error"]
    assert error["code"] == "validation_error" and "column" in error["fields"]["who"][0]
    api.post(PREVIEW, {}, 400)
