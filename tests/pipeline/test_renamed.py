"""Who loses an identifier by a message of somebody else is looked at, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.laws.test_audiences import Town


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town()
    yield town
    town.close()


def page(town: Town, ago: int, token: str | None = None, **who: str) -> dict[str, Any]:
    device = {"device": {"type": "ios", "token": token}} if token else {}
    body = {"type": "page", "name": "Home", "context": device}
    return {"t": town.now - ago, "who": who, "body": body}


def test_a_device_that_was_another_s_before(town: Town) -> None:
    town.define("iphones", {"who": 'has_device("ios")'})
    town.define("others", {"who": "!(has_device('ios'))"})
    town.settle()
    town.say([page(town, 900_000, userId="u1", anonymousId="a1")])
    town.say([page(town, 100_000, "f00d", userId="u2")])
    town.settle()
    one, two = town.members("others"), town.members("iphones")
    assert len(one) == len(two) == 1
    # Late news of a time before u2 had the phone: it is u1's.
    town.say([page(town, 500_000, "f00d", anonymousId="a1")])
    town.settle()
    assert (town.members("iphones"), town.members("others")) == (one, two)
    assert {change.cause for change in town.changes()[-4:]} == {"trait", "profile"}
