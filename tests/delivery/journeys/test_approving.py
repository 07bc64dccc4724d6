"""Launches that take the word of somebody else."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection

from cdp.delivery.journeys import approving, inside, office
from cdp.delivery.journeys.there import Refused
from cdp.folder.journeys import bring
from cdp.store import Store
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import requests
from tests.delivery.journeys.test_office import STEPS, define, orders, place, refused, store

__all__ = ["store"]


def launch(tx: Connection, role: str | None, **more: Any) -> Any:
    return office.launch(tx, "welcome", "ada", 1, role=role, **more)


def decide(tx: Connection, author: str, role: str | None, *, approve: bool = True) -> str:
    made = approving.decide(tx, "welcome", author, 3, approve=approve, role=role, reason="ok")
    return made.state


def test_somebody_else_lets_it_be_launched(store: Store) -> None:
    with store.write() as tx:
        define(tx, STEPS, approval={"role": "approver"})
    text = "welcome is launched with the word of an admin or approver, not the one who asks"
    for role in (None, "approver", "admin"):
        assert refused(store, lambda tx, role=role: launch(tx, role)).startswith(text)
    with store.write() as tx:
        made = approving.ask(tx, "welcome", "ada", 2, people="stay", enter="all")
        assert (made.state, made.version, made.args["enter"]) == ("waiting", 2, "all")
    assert "who asked can't" in refused(store, lambda tx: decide(tx, "ada", "admin"))
    assert "takes the word of" in refused(store, lambda tx: decide(tx, "bob", None))
    assert "takes the word of" in refused(store, lambda tx: decide(tx, "bob", "viewer"))
    with store.write() as tx:
        assert journeys.row(tx, "welcome") is None
        assert decide(tx, "bob", "approver") == "approved"
        row = journeys.row(tx, "welcome")
        assert row is not None and (row.version, row.author) == (2, "ada")
        assert orders(tx, "begin") == [("begin", {"version": 2, "enter": "all"})]
        (item,) = requests.of(tx, "welcome")
        assert (item.decided_by, item.decided_at, item.reason) == ("bob", 3, "ok")
    assert "nobody has asked" in refused(store, lambda tx: decide(tx, "bob", "admin"))


def test_a_rule_is_not_got_round_by_leaving_it_out(store: Store) -> None:
    with store.write() as tx:
        define(tx, STEPS, approval={"role": "admin", "other": False})
        launch(tx, "admin")
        define(tx, STEPS[:2])
    assert "ask for it" in refused(store, lambda tx: launch(tx, "approver"))
    with store.write() as tx:
        assert launch(tx, "admin").version == 3


def test_it_is_refused_or_withdrawn_and_asked_for_anew(store: Store) -> None:
    with store.write() as tx:
        define(tx, STEPS, approval={"role": "admin"})
        approving.ask(tx, "welcome", "ada", 2)
        approving.ask(tx, "welcome", "eve", 2)
        assert decide(tx, "bob", "admin", approve=False) == "refused"
        approving.ask(tx, "welcome", "ada", 2)
        assert decide(tx, "ada", None, approve=False) == "withdrawn"
        states = [one.state for one in requests.of(tx, "welcome")]
        assert states == ["withdrawn", "refused", "withdrawn"]
        assert journeys.row(tx, "welcome") is None


def test_what_holds_for_all_journeys(store: Store) -> None:
    assert "needs nobody's" in refused(store, lambda tx: approving.ask(tx, "welcome", "ada", 1))
    with store.write() as tx:
        approving.put_space(tx, "ada", 1, "admin", False)
    assert "ask for it" in refused(store, lambda tx: launch(tx, "approver"))
    with store.write() as tx:
        assert launch(tx, "admin").version == 1
        approving.put_space(tx, "ada", 1, None, False)
        define(tx, STEPS[:2])
        launch(tx, None)
        with pytest.raises(Refused, match="admin, approver"):
            approving.put_space(tx, "ada", 1, "boss", False)


def test_files_ask_for_it(store: Store) -> None:
    with store.write() as tx:
        define(tx, STEPS, approval={"role": "admin"})
        for _ in range(2):  # once for a version
            bring(tx, "welcome", "live", "ci", 5)
        assert journeys.row(tx, "welcome") is None
        assert [(one.author, one.state) for one in requests.of(tx, "welcome")] == [
            ("ci", "waiting")
        ]


def test_a_step_says_whose_word_it_takes(store: Store) -> None:
    with store.write() as tx:
        define(tx, [{"approval": {"question": "Pay?", "role": "approver"}, "id": "pay"}])
        launch(tx, None)
        place(tx, 1, "pay", 2)

    def answer(tx: Connection, role: str | None) -> int:
        return inside.answer(tx, "welcome", "ada", 2, "approved", run=1, role=role)

    assert "an admin or approver" in refused(store, lambda tx: answer(tx, None))
    with store.write() as tx:
        assert answer(tx, "approver") and answer(tx, "admin")
