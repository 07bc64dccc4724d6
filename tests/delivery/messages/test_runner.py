"""Deliveries on their way: once each, none after an opt-out, none lost (law 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cdp.messaging.request import Flag
from cdp.plugin import Receipt, Reject, Retry, Stop, Unanswered
from cdp.store import config_rows
from cdp.store.defined import defining
from cdp.store.messages import claims, copies, deliveries, preferences
from cdp.store.tables import emissions, nodes
from tests.delivery.messages.post import Post, box

Make = Callable[..., Post]


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Make]:
    made: list[Post] = []

    def make(*boxes: Any) -> Post:
        made.append(Post(tmp_path / str(len(made)), boxes=boxes))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_message_is_sent_once_and_told(post: Make) -> None:
    world = post(mail := box())
    id_ = world.ask(world.identify("u1"))
    world.settle()
    world.settle(3600)
    assert [m.content.to for m in mail.got] == [("u1@example.org",)]
    row = world.row(id_)
    assert (row.state, row.attempts, row.recipient) == ("sent", 1, "u1@example.org")
    assert row.provider_id == f"p-{mail.got[0].id}"
    with world.store.read() as tx:
        bodies = [row.body for row in tx.execute(select(emissions))]
        assert copies.of(tx, [id_])[id_]["subject"] == "Hello"
    assert len(bodies) == 1 and b'"event":"Email Sent"' in bodies[0]
    assert b'"userId":"u1"' in bodies[0]


def test_a_key_is_one_message(post: Make) -> None:
    world = post(mail := box())
    node = world.identify("u1")
    assert world.ask(node, "same") == world.ask(node, "same")
    world.settle()
    world.ask(node, "same")
    world.settle()
    assert len(mail.got) == 1


def test_what_surely_did_not_arrive_is_tried_again_with_the_same_key(post: Make) -> None:
    world = post(mail := box([Receipt.retry("busy"), Receipt.retry("busy")]))
    id_ = world.ask(world.identify("u1"))
    for _ in range(4):
        world.settle(60)
    assert len(mail.got) == 3
    assert len({m.key for m in mail.got}) == 1
    assert [m.attempt for m in mail.got] == [1, 2, 3]
    assert world.state(id_) == "sent"


def test_what_is_refused_is_failed_with_its_reason(post: Make) -> None:
    world = post(box([Reject("no such template at the provider")]))
    id_ = world.ask(world.identify("u1"))
    world.settle()
    assert world.row(id_).state == "failed"
    assert world.row(id_).reason == "no such template at the provider"


@pytest.mark.parametrize("lost", [Unanswered("no answer"), RuntimeError("bug"), None])
def test_an_unknown_outcome_is_held_where_the_provider_has_no_keys(post: Make, lost: Any) -> None:
    world = post(mail := box([lost or Receipt.unknown("connection lost after the dot")]))
    id_ = world.ask(world.identify("u1"))
    for _ in range(5):
        world.settle(600)
    assert world.state(id_) == "held"
    assert len(mail.got) <= 1


def test_an_unknown_outcome_is_repeated_with_its_key_where_the_provider_has_keys(
    post: Make,
) -> None:
    world = post(mail := box([Receipt.unknown("timeout")], keys=True))
    id_ = world.ask(world.identify("u1"))
    for _ in range(3):
        world.settle(60)
    assert [m.key for m in mail.got] == [mail.got[0].key] * 2
    assert world.state(id_) == "sent"


def test_a_repeat_goes_to_the_provider_that_may_have_it_and_to_no_other(post: Make) -> None:
    first = box([Receipt.unknown("timeout"), Retry("down"), Retry("down")], True, "first")
    world = post(first, other := box(key="other"))
    id_ = world.ask(world.identify("u1"))
    for _ in range(8):
        world.settle(600)
    assert (len(first.got), len(other.got)) == (2, 0)
    assert world.state(id_) == "sent"


def test_another_provider_takes_over_while_one_is_down_and_the_first_comes_back(
    post: Make,
) -> None:
    down = [True]
    first, other = box(key="first"), box(key="other")
    first.script = (Retry("down") if down[0] else None for _ in count())
    world = post(first, other)
    node = world.identify("u1")
    ids = [world.ask(node) for _ in range(6)]
    world.settle()
    assert len(other.got) == 6 and not first.got
    down[0] = False
    world.settle(3600)
    ids.append(world.ask(node))
    world.settle()
    assert len(first.got) == 1
    assert {world.state(id_) for id_ in ids} == {"sent"}


def test_a_provider_that_says_stop_is_left_and_messages_wait(post: Make) -> None:
    world = post(mail := box([Stop("wrong password")]))
    id_ = world.ask(world.identify("u1"))
    world.settle()
    row = world.row(id_)
    assert row.state == "waiting" and row.reason and row.reason.startswith("no_provider")
    world.settle(400)
    assert len(mail.got) == 1


def test_without_a_provider_messages_wait_and_then_fail(post: Make) -> None:
    world = post(box([Retry("down")] * 1000))
    id_ = world.ask(world.identify("u1"))
    for _ in range(80):
        world.settle(300)
    row = world.row(id_)
    assert row.state == "failed"
    assert row.reason is not None and row.reason.startswith("no_provider: given up")


def test_nothing_goes_after_an_opt_out(post: Make) -> None:
    world = post(mail := box())
    node = world.identify("u1")
    with world.store.write() as tx:
        preferences.put(tx, node, {"*": False}, int(world.now * 1000), "page")
    plain, forced = world.ask(node), world.ask(node, flags=Flag.TO_UNSUBSCRIBED)
    world.settle()
    assert world.row(plain).reason == "unsubscribed"
    assert world.state(plain) == "undeliverable"
    assert world.state(forced) == "sent"
    assert len(mail.got) == 1


@pytest.mark.parametrize(
    ("wishes", "topic", "reason"),
    [
        ({"topic:news": False}, "news", "unsubscribed_topic: news"),
        ({"topic:news": False}, "other", None),
        ({"channel:email": False}, None, "unsubscribed_channel: email"),
        ({"channel:sms": False}, None, None),
        ({"*": False, "topic:news": True}, "news", "unsubscribed"),
    ],
)
def test_wishes(post: Make, wishes: dict[str, bool], topic: str | None, reason: str | None) -> None:
    world = post(box())
    node = world.identify("u1")
    with world.store.write() as tx:
        preferences.put(tx, node, wishes, 1, "page")
    id_ = world.ask(node, topic=topic)
    world.settle()
    row = world.row(id_)
    assert (row.state, row.reason) == (("undeliverable", reason) if reason else ("sent", None))


def test_the_trait_unsubscribed_counts_until_something_newer_is_said(post: Make) -> None:
    world = post(box())
    node = world.identify("u1", unsubscribed="True")
    first = world.ask(node)
    world.settle()
    assert world.row(first).reason == "unsubscribed"
    with world.store.write() as tx:
        preferences.put(tx, node, {"*": True}, int(world.now * 1000) + 1, "page")
    second = world.ask(node)
    world.settle()
    assert world.state(second) == "sent"


def test_wishes_of_a_person_hold_for_all_that_joined_them(post: Make) -> None:
    world = post(box())
    world.put("track", {"anonymousId": "a1", "event": "E"})
    with world.store.read() as tx:
        from cdp.store.messages import addressees
        from cdp.store.profiles import people

        stranger = people.resolve(tx, 0, "anonymous_id", "a1")
        assert stranger is not None
        before = addressees.node_of(tx, stranger.id, "anonymous_id")
    assert before is not None
    with world.store.write() as tx:
        preferences.put(tx, before, {"*": False}, 1, "page")
    node = world.identify("u1")
    world.put("identify", {"userId": "u1", "anonymousId": "a1"})
    id_ = world.ask(node)
    world.settle()
    assert world.row(id_).reason == "unsubscribed"


def test_a_hard_bounce_keeps_the_address_from_all_that_follows(post: Make) -> None:
    world = post(mail := box([Receipt.bounced("550 no such user")]))
    node = world.identify("u1")
    first, second = world.ask(node), world.ask(node, flags=Flag.TO_UNSUBSCRIBED)
    world.settle()
    third = world.ask(None, recipient="U1@Example.org")
    world.settle()
    assert world.state(first) == "bounced"
    assert world.row(first).bounced_at is not None
    # The two were in one hand.
    assert world.state(second) == "bounced"
    assert world.row(third).reason == "suppressed: bounce"
    assert len(mail.got) == 2


def test_what_was_in_flight_when_the_process_died_is_held_or_repeated(post: Make) -> None:
    for keys, state in ((False, "held"), (True, "sent")):

        def die(messages: Any) -> list[Receipt]:
            raise KeyboardInterrupt

        world = post(mail := box([], keys=keys))
        node = world.identify("u1")
        id_ = world.ask(node)
        with world.store.write() as tx:
            now = int(world.now * 1000)
            claims.claim(tx, [claims.Claim(id_, 1, "u1@example.org", 1)], now, now + 1)
        world.settle(60)
        assert world.state(id_) == "sending"
        world.lose()
        world.settle(60)
        assert world.state(id_) == state
        assert len(mail.got) == (1 if keys else 0)


def test_a_late_answer_of_what_was_held_is_the_truth(post: Make) -> None:
    world = post(box())
    id_ = world.ask(world.identify("u1"))
    now = int(world.now * 1000)
    with world.store.write() as tx:
        claims.claim(tx, [claims.Claim(id_, 1, "u1@example.org", 1)], now, now - 1)
    world.lose()
    assert world.state(id_) == "held"
    with world.store.write() as tx:
        change = claims.Change(id_, "sent", now, None, 1, "p", now)
        claims.record(tx, [change], now)
    assert world.state(id_) == "sent"


def test_deleted_people_get_nothing(post: Make) -> None:
    from cdp.pipeline import forget

    world = post(mail := box())
    id_ = world.ask(world.identify("u1"))
    now = int(world.now * 1000)
    about = [("user_id", "u1")]
    forget.regulate(world.store, "DELETE_INTERNAL", about, "test", now, 1.0, at_once=True)
    assert forget.step(world.store, world, now)  # type: ignore[arg-type]
    with world.store.read() as tx:
        assert deliveries.get(tx, id_) is None
    world.settle()
    assert not mail.got


def test_what_is_due_later_waits(post: Make) -> None:
    world = post(mail := box())
    id_ = world.ask(world.identify("u1"), due_at=int(world.now * 1000) + 60_000)
    world.settle()
    assert world.state(id_) == "waiting" and not mail.got
    world.settle(61)
    assert world.state(id_) == "sent"


def define(world: Post, kind: str, key: str, **body: Any) -> None:
    from cdp.store import definitions, meta

    with world.store.write() as tx:
        definitions.put(tx, 1, kind, key, body, "test")
        meta.bump(tx)


def test_caps_count_across_a_hand_and_what_joined_the_person(post: Make) -> None:
    world = post(mail := box())
    define(world, "message_limit", "two_a_day", most=2, per="1d", channel="email")
    node = world.identify("u1")
    ids = [world.ask(node) for _ in range(4)]
    free = world.ask(node, flags=Flag.UNLIMITED)
    world.settle()
    assert sorted(world.state(id_) for id_ in ids) == ["sent"] * 2 + ["undeliverable"] * 2
    assert world.state(free) == "sent" and len(mail.got) == 3
    assert world.row(ids[3]).reason == "limit: two_a_day (2 in 1 day)"
    world.settle(86_401)
    later = world.ask(node)
    world.settle()
    assert world.state(later) == "sent"


def test_deferred_messages_go_when_there_is_room(post: Make) -> None:
    world = post(mail := box())
    define(world, "message_limit", "hourly", most=1, per="1h", then="defer")
    node = world.identify("u1")
    first, second = world.ask(node), world.ask(node)
    world.settle()
    assert [world.state(first), world.state(second)] == ["sent", "waiting"]
    assert len(mail.got) == 1
    world.settle(3599)
    assert world.state(second) == "waiting"
    world.settle(2)
    assert world.state(second) == "sent"


def test_quiet_hours_are_the_persons_own(post: Make) -> None:
    world = post(mail := box())
    world.now = 1_800_000_000.0  # 2027-01-15 08:00 UTC
    define(world, "quiet_hours", "night", channels=["email"], start="16:00", end="18:00")
    here, tokyo = world.identify("u1"), world.identify("u2", timezone="Asia/Tokyo")  # 17:00 there
    ids = [world.ask(here), world.ask(tokyo)]
    world.settle()
    assert [world.state(id_) for id_ in ids] == ["sent", "waiting"]
    assert world.row(ids[1]).reason == "quiet_hours: night"
    world.settle(3600)
    assert world.state(ids[1]) == "sent" and len(mail.got) == 2


def test_what_waits_for_a_rule_that_changes_is_judged_anew(post: Make) -> None:
    world = post(mail := box())
    world.now = 1_800_000_000.0  # 2027-01-15 08:00 UTC

    def quiet(key: str, start: str, end: str) -> None:
        body = {"channels": ["email"], "start": start, "end": end}
        with world.store.write() as tx:
            defining.put(tx, int(world.now * 1000), ("quiet_hours", key), body, "test")

    quiet("all", "07:00", "10:00")
    quiet("all_day", "07:00", "20:00")
    ids = [world.ask(world.identify(f"u{n}")) for n in range(3)]
    world.settle()
    assert {world.row(id_).reason for id_ in ids} == {"quiet_hours: all_day"}
    quiet("all", "07:00", "11:00")  # nobody waits because of this one
    world.settle()
    assert {world.row(id_).due_at for id_ in ids} == {(1_800_000_000 + 12 * 3600) * 1000}
    quiet("all_day", "19:00", "20:00")
    world.settle()
    assert {world.row(id_).reason for id_ in ids} == {"quiet_hours: all"}
    with world.store.write() as tx:
        defining.remove(tx, int(world.now * 1000), ("quiet_hours", "all"), "test")
    world.settle()
    assert {world.state(id_) for id_ in ids} == {"sent"} and len(mail.got) == 3


def test_who_is_in_a_journey_gets_nothing_else(post: Make) -> None:
    from cdp.journeys.run import Run
    from cdp.store.journeys import launched as journeys
    from cdp.store.journeys import runs as journey_runs
    from cdp.store.journeys.runs import Placed

    world = post(mail := box())
    define(world, "quiet_while", "first", journeys=["welcome"], wait="2h")
    inside, outside = world.identify("u1"), world.identify("u2")
    with world.store.write() as tx:
        row = journeys.launch(tx, "welcome", 1, "test", 1)
        profile = tx.execute(select(nodes.c.profile).where(nodes.c.id == inside)).scalar_one()
        run = Run(1, "welcome", 1, "", 1, "wait", 1)
        journey_runs.put(tx, [Placed(run, row.id, profile, inside)], {1})
    news, other = world.ask(inside), world.ask(outside)
    own = world.ask(inside, origin="journey", origin_key="welcome")
    receipt = world.ask(inside, flags=Flag.UNLIMITED)
    world.settle()
    assert [world.state(one) for one in (news, other, own, receipt)] == ["waiting"] + ["sent"] * 3
    assert world.row(news).reason == "in_journey: first (welcome)"
    world.settle(3601)
    late = world.ask(inside)
    assert world.state(news) == "waiting"
    world.settle(3601)
    assert world.state(news) == "undeliverable" and len(mail.got) == 3
    with world.store.write() as tx:
        run.status = "ended"
        journey_runs.put(tx, [Placed(run, row.id, profile, inside)], set())
    world.settle(3601)
    assert world.state(late) == "sent"


def test_a_channel_with_consent_categories_is_for_those_who_agree(post: Make) -> None:
    world = post(mail := box())
    with world.store.write() as tx:
        row = config_rows.all_destinations(tx)[0]
        config_rows.change_destination(tx, 2, row, "test", consent_categories=["Advertising"])
    world.senders.refresh()

    def agreed(user: str, yes: bool) -> int:
        consent = {"categoryPreferences": {"Advertising": yes}}
        traits = {"email": f"{user}@example.org"}
        world.put("identify", {"userId": user, "traits": traits, "context": {"consent": consent}})
        return world.ask(world.node(user))

    yes, no, silent = agreed("u1", True), agreed("u2", False), world.ask(world.identify("u3"))
    world.settle()
    assert [world.state(id_) for id_ in (yes, no, silent)] == ["sent", "undeliverable", "sent"]
    assert world.row(no).reason == "no_consent: Advertising (for postbox)"
    assert len(mail.got) == 2


def test_what_a_call_was_answered_with_is_kept(post: Make) -> None:
    from cdp.store.messages import reports

    world = post(box([Receipt.sent("p", response={"status": 200, "json": {"id": 7}})]))
    id_ = world.ask(world.identify("u1"))
    world.settle()
    with world.store.read() as tx:
        (told,) = reports.of_delivery(tx, id_)
    assert (told.kind, told.detail) == ("answered", {"status": 200, "json": {"id": 7}})


@pytest.mark.parametrize("then", [Receipt.failed("never"), Receipt.bounced("no such user")])
def test_what_may_have_arrived_is_held_when_its_repeat_is_refused(post: Make, then: Any) -> None:
    world = post(mail := box([Receipt.unknown("timeout"), then], keys=True))
    id_ = world.ask(world.identify("u1"))
    for _ in range(4):
        world.settle(60)
    assert len(mail.got) == 2
    assert world.state(id_) == "held"


def test_what_may_have_arrived_stays_with_its_provider_when_that_is_busy(post: Make) -> None:
    busy = [Receipt.unknown("timeout"), Receipt.retry("busy"), Receipt.retry("busy")]
    first = box([*busy, Retry("down"), Retry("down")], keys=True, key="first")
    world = post(first, other := box(key="other"))
    id_ = world.ask(world.identify("u1"))
    for _ in range(12):
        world.settle(600)
    assert (len(first.got), len(other.got)) == (4, 0)
    assert world.state(id_) == "sent"


def test_what_surely_did_not_arrive_is_tried_anew_by_hand_with_whoever_can(post: Make) -> None:
    from cdp.store.messages.actions import act

    first = box([Receipt.failed("never"), *[Retry("down")] * 50], key="first")
    world = post(first, other := box(key="other"))
    id_ = world.ask(world.identify("u1"))
    world.settle()
    assert world.state(id_) == "failed"
    with world.store.write() as tx:
        act(tx, world.row(id_), "retry", "test", int(world.now * 1000))
    for _ in range(3):
        world.settle(60)
    assert world.state(id_) == "sent" and len(other.got) == 1
