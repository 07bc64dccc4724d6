"""Providers that tell nothing by themselves are asked, for a day, and each thing counts once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.delivery.messages import inquiring
from cdp.plugin import Inquiry, Receipt, Report, Retry
from cdp.store.messages import reports
from cdp.store.messages.inquiries import EVERY_MS, FOR_MS
from cdp.store.privacy.forgotten import forget_messages
from tests.delivery.messages.post import Post, box


class House(Post):
    """A post office whose provider answers what ``says`` holds, question by question."""

    def __init__(self, folder: Path) -> None:
        self.says: list[Any] = []
        self.questions: list[list[str]] = []
        outer = self

        def inquire(_channel: Any, asked: list[Inquiry]) -> list[Any]:
            outer.questions.append([str(one.ask["t"]) for one in asked])
            said = outer.says.pop(0)
            if isinstance(said, BaseException):
                raise said
            return [said and [said(one)] for one in asked]

        kind = box([Receipt.sent("p", ask={"t": "t1"})])
        kind.inquire = inquire  # type: ignore[method-assign, assignment]
        super().__init__(folder, boxes=[kind])

    def ask_it(self, seconds: float) -> int:
        self.now += seconds
        return inquiring.step(self.store, self.providers, int(self.now * 1000))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def bounced(one: Inquiry) -> Report:
    return Report("bounced", "r1", 5, delivery=one.delivery, reason="gone")


def test_it_is_asked_until_it_knows_and_then_no_more(house: House) -> None:
    id_ = house.ask(house.identify("u1"))
    house.settle()
    house.says = [None, Retry("away"), ValueError("a bug"), bounced]
    assert house.ask_it(1) == 0
    quarter = EVERY_MS / 1000 + 1
    assert [house.ask_it(quarter) for _ in range(5)] == [1, 1, 1, 1, 0]
    assert house.questions == [["t1"]] * 4
    assert house.row(id_).state == "bounced" and house.row(id_).reason == "gone"
    with house.store.read() as tx:
        assert [one.kind for one in reports.of_delivery(tx, id_)] == ["bounced"]


def test_after_a_day_it_is_left_and_what_is_forgotten_is_not_asked_after(house: House) -> None:
    node = house.identify("u1")
    id_ = house.ask(node)
    house.settle()
    assert house.ask_it(FOR_MS / 1000 + 1) == 0 and house.questions == []
    assert house.row(id_).state == "sent"
    with house.store.write() as tx:
        forget_messages(tx, [node], [])
    assert house.ask_it(FOR_MS) == 0
