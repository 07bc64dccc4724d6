"""What providers tell of messages later: once each, in any order, forged ones never."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cdp.delivery.messages.reports import record_reports
from cdp.messaging.names import delivery_name
from cdp.plugin import Report
from cdp.store import config_rows
from cdp.store.messages import link_keys, preferences
from cdp.store.tables import emissions
from tests.delivery.messages.post import Post


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    made = Post(tmp_path)
    with made.store.write() as tx:
        link_keys.ensure(tx)
    yield made
    made.close()


def tell(post: Post, *reports: Report, channel: str = "email") -> int:
    with post.store.read() as tx:
        destination = config_rows.all_destinations(tx)[0]
    return record_reports(post.store, destination, channel, reports, int(post.now * 1000))


def name(post: Post, id_: int) -> str:
    with post.store.read() as tx:
        return delivery_name(link_keys.load(tx), id_)


def events(post: Post) -> list[bytes]:
    with post.store.read() as tx:
        return [bytes(row.body) for row in tx.execute(select(emissions).order_by(emissions.c.id))]


def sent(post: Post, **more: Any) -> int:
    id_ = post.ask(post.identify("u1"), **more)
    post.settle()
    return id_


def test_every_order_of_reports_gives_the_same(post: Post) -> None:
    now = int(post.now * 1000)
    kinds = ("delivered", "opened", "clicked", "opened")
    ends = set()
    for order in itertools.permutations(range(4)):
        id_ = sent(post)
        reports = [
            Report(kinds[i], f"{id_}-{i}", now - 1000 + i, delivery=name(post, id_)) for i in order
        ]
        assert tell(post, *reports) == 4
        assert tell(post, *reports) == 0
        row = post.row(id_)
        ends.add((row.state, row.delivered_at, row.opened_at, row.clicked_at))
    assert ends == {("sent", now - 1000, now - 999, now - 998)}


def test_a_report_becomes_an_event_with_a_name_of_its_cause(post: Post) -> None:
    id_ = sent(post)
    before = len(events(post))
    report = Report(
        "clicked", "c1", int(post.now * 1000), provider_id=str(post.row(id_).provider_id),
        detail={"href": "https://shop.example/a"},
    )  # fmt: skip
    tell(post, report)
    tell(post, report)
    (body,) = events(post)[before:]
    assert b'"event":"Email Link Clicked"' in body
    assert b'"link_url":"https://shop.example/a"' in body
    assert b'"email":"u1@example.org"' in body


def test_machines_open_nothing(post: Post) -> None:
    id_ = sent(post)
    tell(post, Report("opened", "o", 1, delivery=name(post, id_), machine=True))
    assert post.row(id_).opened_at is None
    assert b'"machine":true' in events(post)[-1]


def test_names_that_we_did_not_give_name_nothing(post: Post) -> None:
    id_ = sent(post)
    for wrong in (str(id_), delivery_name(("other",), id_), "", "ä" * 20):
        tell(post, Report("opened", f"o{wrong}", 1, delivery=wrong))
    assert post.row(id_).opened_at is None


def test_a_complaint_ends_all_messages_to_the_address(post: Post) -> None:
    id_ = sent(post)
    tell(post, Report("complained", "c", 1, delivery=name(post, id_)))
    later = sent(post)
    assert post.row(later).reason == "suppressed: complaint"


def test_a_late_bounce_undoes_the_send_and_a_soft_one_suppresses_nobody(post: Post) -> None:
    id_ = sent(post)
    tell(post, Report("bounced", "b", 1, delivery=name(post, id_), reason="full", hard=False))
    assert (post.state(id_), post.row(id_).reason) == ("bounced", "full")
    assert post.state(sent(post)) == "sent"


def test_an_opt_out_is_of_the_topic_or_else_of_everything(post: Post) -> None:
    about = sent(post, topic="news")
    tell(post, Report("unsubscribed", "x", 1, delivery=name(post, about)))
    assert post.row(sent(post, topic="news")).reason == "unsubscribed_topic: news"
    plain = sent(post)
    assert post.state(plain) == "sent"
    tell(post, Report("unsubscribed", "y", 1, delivery=name(post, plain)))
    assert post.row(sent(post)).reason == "unsubscribed"
    tell(post, Report("subscribed", "z", 2, delivery=name(post, plain)))
    assert post.state(sent(post)) == "sent"


def test_a_word_by_text_message_finds_its_person_by_number(post: Post) -> None:
    node = post.identify("u1", phone="+48 600 700 800")
    tell(post, Report("unsubscribed", "stop", 1, recipient="+48600700800"), channel="sms")
    with post.store.read() as tx:
        wishes = preferences.standings(tx, [node])[node].wishes
        assert preferences.why_suppressed(tx, "sms", ["+48600700800"])
    assert wishes["channel:sms"].wanted is False
    tell(post, Report("subscribed", "start", 2, recipient="+48600700800"), channel="sms")
    with post.store.read() as tx:
        assert not preferences.why_suppressed(tx, "sms", ["+48600700800"])
        assert preferences.standings(tx, [node])[node].wishes["channel:sms"].wanted is True


def test_what_was_held_is_settled_by_what_the_provider_says(post: Post) -> None:
    from cdp.store.messages import claims

    id_ = post.ask(post.identify("u1"))
    now = int(post.now * 1000)
    with post.store.write() as tx:
        claims.claim(tx, [claims.Claim(id_, 1, "u1@example.org", 1)], now, now - 1)
    post.lose()
    tell(post, Report("delivered", "d", now, delivery=name(post, id_)))
    assert post.state(id_) == "sent"
