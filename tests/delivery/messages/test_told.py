"""Events tell of all that becomes of a message, and carry what it was answered with."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import select

from cdp.delivery.messages.checks import Checks
from cdp.delivery.messages.compose import Prepared
from cdp.delivery.messages.runner import MessageRunner
from cdp.messaging.request import Flag
from cdp.plugin import Receipt
from cdp.store.messages import broadcast_figures, preferences, reports
from cdp.store.messages import reads as message_reads
from cdp.store.tables import emissions
from tests.delivery.messages.post import Plain, Post, box


class House(Post):
    """A post office whose messages save what they are answered with."""

    def __init__(self, folder: Path, *script: Any) -> None:
        super().__init__(folder, boxes=[box(script)])
        outer = self

        class Saving(Plain):
            def compose(self, found: Any, now: int) -> Any:
                saves = {"score": "json.score", "gone": "json.nothing"}
                return [
                    item._replace(saves=saves) if isinstance(item, Prepared) else item
                    for item in super().compose(found, now)
                ]

        self.mover = MessageRunner(
            self.store, "email", self.providers, Saving(outer), Checks(), 4.0, self.clock
        )

    def calls(self) -> list[dict[str, Any]]:
        with self.store.read() as tx:
            found = tx.execute(select(emissions.c.body).order_by(emissions.c.id)).scalars()
            return [json.loads(body) for body in found]

    def told(self) -> list[str]:
        return [call["event"] for call in self.calls() if call["type"] == "track"]


def test_each_try_and_its_end_are_told_with_their_reasons(tmp_path: Path) -> None:
    house = House(tmp_path, Receipt.retry("busy"), Receipt.failed("no such box"))
    house.ask(house.identify("u1"))
    for _ in range(3):
        house.settle(60)
    assert house.told() == ["Email Attempted", "Email Failed"]
    first, last = (call["properties"] for call in house.calls())
    assert (first["reason"], last["reason"]) == ("busy", "no such box")
    assert len({call["messageId"] for call in house.calls()}) == 2
    house.close()


def test_what_is_withheld_is_told_and_a_trial_is_not(tmp_path: Path) -> None:
    house = House(tmp_path)
    node = house.identify("u1")
    with house.store.write() as tx:
        preferences.put(tx, node, {"*": False}, 1, "api")
    house.ask(node)
    house.ask(node, flags=Flag.TEST)
    house.settle()
    assert house.told() == ["Email Undeliverable"]
    [call] = house.calls()
    assert call["properties"]["reason"] == "unsubscribed" and call["userId"] == "u1"
    house.close()


def test_of_a_crowd_that_is_withheld_some_are_told_and_all_are_counted(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.mover = MessageRunner(
        house.store, "email", house.providers, Plain(house), Checks(), 4.0, house.clock,
        withheld_events=3,
    )  # fmt: skip
    node = house.identify("u1")
    with house.store.write() as tx:
        preferences.put(tx, node, {"*": False}, 1, "api")
    for _ in range(2):
        for _ in range(4):
            house.ask(node, origin="broadcast", origin_key="7")
        house.settle()
    own = [house.ask(node, origin="journey", origin_key="j") for _ in range(4)]
    house.ask(node, origin="broadcast", origin_key="8")
    house.settle()
    keys = [call["properties"].get("campaign_id") for call in house.calls()]
    assert Counter(keys) == {"7": 3, "j": len(own), "8": 1}
    with house.store.read() as tx:
        assert broadcast_figures.reasons(tx, 7, "undeliverable") == {"unsubscribed": 8}
        assert broadcast_figures.withheld(tx, "7", 5) == 5
    house.close()


def test_a_message_that_is_tried_again_and_again_is_told_of_once(tmp_path: Path) -> None:
    house = House(tmp_path, *[Receipt.retry("busy")] * 3)
    house.ask(house.identify("u1"))
    for _ in range(4):
        house.settle(600)
    assert house.told() == ["Email Attempted", "Email Sent"]
    house.close()


def test_what_a_call_was_answered_with_is_told_kept_and_becomes_traits(tmp_path: Path) -> None:
    answer = {"status": 200, "headers": {"set": "x", "etag": "e1"}, "json": {"score": 7}}
    house = House(
        tmp_path, Receipt.sent("p", response=answer), Receipt.failed("no", response=answer)
    )
    id_ = house.ask(house.identify("u1"))
    house.settle()
    house.ask(house.identify("u2"))
    house.settle()
    saved, sent = (call for call in house.calls() if call["userId"] == "u1")
    assert saved["traits"] == {"score": 7}
    assert sent["properties"]["response"] == {
        "status": 200, "headers": {"etag": "e1"}, "json": {"score": 7},
    }  # fmt: skip
    # What failed says what it was answered with, and is no news of the person.
    [told] = [call for call in house.calls() if call["userId"] == "u2"]
    assert told["event"] == "Email Failed" and told["properties"]["response"]["status"] == 200
    with house.store.read() as tx:
        [kept] = reports.of_delivery(tx, id_)
    assert (kept.kind, kept.detail) == ("answered", answer)
    house.close()


def test_an_event_of_a_journey_says_which_message_it_is() -> None:
    from cdp.messaging.told import event_of

    about = {"id": "d1", "origin": "journey", "origin_key": "welcome", "step": "s", "key": "k"}
    call = event_of("failed", "webhook", about, 1, "x", {"user_id": "u1"}, {"reason": "no"})
    assert call is not None and call["event"] == "Webhook Failed"
    assert (call["properties"]["delivery_key"], call["properties"]["step"]) == ("k", "s")
    other = event_of(
        "failed", "sms", {**about, "origin": "broadcast"}, 1, "x", {"user_id": "u"}, {}
    )
    assert other is not None and "delivery_key" not in other["properties"]


def test_messages_are_counted_by_the_domain_of_their_recipients(tmp_path: Path) -> None:
    house = House(tmp_path)
    for to in ("ana@example.org", "Bo <bo@Example.org>, c@x.example", "+48600700800", "d@y.net"):
        house.ask(None, recipient=to)
    house.settle()
    with house.store.read() as tx:
        found = message_reads.counts(tx, message_reads.Which(), ("domain",))
        both = message_reads.counts(tx, message_reads.Which(), ("channel", "domain"))
    domains = [(row["domain"], row["total"], row["sent"]) for row in found]
    assert domains == [("example.org", 2, 2), ("y.net", 1, 1)]
    assert {(row["channel"], row["domain"]) for row in both} == {
        ("email", "example.org"), ("email", "y.net"),
    }  # fmt: skip
    house.close()
