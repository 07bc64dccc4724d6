"""A journey pauses itself when too much of what it sends goes wrong, and goes on when told to."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from cdp.delivery.journeys import holding, office, shown
from cdp.journeys.limits import Limits, passed, read_limits
from cdp.store.destinations import streams as delivery
from cdp.store.journeys import decisions as journey_decisions
from cdp.store.journeys import launched as journeys
from cdp.store.messages import deliveries
from cdp.store.tables import deliveries as rows
from cdp.store.tables import transitions
from tests.pipeline.journeys.town import DAY, Town

HELLO = """
trigger: { event: Signed Up }
entry: every_time
limits: { least: 20 }
steps: [ { send: hello }, { wait: 1d }, { send: bye } ]
"""


def send(town: Town, n: int, first: int = 0) -> None:
    """So many people come, and are sent the first message."""
    town.send(*[
        town.message(type="track", userId=f"u{first + k}", event="Signed Up") for k in range(n)
    ])  # fmt: skip
    with town.store.write() as tx:
        waits = rows.c.sent_at.is_(None)
        tx.execute(update(rows).where(waits).values(state="sent", sent_at=town.now))


def bad(town: Town, n: int, column: str = "bounced_at") -> None:
    """So many messages go wrong, the newest first, and whoever is told says so."""
    with town.store.write() as tx:
        fine = select(rows.c.id).where(rows.c[column].is_(None)).order_by(rows.c.id.desc())
        ids = list(tx.execute(fine.limit(n)).scalars())
        deliveries.first_time(tx, column, ids, town.now)
        journey_decisions.judge_soon(tx, ["hello"], town.now)


def told(town: Town, kind: str = "") -> list[journey_decisions.Decision]:
    with town.store.read() as tx:
        row = journeys.row(tx, "hello")
        assert row is not None
        return journey_decisions.of(tx, row.id, kind=kind)


def state(town: Town) -> dict[str, Any]:
    with town.store.read() as tx:
        return shown.shown(tx, "hello")


def act(town: Town, verb: str, *args: Any, **more: Any) -> None:
    with town.store.write() as tx:
        getattr(office, verb)(tx, "hello", "ada", town.now, *args, **more)
    town.settle()


def test_it_pauses_itself_and_says_why(town: Town) -> None:
    town.journey("hello", HELLO, "hello bye")
    send(town, 100)
    bad(town, 5)
    town.wait(minutes=1)
    assert state(town)["state"] == "live"  # 5 % is the limit, not above it
    bad(town, 1)
    town.wait(minutes=1)
    why = "6 of 100 messages bounced (6.00%); the limit is 5 %"
    assert (state(town)["state"], state(town)["reason"]) == ("paused", why)
    (one,) = told(town)
    assert (one.kind, one.author, one.reason) == ("stopped", None, why)
    assert one.figures == {"what": "bounced", "n": 6, "of": 100, "limit": 0.05}
    town.track("later", "Signed Up")
    town.wait(days=2)
    assert town.sent().count("bye") == 0 and len(town.runs("hello")) == 100
    with town.store.read() as tx:
        found = list(deliveries.by_ids(tx, [1, 2]).values())
        held = holding.withheld(tx, found, town.now)
        assert held[1] == ("paused: the journey paused itself", town.now + 60_000)


def test_it_goes_on_and_counts_from_then(town: Town) -> None:
    town.journey("hello", HELLO, "hello bye")
    send(town, 40)
    bad(town, 9, "complained_at")
    town.wait(minutes=1)
    assert state(town)["reason"].startswith("9 of 40 messages were complained about (22.50%)")
    act(town, "resume")
    with town.store.write() as tx:
        journey_decisions.judge_soon(tx, ["hello"], town.now)
    town.wait(minutes=1)
    assert (state(town)["state"], state(town)["reason"]) == ("live", None)
    send(town, 20, 100)
    bad(town, 5, "complained_at")
    town.wait(minutes=1)
    assert state(town)["state"] == "paused" and len(told(town, "stopped")) == 2


@pytest.mark.parametrize("limits", ["{ stop: false }", "{ bounced: 100, least: 20 }"])
def test_limits_can_be_off(town: Town, limits: str) -> None:
    town.journey("hello", HELLO.replace("{ least: 20 }", limits), "hello bye")
    send(town, 30)
    bad(town, 30)
    town.wait(minutes=1)
    assert state(town)["state"] == "live" and not told(town)


def test_messages_of_long_ago_count_no_more(town: Town) -> None:
    town.journey("hello", HELLO, "hello bye")
    send(town, 20)
    town.now += 8 * DAY
    bad(town, 20)
    town.wait(minutes=1)
    assert state(town)["state"] == "live"


def test_plugins_are_told(town: Town) -> None:
    with town.store.write() as tx:
        delivery.ensure_stream(tx, "hook:mine:on_transitions", 1, town.now)
    town.journey("hello", HELLO, "hello bye")
    send(town, 20)
    bad(town, 6)
    town.wait(minutes=1)
    with town.store.read() as tx:
        found = list(tx.execute(select(transitions).where(transitions.c.kind == "decided")))
    assert [(one.journey, one.profile, one.run) for one in found] == [("hello", 0, "")]
    assert '"stopped"' in found[0].detail


def test_what_was_draining_goes_on_draining(town: Town) -> None:
    town.journey("hello", HELLO, "hello bye")
    send(town, 1)
    act(town, "drain")
    act(town, "pause")
    act(town, "resume")
    assert state(town)["state"] == "draining"
    act(town, "pause")
    act(town, "launch")
    assert state(town)["state"] == "live"


def test_few_are_chance_and_no_more_are_counted_than_decide() -> None:
    limits = read_limits({"bounced": 1, "failed": 50})
    asked: list[tuple[str, int]] = []

    def of(what: str, most: int) -> int:
        asked.append((what, most))
        return min(most, 100_000)

    wrong = {"bounced": 10, "complained": 4, "failed": 900, "unsubscribed": 90}
    assert passed(limits, wrong, of) is None
    assert asked == [("bounced", 1001), ("failed", 1801)]
    assert isinstance(limits, Limits) and passed(limits, {**wrong, "bounced": 10}, lambda *_: 999)
