"""What a definition may say, by itself and beside the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cdp.conditions import Names
from cdp.definitions import KINDS, Body, DefinitionError, Draft, Finding, Id, Look, check
from cdp.definitions.words import Word

BIG: Id = ("audience", "big")
ORDERS: Id = ("computed_trait", "orders")
BIG_ORDER: Id = ("virtual_event", "big_order")
WHERE = "properties.total > 100"


def seen(root: Any, defined: Mapping[Id, Body]) -> Names:
    """What the catalogue of a small shop knows."""
    events = {"Order Completed": {"total", "sku"}}
    names = {body["name"]: events["Order Completed"] for (kind, _), body in defined.items()
             if kind == "virtual_event"}  # fmt: skip
    traits = {"plan", "country", *(key for kind, key in defined if kind != "virtual_event")}
    return Names({**events, **names}, traits, near=[*events], account={"seats"})


def nothing_seen(root: Any, defined: Mapping[Id, Body]) -> None:
    return None


def read(id_: Id, **given: Any) -> Draft:
    return KINDS[id_[0]].read(id_[1], given)


def virtual(key: str = "big_order", name: str = "Big Order", **more: Any) -> tuple[Id, Draft]:
    id_ = ("virtual_event", key)
    return id_, read(id_, **{"name": name, "event": "Order Completed", "where": WHERE, **more})


def audience(key: str, who: str, **more: Any) -> tuple[Id, Draft]:
    return ("audience", key), read(("audience", key), who=who, **more)


def trait(key: str, value: str, **more: Any) -> tuple[Id, Draft]:
    return ("computed_trait", key), read(("computed_trait", key), value=value, **more)


def bodies(*drafts: tuple[Id, Draft]) -> dict[Id, Body]:
    return {id_: draft.body for id_, draft in drafts}


def one(
    drafts: tuple[Id, Draft], before: Mapping[Id, Body] | None = None, look: Look = seen
) -> Finding:
    return check(before or {}, dict([drafts]), look)[drafts[0]]


def test_a_body_is_kept_in_canonical_form_without_what_goes_without_saying() -> None:
    found = read(
        BIG, who="traits.plan='pro'  and !(traits.n>1)", name="Big", of="people", archived=False
    )
    assert found.body == {"name": "Big", "who": 'traits.plan = "pro" and !(traits.n > 1)'}
    assert list(found.body) == ["name", "who"]
    assert found.given["who"] == "traits.plan='pro'  and !(traits.n>1)"


@pytest.mark.parametrize(
    ("id_", "given", "field", "says"),
    [
        (BIG, {}, "who", "Say who is in it"),
        (BIG, {"who": "traits.a = 1", "static": True}, "who", "no condition"),
        (BIG, {"who": "traits.a ="}, "who", "line 1, column 11: the condition ends here"),
        (BIG, {"who": "traits.a = 1\nand traits.b == 2"}, "who", "line 2, column 14"),
        (BIG, {"whoo": "traits.a = 1"}, "whoo", "Did you mean who?"),
        (BIG, {"who": 3}, "who", "Not a valid string"),
        (BIG, {"who": "traits.a = 1", "of": "things"}, "of", "people or accounts"),
        (BIG, {"who": "traits.a = 1", "name": "x\ny"}, "name", "one line"),
        (BIG, {"who": "traits.a = 1", "description": "x\0"}, "description", "control"),
        (BIG, {"who": "traits.a = 1", "archived": "yes"}, "archived", "boolean"),
        (("audience", "Big"), {"who": "traits.a = 1"}, "key", "small letters"),
        (("audience", "a" * 61), {"who": "traits.a = 1"}, "key", "60"),
        (ORDERS, {}, "value", "Say what it is worth"),
        (ORDERS, {"value": 'count("A") > 3'}, "value", "is an audience"),
        (ORDERS, {"value": "3"}, "value", "a computed trait is worth"),
        (BIG_ORDER, {"event": "A", "where": WHERE}, "name", "what conditions call it"),
        (BIG_ORDER, {"name": "B", "where": WHERE}, "event", "of which event"),
        (BIG_ORDER, {"name": "B", "event": "A"}, "where", "which of these"),
    ],
)
def test_a_body_that_can_not_be_read_is_refused(
    id_: Id, given: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        read(id_, **given)
    assert says in " ".join(caught.value.fields[field])


def test_all_that_is_wrong_with_a_body_is_told_at_once() -> None:
    with pytest.raises(DefinitionError) as caught:
        read(("audience", "Big"), who="traits.a =", of="things", colour="red")
    assert set(caught.value.fields) == {"key", "who", "of", "colour"}


def test_an_audience_that_is_not_there_is_refused_with_what_may_have_been_meant() -> None:
    big = audience("big_spenders", "traits.a = 1")
    [fault] = one(audience("x", 'traits.a = 1 and audience("big_spender")'), bodies(big)).errors
    assert fault.located == (
        "line 1, column 27: there is no audience big_spender. Did you mean big_spenders?"
    )


def test_the_traits_of_the_account_may_be_asked_for() -> None:
    found = one(audience("rich", 'traits.plan = "pro" and account.traits.seats > 5'))
    assert found.errors == []


def test_what_was_never_seen_is_a_warning_with_its_place() -> None:
    who = 'count("Order Complete" where properties.totl > 1) > 0\nor traits.plam = "x"'
    found = one(audience("x", who))
    assert found.errors == []
    assert [f.located for f in found.warnings] == [
        "line 1, column 7: Order Complete has never been seen. Did you mean Order Completed?",
        "line 2, column 4: the trait plam has never been seen. Did you mean plan?",
    ]
    [fault] = one(virtual(where="properties.totl > 1")).warnings
    assert "totl has never been seen on Order Completed. Did you mean total?" in fault.text
    [fault] = one(virtual(event="Order Complete")).warnings
    assert fault.field == "event" and "Did you mean Order Completed?" in fault.text


def test_while_nothing_came_in_nothing_is_called_unseen() -> None:
    assert one(audience("x", 'count("A") > 0 and traits.b = 1'), look=nothing_seen) == Finding(
        [], []
    )


def test_defined_names_count_as_seen() -> None:
    before = bodies(virtual(), trait("orders", 'count("Big Order")'))
    who = 'count("Big Order" where properties.sku = "a") > 0 and traits.orders > 1'
    assert one(audience("x", who), before) == Finding([], [])
    [fault] = one(audience("x", 'count("Big Order" where properties.tot = 1) > 0'), before).warnings
    assert "tot has never been seen on Big Order" in fault.text
    assert one(virtual("huge", "Huge", event="Big Order"), before) == Finding([], [])


@pytest.mark.parametrize(
    ("drafts", "way"),
    [
        ([audience("a", 'audience("a")')], "audience a → audience a"),
        (
            [audience("a", 'audience("b")'), audience("b", "traits.a = true")],
            "audience a → audience b → audience a",
        ),
        (
            [
                audience("a", "traits.t > 1"),
                trait("t", "length(traits.u)"),
                trait("u", 'last(person.traits.a of "Order Completed")'),
            ],
            "audience a → computed trait t → computed trait u → audience a",
        ),
        (
            [
                virtual("a", "A", event="B"),
                virtual("b", "B", event="C"),
                virtual("c", "C", event="A"),
            ],
            "virtual event a → virtual event b → virtual event c → virtual event a",
        ),
    ],
)
def test_what_would_depend_on_itself_is_refused(drafts: list[tuple[Id, Draft]], way: str) -> None:
    first, rest = drafts[0], drafts[1:]
    texts = [fault.text for fault in one(first, bodies(*rest)).errors]
    assert f"it would depend on itself: {way}" in texts
    together = check({}, dict(drafts), seen)
    assert all("itself" in together[id_].errors[0].text for id_, _ in drafts)


def test_a_diamond_is_no_cycle() -> None:
    drafts = [
        audience("a", 'audience("b") and audience("c")'),
        audience("b", 'audience("d")'),
        audience("c", 'audience("d")'),
        audience("d", "traits.plan = 1"),
    ]
    assert all(finding == Finding([], []) for finding in check({}, dict(drafts), seen).values())


def test_names_that_are_taken_are_refused() -> None:
    before = bodies(audience("vip", "traits.plan = 1"), virtual())
    [fault] = one(trait("vip", "traits.plan"), before).errors
    assert fault == ("key", "the audience vip has this name already", None, None)
    [fault] = one(virtual("other", "Big Order"), before).errors
    assert fault.field == "name" and "virtual event big_order" in fault.text


def test_a_trait_that_sources_send_is_hidden_with_a_warning() -> None:
    [fault] = one(trait("plan", 'count("Order Completed")')).warnings
    assert fault.text == "sources send a trait plan, which this one would hide"
    assert one(trait("seats", 'count("Order Completed")')) == Finding([], [])
    assert one(trait("seats", 'count("Order Completed")', of="accounts")).warnings


@pytest.mark.parametrize("name", ["Order Completed", "Page Viewed"])
def test_a_new_virtual_event_hides_no_event(name: str) -> None:
    draft = virtual(name=name, event="Other")
    assert "would hide" in one(draft).errors[0].text
    # One that was there before the sources sent it stays, with a warning.
    found = one(virtual(name=name, event="Other", where="properties.x = 1"), bodies(draft))
    assert found.errors == [] and "would hide" in found.warnings[0].text


def test_people_and_accounts_are_not_mixed() -> None:
    before = bodies(
        audience("firms", "traits.seats > 1", of="accounts"),
        trait("orders", 'count("Order Completed")', of="accounts"),
    )
    [fault] = one(audience("x", 'audience("firms")'), before).errors
    assert "firms is one of accounts, this is of people" in fault.text
    found = one(audience("x", "traits.orders > 1", of="people"), before)
    assert found.errors == [] and "is one of accounts" in found.warnings[0].text


def test_an_account_is_not_asked_for_its_account() -> None:
    who = 'traits.plan = "pro" and account.traits.seats > 5'
    found = check({}, dict([audience("big", who, of="accounts")]), nothing_seen)[BIG]
    [warning] = found.warnings
    assert (warning.text, warning.column) == ("an account has no account: say traits.seats", 25)
    assert check({}, dict([audience("big", who)]), nothing_seen)[BIG].warnings == []


def test_an_account_is_not_asked_what_it_did() -> None:
    who = 'traits.plan = "pro" and not performed("Order Completed") and changed(traits.plan)'
    found = check({}, dict([audience("big", who, of="accounts")]), nothing_seen)[BIG]
    assert found.errors == [] and [(one.text, one.column) for one in found.warnings] == [
        ("an account has no events of its own: none is ever found here", 39),
        ("how an account's traits changed is not kept: this never holds", 62),
    ]


def test_what_others_use_can_not_go() -> None:
    before = bodies(
        virtual(), trait("orders", 'count("Big Order")'), audience("big", "traits.orders > 3"),
        audience("both", 'audience("big") or traits.big = true'),
    )  # fmt: skip

    def faults(id_: Id) -> list[str]:
        return [f.text for f in check(before, {id_: None}, seen)[id_].errors]

    assert faults(BIG_ORDER) == ["Big Order is used by the computed trait orders (value)"]
    assert faults(ORDERS) == ["orders is used by the audience big (who)"]
    assert faults(BIG) == ["big is used by the audience both (who)"]
    assert faults(("audience", "both")) == []
    # Together they can.
    gone = check(before, dict.fromkeys(before), seen)
    assert all(finding.errors == [] for finding in gone.values())


def test_another_name_for_a_virtual_event_that_is_used_is_refused() -> None:
    before = bodies(virtual(), trait("orders", 'count("Big Order")'))
    [fault] = one(virtual(name="Huge Order"), before).errors
    assert fault.field == "name" and "used by the computed trait orders" in fault.text


def test_an_archived_audience_may_be_used_with_a_warning() -> None:
    before = bodies(audience("old", "traits.plan = 1", archived=True))
    found = one(audience("x", 'audience("old")'), before)
    assert found.errors == [] and "archived" in found.warnings[0].text


def test_who_asks_for_an_audience_that_is_archived_is_told() -> None:
    before = bodies(
        audience("old", "traits.plan = 1"),
        audience("x", 'audience("old")'),
        audience("y", 'not audience("old")', archived=True),
    )
    found = one(audience("old", "traits.plan = 1", archived=True), before)
    assert found.errors == []
    assert [(one.field, one.text) for one in found.warnings] == [
        ("archived", "the audience x asks for it, and finds nobody in it then")
    ]
    gone = bodies(
        audience("old", "traits.plan = 1", archived=True), audience("x", 'audience("old")')
    )
    again = one(audience("old", "traits.plan = 2", archived=True), gone)
    assert again.warnings == []


@pytest.mark.parametrize(
    ("who", "says"),
    [
        ("traits.orders.x = 1", "line 1, column 1: the computed trait orders has nothing inside"),
        ("true\nand changed(traits.orders)", "line 2, column 13: the computed trait orders has no"),
        (
            'count("Order Completed" where properties.a = person.traits.orders) > 0',
            "line 1, column 46: orders is a computed trait: a where sees one event",
        ),
    ],
)
def test_what_a_computed_trait_can_not_answer_is_not_asked(who: str, says: str) -> None:
    orders = trait("orders", 'count("Order Completed")')
    asks = audience("x", who)
    assert says in one(asks, bodies(orders)).errors[0].located
    # Nor does a trait become a computed one under those who ask it such things.
    [fault] = one(orders, bodies(asks)).errors
    assert fault.field == "key" and fault.text.endswith("which the audience x asks for")
    assert (
        one(trait("orders", 'count("Order Completed")', of="accounts"), bodies(asks)).errors == []
    )


def test_names_that_stand_for_too_much_are_refused() -> None:
    many = " or ".join(f"properties.sku = {number}" for number in range(500))
    huge = virtual("huge", "Huge", event="Big Order", where=many)
    asks = audience("x", 'count("Huge") > 1 or count("Huge") < 0')
    text = one(asks, bodies(virtual(where=many), huge)).errors[0].text
    assert text == "with all that it stands for it can't be worked out: more than 5,000 parts"
    # And so is an edit that would make it so for others.
    [fault] = one(virtual(where=many), bodies(virtual(), huge, asks)).errors
    assert fault.text == "audience x can't be worked out: more than 5,000 parts"


def test_other_words_reach_every_place_that_means_them_and_no_other() -> None:
    who = (
        'audience("vip") and traits.vip = true and person.traits.vip.x = 1'
        ' and sum(traits.vip of "vip" where person.traits.vip = traits.vip) > 1'
        ' and changed(traits.vip from "vip")'
    )
    new = {Word("audience", "vip"): Word("audience", "best"),
           Word("trait", "vip"): Word("trait", "best")}  # fmt: skip
    body = read(("audience", "x"), who=who).body
    assert KINDS["audience"].rename(body, new)["who"] == (
        'audience("best") and traits.best = true and person.traits.best.x = 1'
        ' and sum(traits.vip of "vip" where person.traits.best = traits.vip) > 1'
        ' and changed(traits.best from "vip")'
    )
