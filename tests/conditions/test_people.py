"""Conditions over people: what may stand where, and what is told of it."""

from __future__ import annotations

import pytest

from cdp.conditions import (
    ConditionError,
    Context,
    format_text,
    from_json,
    from_json_text,
    parse,
)

WRONG = {
    "properties.total > 5": (1, 'properties.total is nothing of a person; expected traits.…. It '
                                'belongs to events: count("…" where properties.total …) > 0.'),
    "trait.plan = 'x'": (1, "trait.plan is nothing of a person; expected traits.…. Did you mean "
                            "traits?"),
    "person.plan = 'x'": (1, "person.plan is nothing of a person; expected person.traits.… or "
                             "person.identifiers.…"),
    "count(Order) > 1": (7, "Order can't stand here; expected an event in quotes"),
    "count('A' within 30) > 1": (18, "30 can't stand here; expected a duration such as 30d"),
    "count('A' between 10d and 20d ago) > 1": (11, "a window that ends before it begins; expected "
                                                   "between 20d and 10d ago"),
    "count('A' between 10d and 10d ago) > 1": (11, "a window that ends before it begins; expected "
                                                   "two different times"),
    "count('A' since 30d) > 1": (20, ") can't stand here; expected ago or from now after the "
                                     "duration"),
    "count('A' since 'x') > 1": (17, "since needs a time; expected 2026-01-31, 30d ago or "
                                     'start_of("month")'),
    "sum('A') > 1": (1, 'sum needs to know of what; expected sum(properties.… of "A")'),
    "count(properties.x of 'A') > 1": (1, "count counts events, not values. length(unique(… of "
                                          "…)) counts different values."),
    "sum(properties.total 'A') > 1": (22, "'A' can't stand here; expected of"),
    "count('A' where audience('x')) > 1": (17, "a where sees one event, not the person's history. "
                                               "Put it outside of the parentheses, with and."),
    "count('A' where count('B') > 1) > 1": (17, "a where sees one event"),
    "sequence('A')": (13, ") can't stand here; expected then"),
    "sequence('A' within 2h then 'B')": (14, "within can't stand here; expected then"),
    "sequence('A' then 'B', )": (24, ") can't stand here; expected within"),
    "changed(properties.plan)": (9, "only traits are remembered as they were; expected traits.…"),
    "changed(traits.plan from traits.x)": (26, "traits.x can't stand here; expected a text, a "
                                               "number, true, false or null"),
    "audience(traits.x)": (10, "the key of audience must be written out; expected a text in "
                               "quotes"),
    "performed('A') within 3d": (25, "the condition ends here; expected after"),
    "performed('A') within 3d after B": (32, "B can't stand here; expected an event in quotes, or "
                                             '("Event" where …)'),
    "start_of('fortnight') < now()": (10, "there is no start of 'fortnight'"),
    "start_of('day', 'Mars') < now()": (17, "there is no time zone 'Mars'"),
    "now()": (1, "a time as seen from now can only be compared, or begin a window"),
    "string(3d ago) = 'x'": (8, "a time as seen from now can only be compared, or begin a window; "
                                "expected traits.… > 3d ago, or since start_of"),
    "traits.at in [now()]": (15, "a time as seen from now can only be compared"),
    "!start_of('day')": (2, "a time as seen from now can only be compared"),
    "count('A' where lowercase(now()) = 'a') > 1": (27, "a time as seen from now can only be "),
    "performed('')": (11, "an event has a name; expected the name of an event in quotes"),
    "count('A' within 200000d) > 1": (18, "200000d is longer than a hundred years"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "wrong"), WRONG.items())
def test_an_error_says_what_where_and_what_else(text: str, wrong: tuple[int, str]) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text, Context.PERSON)
    assert (caught.value.line, caught.value.column) == (1, wrong[0]), caught.value.text
    assert caught.value.text.startswith(wrong[1]), caught.value.text


def test_types_that_never_fit_are_told() -> None:
    def warnings(text: str) -> list[str]:
        return [found.text for found in parse(text, Context.PERSON).warnings]

    assert warnings("count('A') = 'x'") == ["number and text are never equal"]
    assert warnings("unique(properties.x of 'A') > 1") == [
        "only numbers and times have an order, so > with list is never true"
    ]
    assert warnings("count('A')") == ["a number by itself is never true"]
    assert warnings("first('A') > 30d ago and last('A') < 2026-01-01") == []
    assert warnings("count('A' where lowercase(event)) > 1") == ["a text by itself is never true"]


CANONICAL = {
    "count('A' within 1w) > 0": 'count("A" within 7d) > 0',
    "not performed('A') within 24h after 'B'": 'not performed("A") within 1d after "B"',
    "!performed('A') within 90m after ('B')": 'not performed("A") within 90m after "B"',
    "!(performed('A') within 1d after 'B')": '!(performed("A") within 1d after "B")',
    "!performed('A')": 'not performed("A")',
    "now() > traits.x": "now() > traits.x",
    "sequence('A' then 'B' within 60m,within 30d)": 'sequence("A" then "B" within 1h, within 30d)',
    "changed(traits.a to null)": "changed(traits.a to null)",
    "count('A' since start_of('month','UTC')) = 1": 'count("A" since start_of("month")) = 1',
}


@pytest.mark.parametrize(("text", "canonical"), CANONICAL.items())
def test_there_is_one_way_to_write_it(text: str, canonical: str) -> None:
    assert format_text(parse(text, Context.PERSON).root) == canonical
    assert format_text(parse(canonical, Context.PERSON).root) == canonical


FORMS = {
    "{}": "missing required field",
    '{"is": "nothing"}': "Invalid value 'nothing'",
    '{"is": "value", "value": [1]}': "$.value",
    '{"is": "and", "items": [{"is": "path", "parts": ["a"]}]}': "join at least two",
    '{"is": "path", "parts": []}': "a path without a first key",
    '{"is": "performed", "event": {"name": ""}}': "an event without a name",
    '{"is": "path", "parts": ["", "a"]}': "a path without a first key",
    '{"is": "value", "value": 1e300}': "a number of more than 40 digits",
    '{"is": "call", "name": "cotains", "args": []}': "Did you mean contains?",
    '{"is": "call", "name": "length", "args": []}': "length takes 1 argument, not 0",
    '{"is": "start_of", "unit": "day", "zone": "Mars"}': "no time zone 'Mars'",
    '{"is": "relative", "offset": 9999999999999}': "more than a hundred years",
    '{"is": "instant", "at": 99999999999999999}': "no time between the years",
    '{"is": "performed", "event": {"name": "A"}, "window": {"is": "within", "ms": -1}}': "ms is no",
    '{"is": "performed", "event": {"name": "A"}, "window": {"is": "between", "older": 1, '
    '"newer": 2}}': "ends before it begins",
    '{"is": "aggregate", "fn": "median", "event": {"name": "A"}}': "$.fn",
    '{"is": "call", "name": "regex", "args": [{"is": "path", "parts": ["a"]}, '
    '{"is": "value", "value": "("}]}': "not a regular expression",
    "[1": "not JSON",
}


@pytest.mark.parametrize(("text", "reason"), FORMS.items())
def test_a_form_that_is_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConditionError) as caught:
        from_json_text(text)
    assert reason in caught.value.text


def test_a_form_that_is_too_deep_is_refused() -> None:
    form: dict[str, object] = {"is": "value", "value": True}
    for _ in range(5_000):
        form = {"is": "not", "item": form}
    with pytest.raises(ConditionError, match="nested"):
        from_json(form)


def test_a_character_that_no_message_holds_is_refused() -> None:
    with pytest.raises(ConditionError, match="a character that no message holds"):
        from_json({"is": "value", "value": "\0"})
