"""Audiences of accounts, and of people by their accounts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations

from cdp.conditions import Context, parse
from cdp.pipeline import forget
from cdp.store.audiences import evaluated as audiences
from cdp.store.audiences import matching, members, membership, quickest
from cdp.store.migrations.versions import v0034_people_are_no_accounts as migration
from cdp.store.tables import USERS, profiles
from tests.laws.test_audiences import Town


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town()
    yield town
    town.close()


def said(town: Town, user: str, **body: Any) -> dict[str, Any]:
    return {"t": town.now, "who": {"userId": user}, "body": body}


def test_what_people_do_makes_them_no_accounts(town: Town) -> None:
    town.define("busy", {"of": "accounts", "who": 'performed("A") or traits.plan = 1'})
    town.define("lazy", {"of": "accounts", "who": 'not performed("A" within 1d)'})
    town.define("done", {"of": "accounts", "value": 'count("A")'}, "computed_trait")
    town.define("hers", {"who": 'performed("A") and account.traits.plan = 1'})
    town.settle()
    town.say([said(town, "u1", type="group", groupId="g1", traits={"plan": 1})])
    town.say([said(town, "u1", type="track", event="A")])
    town.settle()
    [account] = town.members("busy")
    [person] = town.members("hers")
    assert town.members("lazy") == {account} != {person}
    assert town.values("done").keys() == {account}


def test_people_who_were_taken_for_accounts_are_put_out(town: Town) -> None:
    town.define("busy", {"of": "accounts", "who": "traits.plan = 1"})
    town.define("calm", {"of": "accounts", "who": "traits.plan != 1"})
    town.define("worth", {"of": "accounts", "value": "traits.plan"}, "computed_trait")
    town.define("hers", {"who": "account.traits.plan = 1"})
    town.settle()
    town.say([said(town, "u1", type="group", groupId="g1", traits={"plan": 1})])
    town.settle()
    [account], [person] = town.members("busy"), town.members("hers")

    def ids() -> dict[str, int]:
        with town.store.read() as tx:
            return {row.key: row.id for row in audiences.rows(tx, audiences.LIVE)}

    before = ids()
    with town.store.write() as tx:  # as an older release left it
        entry = members.Change(before["busy"], person, town.now, True, "event", None, True, "{}")
        members.add_members(tx, [(before["busy"], person, town.now)])
        members.add_changes(tx, [entry])
        members.put_values(tx, [(before["worth"], person, "1", town.now)])
        with Operations.context(MigrationContext.configure(tx)):
            migration.upgrade()
    town.pipeline._memory = None  # it starts anew
    town.now += 1
    town.settle()
    assert town.members("busy") == {account} and town.values("worth") == {account: 1}
    with town.store.read() as tx:
        assert membership.keys_of(tx, person) == {"hers"}
        assert membership.keys_of(tx, account) == {"busy"}
    after = ids()
    assert {key for key in before if before[key] != after[key]} == {"busy", "worth"}


def test_an_account_that_is_deleted_is_nobody_s_any_more(town: Town) -> None:
    town.define("hers", {"who": "account.traits.plan = 1"})
    town.settle()
    for user in ("u1", "u2"):
        town.say([said(town, user, type="group", groupId="g1", traits={"plan": 1})])
    town.settle()
    assert len(town.members("hers")) == 2
    town.now += 1
    gone = {"objectId": "g1"}
    town.say([said(town, "u1", type="track", event="Object Deleted", properties=gone)])
    town.settle()
    assert town.members("hers") == set()


def test_what_a_deleted_person_said_of_an_account_is_said_no_more(town: Town) -> None:
    town.define("hers", {"who": "account.traits.plan = 1"})
    town.settle()
    town.say([said(town, "u1", type="group", groupId="g1", traits={"plan": 1})])
    town.say([said(town, "u2", type="group", groupId="g1", traits={"seats": 5})])
    town.settle()
    assert len(town.members("hers")) == 2
    who = [("user_id", "u1")]
    forget.regulate(town.store, "DELETE_INTERNAL", who, "test", town.now, 24, at_once=True)
    while forget.step(town.store, cast(Any, town), town.now):
        pass
    town.settle()
    assert town.members("hers") == set()


def test_what_is_asked_of_accounts_is_kept_for_sql(town: Town) -> None:
    town.say([said(town, "u1", type="group", groupId="g1", traits={"plan": {"name": "pro"}})])
    who = 'account.traits.plan.name = "pro"'
    root = parse(who, Context.PERSON).root

    def found(match: Any) -> tuple[set[int], bool]:
        everyone = list(range(1, 20))
        with town.store.read() as tx:
            made = match(tx, root, town.now)
            left = matching.members_among(tx, made, made.open, everyone)
            people = [row.id for row in tx.execute(profiles.select()) if row.collection == USERS]
            sure = matching.members_among(tx, made, made.found.sure, people)
        return sure, bool(left or made.missing)

    assert found(matching.match) == (set(), True)  # nobody has asked for it yet
    town.define("hers", {"who": who})
    town.settle()
    town.say([said(town, "u2", type="group", groupId="g1", traits={})])
    town.say([said(town, "u3", type="group", groupId="g2", traits={"plan": {"name": "free"}})])
    town.settle()
    assert len(town.members("hers")) == 2
    for match in (matching.match, quickest.match_gathered):
        assert found(match) == (town.members("hers"), False)
