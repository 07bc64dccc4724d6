"""Push, else SMS, else email: one message for one reason, and the next where it is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.delivery.messages import following
from cdp.delivery.messages.checks import Checks
from cdp.delivery.messages.reports import record_reports
from cdp.delivery.messages.runner import MessageRunner
from cdp.messaging.chain import Chain, Link
from cdp.messaging.names import delivery_name
from cdp.messaging.request import Request
from cdp.plugin import Receipt, Report
from cdp.store import config_rows
from cdp.store.messages import asking, deliveries, followups, link_keys, preferences
from cdp.store.messages.deliveries import Delivery
from cdp.store.privacy.forgotten import forget_messages
from tests.delivery.messages.post import Plain, Post, box

SMS, EMAIL = Link("sms", "t_sms"), Link("email", "t_email")
HOUR = 3_600_000


class House(Post):
    """A post office with text messages besides."""

    def __init__(self, folder: Path, sms: Any = (), email: Any = ()) -> None:
        texts = type("Texts", (box(sms, key="texts"),), {"channel": "sms"})
        self.sms, self.mail = texts, box(email)
        super().__init__(folder, boxes=[self.sms, self.mail])
        self.texter = MessageRunner(
            self.store, "sms", self.providers, Plain(self), Checks(), 4.0, self.clock
        )

    def chain(self, node: int, key: str = "k", unread_ms: int | None = None) -> int:
        request = Request(key, "", node, "test", chain=Chain((SMS, EMAIL), unread_ms))
        with self.store.write() as tx:
            return asking.ask(tx, [request], self.ms)[0].id

    @property
    def ms(self) -> int:
        return int(self.now * 1000)

    def settle(self, seconds: float = 0.0) -> None:
        self.now += seconds
        while self.texter.step() or self.mover.step() or following.step(self.store, self.ms):
            pass

    def sent(self) -> list[tuple[str, str]]:
        """(channel, key) of all that was handed over."""
        return [("sms", m.key) for m in self.sms.got] + [("email", m.key) for m in self.mail.got]

    def of(self, node: int) -> list[Delivery]:
        with self.store.read() as tx:
            return deliveries.of_node(tx, node)

    def left(self) -> int:
        with self.store.read() as tx:
            return len(followups.due(tx, 2**60, 100))

    def tell(self, id_: int, kind: str, **more: Any) -> None:
        with self.store.write() as tx:
            keys = link_keys.ensure(tx)
        report = Report(kind, f"{kind}{id_}", self.ms, delivery=delivery_name(keys, id_), **more)
        with self.store.read() as tx:
            of = config_rows.all_destinations(tx)[0]
        record_reports(self.store, of, "sms", [report], self.ms)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def test_the_first_channel_that_reaches_somebody_is_the_only_one(house: House) -> None:
    both = house.identify("u1", phone="+48600700800")
    mail_only = house.identify("u2")
    house.chain(both, "a")
    other = house.chain(mail_only, "b")
    house.settle()
    assert sorted(house.sent()) == [("email", "b"), ("sms", "a")]
    assert house.row(other).template == "t_email"
    assert house.row(other).data["chain"] == {
        "channels": ["sms", "email"], "passed": {"sms": "no_address"},
    }  # fmt: skip
    house.settle(1e6)
    assert len(house.sent()) == 2 and house.left() == 0


def test_what_somebody_does_not_want_there_goes_by_the_next(house: House) -> None:
    node = house.identify("u1", phone="+48600700800")
    with house.store.write() as tx:
        preferences.put(tx, node, {"channel:sms": False}, house.ms, "api")
    house.chain(node)
    house.settle()
    assert house.sent() == [("email", "k")]


@pytest.mark.parametrize("lost", [Receipt.bounced("no such number"), Receipt.failed("refused")])
def test_what_surely_did_not_arrive_is_followed_by_the_next(tmp_path: Path, lost: Receipt) -> None:
    house = House(tmp_path, sms=[lost])
    node = house.identify("u1", phone="+48600700800")
    house.chain(node)
    house.settle()
    assert [row.key for row in house.of(node)] == ["k", "k>email"]
    assert [m.key for m in house.mail.got] == ["k>email"]
    after = house.of(node)[1].data["chain"]
    assert after["why"] == lost.kind and after["after"]
    house.close()


def test_an_opt_out_before_it_is_handed_over_lets_the_next_go(house: House) -> None:
    node = house.identify("u1", phone="+48600700800")
    house.chain(node)
    with house.store.write() as tx:
        preferences.put(tx, node, {"channel:sms": False}, house.ms, "api")
    house.settle()
    assert house.sent() == [("email", "k>email")]


def test_what_may_have_arrived_is_followed_by_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, sms=[Receipt.unknown("no answer")])
    id_ = house.chain(house.identify("u1", phone="+48600700800"), unread_ms=HOUR)
    house.settle()
    house.settle(86_400)
    assert house.state(id_) == "held" and not house.mail.got
    # Once it is known that it was sent, it may be unread.
    house.tell(id_, "delivered")
    house.settle(3601)
    assert [m.key for m in house.mail.got] == ["k>email"]
    house.close()


def test_what_is_not_read_in_time_is_followed_and_what_is_read_is_not(house: House) -> None:
    unread = house.identify("u1", phone="+48600700800")
    read = house.identify("u2", phone="+48600700801")
    house.chain(unread, "a", HOUR)
    seen = house.chain(read, "b", HOUR)
    house.settle()
    house.settle(3500)
    house.tell(seen, "clicked", detail={"href": "https://x.example"})
    assert not house.mail.got
    house.settle(101)
    house.settle(86_400)
    assert [m.key for m in house.mail.got] == ["a>email"] and house.left() == 0


def test_an_opening_by_a_machine_is_no_reading(house: House) -> None:
    id_ = house.chain(house.identify("u1", phone="+48600700800"), unread_ms=HOUR)
    house.settle()
    house.tell(id_, "opened", machine=True)
    house.settle(3601)
    assert len(house.mail.got) == 1


def test_asked_again_it_is_one_message_though_another_channel_would_be_first(house: House) -> None:
    node = house.identify("u1")
    first = house.chain(node)
    house.identify("u1", phone="+48600700800")
    assert house.chain(node) == first
    house.settle()
    assert house.sent() == [("email", "k")] and len(house.of(node)) == 1


def test_whom_no_channel_reaches_has_one_delivery_that_says_why(house: House) -> None:
    node = house.identify("u1", email=None)
    house.put("identify", {"userId": "u3", "traits": {"plan": "pro"}})
    node = house.node("u3")
    house.chain(node)
    house.settle()
    [row] = house.of(node)
    assert (row.channel, row.state, row.reason) == ("sms", "undeliverable", "no_address")
    assert house.left() == 0


def test_what_is_cancelled_or_forgotten_is_followed_by_nothing(house: House) -> None:
    nodes = [house.identify(f"u{n}", phone=f"+4860070080{n}") for n in (1, 2)]
    for node in nodes:
        house.chain(node, f"k{node}", HOUR)
    house.settle()
    with house.store.write() as tx:
        forget_messages(tx, nodes[:1], [])
    assert house.left() == 1
    house.settle(3601)
    assert [m.key for m in house.mail.got] == [f"k{nodes[1]}>email"]


def test_it_follows_once_whoever_dies_between(house: House, monkeypatch: Any) -> None:
    house.chain(house.identify("u1", phone="+48600700800"), unread_ms=HOUR)
    house.settle()
    house.now += 3601
    drop = followups.drop

    class Killed(BaseException):
        pass

    def dies(*args: Any) -> None:
        raise Killed

    for at in ("drop", "put_off"):
        monkeypatch.setattr(followups, at, dies)
        with pytest.raises(Killed):
            following.step(house.store, house.ms)
        monkeypatch.undo()
    monkeypatch.setattr(followups, "drop", lambda tx, ids: drop(tx, ids))
    house.settle()
    house.settle(10)
    assert [m.key for m in house.mail.got] == ["k>email"]
