"""The account and the devices of a person."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.conditions import (
    ConditionError,
    Context,
    Evaluator,
    Names,
    Person,
    explain,
    format_text,
    parse,
)
from cdp.conditions.live import Streams, Subject, compile_person

ACME: Any = {"plan": [(1, "free"), (30, "pro")], "address": [(1, {"city": "Paris"})]}
OTHER: Any = {"plan": [(1, "trial")]}


def holds(text: str, person: Person, now: int) -> bool:
    return Evaluator(person, now).holds(parse(text, Context.PERSON).root)


def test_the_account_is_the_one_that_was_spoken_of_last() -> None:
    person = Person(accounts=[(20, OTHER), (10, ACME)])
    text = 'account.traits.plan = "{}"'
    assert not holds(text.format("free"), person, 9)
    assert holds("account.traits.plan = null", person, 9)
    assert holds(text.format("free"), person, 10)
    assert holds('account.traits.address.city = "Paris"', person, 19)
    assert holds(text.format("trial"), person, 20)
    assert holds(text.format("trial"), person, 40)
    back = Person(accounts=[(10, ACME), (20, OTHER), (25, ACME)])
    assert holds(text.format("free"), back, 29) and holds(text.format("pro"), back, 30)
    # Of one instant the last that was said holds.
    assert holds(text.format("trial"), Person(accounts=[(10, ACME), (10, OTHER)]), 10)


def test_live_reads_the_same_account_and_says_which_traits() -> None:
    streams = Streams()
    live = compile_person(
        parse('account.traits.address.city = "Paris" and has_device("ios")', Context.PERSON).root,
        streams,
    )
    assert live.needs.account == {"address"} and live.needs.identifiers
    subject = Subject()
    assert not live.holds(subject, 1)
    subject.account = {"address": {"city": "Paris"}}
    assert not live.holds(subject, 1)
    subject.identifiers = {"ios.idfa": ["x"]}
    assert live.holds(subject, 1)


def test_devices_are_identifiers() -> None:
    person = Person(identifiers={"android.push_token": ["x"], "ios.id": [], "email": ["a"]})
    assert holds('has_device("android") and !has_device("ios")', person, 1)
    assert not holds('has_device("android")', Person(), 1)
    browser = Person(identifiers={"web.push_token": ["x"], "expo.push_token": []})
    assert holds('has_device("web") and !has_device("expo")', browser, 1)
    found = parse('has_device("windows")', Context.PERSON)
    assert [warning.text for warning in found.warnings] == [
        "devices are known of ios, android, web, expo, so nobody has one of windows"
    ]
    assert explain(parse('!has_device("ios")', Context.PERSON).root) == "has no “ios” device"


WRONG = {
    "account.plan = 1": "account.plan is nothing of an account; expected account.traits.…",
    "account.traits = 1": "account.traits is nothing of an account",
    "acount.traits.plan = 1": "acount.traits.plan is nothing of a person; expected traits.…. Did "
                              "you mean account?",
    "changed(account.traits.plan)": "only traits are remembered as they were",
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), WRONG.items())
def test_what_is_nothing_of_an_account_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text, Context.PERSON)
    assert caught.value.text.startswith(reason)


def test_its_faces() -> None:
    text = 'account.traits.address.city = "Paris"'
    root = parse(text, Context.PERSON).root
    assert format_text(root) == text
    assert explain(root) == "the account's trait address.city is “Paris”"
    names = Names(account={"plan": frozenset({"text"})})
    said = parse("account.traits.pln = 1 or account.traits.plan > 1", Context.PERSON, names)
    assert [warning.text for warning in said.warnings] == [
        "the account's trait pln has never been seen. Did you mean plan?",
        "the account's trait plan has only ever been a text, so > is never true",
    ]
