"""What a journey could not do is said: a call that starts nothing. And who waits is woken."""

from __future__ import annotations

from cdp.config import Settings
from cdp.delivery.journeys import linting
from cdp.delivery.journeys.report import report
from cdp.pipeline import own_queries
from cdp.pipeline.journeys.explain import explained
from cdp.store import definitions
from cdp.store.profiles import people
from cdp.store.tables import USERS
from tests.pipeline.journeys.town import Town

CALLS = "{trigger: {event: Came}, entry: every_time, steps: [{call: other}, {wait: 9d}]}"
OTHER = "{trigger: {called: true}, steps: [{emit: Greeted}]}"


def test_a_call_that_starts_nothing_says_so(town: Town) -> None:
    town.journey("other", OTHER)
    town.journey("calls", CALLS)
    town.track("u1", "Came")
    assert len(town.runs("other")) == 1
    town.track("u1", "Came")
    town.wait(days=9)
    town.track("u1", "Came")  # they were in it, once
    town.state("other", "paused")
    town.track("u2", "Came")
    town.settle()
    assert len(town.runs("other")) == 1
    way = [item for number in range(3) for item in town.way("calls", number)]
    assert [one for one in way if one[1] == "not_started"] == [
        ("call-other", "not_started", "other"), ("call-other", "not_started", "other"),
    ]  # fmt: skip
    with town.store.read() as tx:
        (step, _) = report(tx, "calls", town.now)["steps"]
        assert (step["step"], step["not_started"]) == ("call-other", 2)
        found = people.resolve(tx, USERS, "user_id", "u2")
        assert found is not None
        (run,) = explained(tx, "calls", found, town.now).runs
        assert [one["step"] for one in run["steps"]] == ["call-other", "wait-9d"]
        why = run["steps"][0]["why"]
        assert why["error"] == "the journey other is not live: nobody can enter"
        body = definitions.current(tx, "journey", "calls")
        assert body is not None
        (one,) = [f for f in linting.findings(tx, "calls", body.body or {}) if f.code == "not_live"]
        assert one.text == "the journey other is paused: this starts nothing until it is live"


def test_a_trait_that_a_query_works_out_wakes_who_watches_it(town: Town) -> None:
    """Also if no audience reads it."""
    sql = "select value as user_id, length(value) as value from identifiers"
    town.define("computed_trait", "size", f"sql: {sql} where type = 'user_id'")
    town.settle()
    town.journey(
        "waits",
        """
    trigger: { event: Came }
    steps: [ { wait_until: { if: traits.size > 3, timeout: 9d } }, { emit: Rich } ]
    """,
    )
    town.track("u1", "Came")
    town.track("u1234", "Came")
    assert town.steps("waits") == ["wait_until", "wait_until"]
    own_queries.step(town.store, Settings(query_seconds=5.0), lambda: town.now / 1000)
    town.settle()
    assert town.steps("waits") == ["wait_until", "finished"]


def test_an_account_that_changes_wakes_who_watches_it(town: Town) -> None:
    town.journey(
        "waits",
        """
    trigger: { event: Came }
    steps: [ { wait_until: { if: account.traits.plan = "pro", timeout: 9d } }, { emit: Rich } ]
    """,
    )
    town.send(town.message(type="group", userId="u1", groupId="g1", traits={"plan": "free"}))
    town.send(town.message(type="group", userId="u2", groupId="g1", traits={"plan": "free"}))
    town.track("u1", "Came")
    town.send(town.message(type="group", userId="u2", groupId="g1", traits={"plan": "pro"}))
    town.settle()
    assert town.steps("waits") == ["finished"]
