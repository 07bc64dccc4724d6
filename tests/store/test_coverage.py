"""What share of people has what templates ask for, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cdp.store.messages import coverage
from cdp.store.messages.coverage import NoSuchAudience, Share
from tests.factories import Space, iso
from tests.postgres import new_database

PLAN, CITY, ID, EMAIL, PRO = ("plan",), ("address", "city"), ("id",), ("email",), ("pros",)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def space(request: Any, tmp_path: Any) -> Iterator[Space]:
    made = Space(tmp_path, new_database() if request.param == "postgres" else None)
    for number in range(10):
        traits: dict[str, Any] = {"plan": "pro" if number < 4 else None}
        traits |= {"address": {"city": "Gdańsk"}} if number % 2 else {"address": "Gdańsk"}
        traits |= {"email": f"u{number}@example.org"} if number < 3 else {}
        made.send({"type": "identify", "userId": f"u{number}", "timestamp": iso(9),
                   "messageId": f"m{number}", "traits": traits})  # fmt: skip
    yield made
    made.close()


def test_shares_of_everybody_and_of_an_audience(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    with space.app.test_client() as client:
        headers = {"Authorization": f"Bearer {space.settings.api_token}"}
        body = {"key": "pros", "who": 'traits.plan = "pro"'}
        assert client.post("/api/audiences", json=body, headers=headers).status_code == 201
    space.pipeline.settle()
    with space.store.read() as tx:
        found = coverage.coverage(tx, [PLAN, CITY, ID, EMAIL, PRO])
        assert (found.of, found.looked_at, found.exact) == (10, 10, True)
        assert {path: share.have for path, share in found.shares.items()} == {
            PLAN: 4, CITY: 5, ID: 10, EMAIL: 3, PRO: 4,
        }  # fmt: skip
        assert found.shares[PLAN] == Share(4, 0.4, 0.4, 0.4)
        inside = coverage.coverage(tx, [PLAN, EMAIL], "pros")
        assert (inside.of, inside.shares[PLAN].share, inside.shares[EMAIL].have) == (4, 1.0, 3)
        with pytest.raises(NoSuchAudience):
            coverage.coverage(tx, [PLAN], "nobody")
        monkeypatch.setattr(coverage, "MOST", 5)
        some = coverage.coverage(tx, [PLAN, ID])
        assert (some.of, some.looked_at, some.exact) == (10, 5, False)
        assert some.shares[PLAN].low < some.shares[PLAN].share < some.shares[PLAN].high
        assert some.shares[ID].high == pytest.approx(1.0)
