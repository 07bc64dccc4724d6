"""FQL over messages: what is true of what, line by line of its rules."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.conditions import ConditionError, compile_text, format_text, parse

MESSAGE: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u1",
    "properties": {
        "total": 50,
        "price": 0.1,
        "paid": True,
        "gift": False,
        "coupon": None,
        "tags": ["a", "b", 1],
        "products": [{"sku": "S1", "price": 9.5}, {"sku": "S2"}],
        "box": {"w": 1, "h": 2},
        "product 1": {"price": 7},
        "a.b": "dotted",
        "": "empty",
        "ż": "pl",
        "word": "żółw",
        "size": "42",
        "placed_at": "2026-01-31T12:00:00+01:00",
    },
    "context": {"page": {"path": "/a/b"}, "app": {"version": "2.12.1-beta"}},
}
TRUE = """
type = "track"
type='track'
type="track"and event="Order Completed"
event != "Order completed"
properties.total = 50
properties.total = 50.0
properties.total >= 50 and properties.total <= 50
properties.total > -1 and +51 > properties.total
properties.price = 0.1
properties.paid
!properties.gift
!properties.total
!properties.missing
properties.paid = true and properties.gift = false
properties.paid != 1
properties.coupon = null
properties.missing = null
properties.missing.deeper = null
properties.total.deeper = null
null = properties.missing
properties.missing = properties.coupon
properties.total != null
properties.total != "50"
properties.tags = ["a", "b", 1]
properties.tags != ["b", "a", 1]
"a" in properties.tags
1 in properties.tags
!("1" in properties.tags)
"c" not in properties.tags
event in ["x", "Order Completed"]
properties.missing in [null]
properties.total in [50]
properties.paid in [true] and !(properties.paid in [1])
properties.tags.0 = "a"
properties.tags[1] = "b"
properties.tags.9 = null
properties.products.0.sku = "S1"
properties.products[1]["sku"] = 'S2'
properties.product\\ 1.price = 7
properties["product 1"].price = 7
properties.a\\.b = "dotted"
properties[""] = "empty"
properties.\\ż = "pl"
contains(event, "Completed")
!contains(event, "completed")
!contains(properties.total, "5")
!contains(properties.missing, "")
contains(lowercase(event), "order")
match(event, "Order*") and match(event, "*ed") and match(event, "*er Com*")
match(context.page.path, "/a*b") and match(context.page.path, "*")
match(event, "Order?Completed") and !match(event, "Order??Completed")
match(event, "[A-Z]rder*") and match(event, "[^a-z]*") and !match(event, "[abc]*")
match(event, "Order\\ C*") and match("a*c", "a\\*c") and !match("abc", "a\\*c")
match("żółw", "?ó??") and match("日本", "[日-本]本")
match("", "") and match("", "*") and !match("", "?")
!match(event, "order*")
length(properties.tags) = 3
length(properties.word) = 7
length(properties.missing) = 0 and length(properties.coupon) = 0
!(length(properties.total) = length(properties.total))
length(properties.box) != 2
typeof(event) = "string" and typeof(properties.total) = "number"
typeof(properties.tags) = "list" and typeof(properties.paid) = "bool"
typeof(properties.missing) = "null" and typeof(properties.coupon) = "null"
typeof(properties.box) = "object"
lowercase(properties.total) = null
uppercase(type) = "TRACK" and snakecase(event) = "order_completed"
kebabcase("productViewedNow") = "product-viewed-now" and titlecase("a_bIG day") = "A B Ig Day"
number(properties.size) = 42 and number("x") = null and number(properties.paid) = 1
string(properties.total) = "50" and string(properties.missing) = null
bool("true") and !bool("no") and bool(properties.total)
semver(context.app.version, ">", "2.9") and !semver(context.app.version, "<", "2.12.1")
!semver("1.2.3.4", "=", "1.2.3.4") and semver("1", "=", "1.0.0")
regex(event, "^Order\\b") and !regex(event, "^Completed") and !regex(properties.total, "5")
starts_with(event, "Ord") and ends_with(event, "ted") and !ends_with(event, "Ted")
(properties.total > 49) = true
true
not type = "page"
not (type = "page" or type = "screen") and not properties.gift
type = "track" or properties.missing > 1 and type = "page"
`Order Completed` = event
properties.placed_at = 2026-01-31T11:00:00Z
properties.placed_at > 2026-01-31 and properties.placed_at < 2026-02-01
properties.placed_at != 2026-01-31
contains(event, "Order") = contains(event, "Completed")
""".strip().splitlines()
FALSE = """
type = "page"
type < "u"
event
"track"
lowercase(event)
length(properties.tags)
properties.total
properties.total = "50"
properties.paid = "true"
properties.paid > 0
null < 1
properties.missing < 1
properties.missing >= 0
properties.missing
null
properties.box = ["w"]
"w" in properties.box
"a" in properties.missing
"a" in []
match(event, "[")
match(event, "[]a]*")
match(event, "[a-]*")
match(event, "Order\\")
match(event, "[z-a]*")
properties.total < 2026-01-01 and properties.tags < 2026-01-01
properties.tags = 2026-01-01
""".strip().splitlines()


@pytest.mark.parametrize("text", [line.replace("\\\\", "\\") for line in TRUE])
def test_this_holds(text: str) -> None:
    assert compile_text(text)(MESSAGE) is True
    assert compile_text(format_text(parse(text).root))(MESSAGE) is True


@pytest.mark.parametrize("text", FALSE)
def test_this_does_not_hold(text: str) -> None:
    assert compile_text(text)(MESSAGE) is False
    assert compile_text(f"!({text})")(MESSAGE) is True


def test_key_order_counts_in_objects() -> None:
    same = compile_text("properties.a = properties.b")
    assert same({"properties": {"a": {"x": 1, "y": [1.0]}, "b": {"x": 1.0, "y": [1]}}})
    assert not same({"properties": {"a": {"x": 1, "y": 2}, "b": {"y": 2, "x": 1}}})
    assert not same({"properties": {"a": [True], "b": [1]}})


CANONICAL = {
    "type='track'  and(event='x'or event='y')": 'type = "track" and (event = "x" or event = "y")',
    "(a = 1 and b = 2) and c = 3": "a = 1 and b = 2 and c = 3",
    "a = 1 or (b = 2 and c = 3)": "a = 1 or b = 2 and c = 3",
    "not a": "!a",
    "not a = 1": "!(a = 1)",
    "!(!(a))": "!!a",
    "a not in ['x']": '!(a in ["x"])',
    "x = 'say \"hi\"'": "x = 'say \"hi\"'",
    'x = `it\'s "so"`': 'x = `it\'s "so"`',
    "x = 05.50": "x = 5.5",
    "x = -0.0": "x = 0",
    "\\in = 1 and \\1st = 2": "\\in = 1 and \\1st = 2",
    "a\n=\t1\r\n": "a = 1",
    "x > 2026-01-31T00:00:00Z": "x > 2026-01-31",
}


@pytest.mark.parametrize(("text", "canonical"), CANONICAL.items())
def test_there_is_one_way_to_write_it(text: str, canonical: str) -> None:
    assert format_text(parse(text).root) == canonical
    assert format_text(parse(canonical).root) == canonical


def test_a_long_condition_is_broken_where_it_branches() -> None:
    root = parse("type = 'track' and event = 'Order Completed' and (a = 1 or b = 2)").root
    lines = ['type = "track"', 'and event = "Order Completed"', "and (a = 1 or b = 2)"]
    assert format_text(root, 40) == "\n".join(lines)


WRONG = {
    "": (1, 1, "the condition is empty"),
    "  \n ": (1, 1, "the condition is empty"),
    "type =": (1, 7, "the condition ends here; expected something to compare"),
    "type = 'x' and\n  evnt(": (2, 3, "there is no function evnt"),
    "cotains(event, 'x')": (1, 1, "there is no function cotains. Did you mean contains?"),
    "type == 'x'": (1, 6, "== means nothing here. Write a single =."),
    "a = 1 && b = 2": (1, 7, "&& means nothing here. Write and."),
    "a = “x”": (1, 5, '“ means nothing here. A text stands in straight quotes: "…".'),
    "a = 1 # why": (1, 7, "# means nothing here. A condition has no comments."),
    "a + 1 > 2": (1, 3, "+ means nothing here. Nothing is worked out but ratio(part, whole) and "
                        "3d from now."),
    "a / b > 2": (1, 3, "/ means nothing here. Nothing is worked out but ratio(part, whole) and "
                        "3d from now."),
    "a between 1 and 2": (1, 3, "between can't stand here; expected and, or, a comparison, or the "
                                "end"),
    "a = 1 adn b = 2": (1, 7, "adn can't stand here; expected and, or, a comparison, or the end."
                              " Did you mean and?"),
    "a = 1 b": (1, 7, "b can't stand here; expected and, or, a comparison, or the end"),
    "(a = 1": (1, 7, "the condition ends here; expected )"),
    "a = 1)": (1, 6, ") can't stand here; expected and, or, a comparison, or the end"),
    "a = 'x": (1, 5, "the text that begins with ' has no end; expected another '"),
    "a = 5.": (1, 6, "a number with a point that no digit follows, or two points"),
    "a = 1.2.3": (1, 8, "a number with a point that no digit follows, or two points"),
    "a = 5x": (1, 6, "'x' directly after a number. Durations are written 500ms 2s 5m 3h 2d 1w."),
    "a = .5": (1, 5, "'.' can't stand here. A path begins with a name, a number with a digit."),
    "a. = 1": (1, 3, "' ' after the dot of a path; expected a key"),
    "a = b = c": (1, 7, "another =; expected and, or, or the end. Only two things can be compared "
                        "at once."),
    "prix.é = 1": (1, 6, "'é' after the dot of a path; expected a key"),
    "properties.prix\\": (1, 16, "the text ends after \\; expected a character"),
    "contains(event)": (1, 1, "contains takes 2 arguments, not 1; expected contains(text, part)"),
    "event in 'x'": (1, 10, "'x' can't stand here; expected a list in [ ], or the path of one"),
    "a = 1 and and b = 1": (1, 11, "and can't stand here; expected something to compare"),
    "regex(event, '(')": (1, 14, "not a regular expression of RE2: missing ): ("),
    "regex(event, name)": (1, 14, "the pattern of regex must be written out; expected a text in "
                                  "quotes"),
    "a = 2026-13-01": (1, 5, "2026-13-01 is no time; expected 2026-01-31 or "
                             "2026-01-31T12:00:00Z"),
    "a > 30d": (1, 8, "the condition ends here; expected ago or from now after the duration"),
    "a > 30d ago": (1, 5, "a time as seen from now: what is asked of one message must not change "
                          "with the clock; expected a date such as 2026-01-31"),
    "count('x') > 1": (1, 1, "count asks for a person's history, and here is only one message"),
    "type = 'a' and audience('x')": (1, 16, "audience asks for a person's history, and here is "
                                            "only one message"),
    "a = " + "1" * 41: (1, 5, "a number of more than 40 digits"),
    "a = 'x\0'": (1, 7, "a character that no message holds"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "wrong"), WRONG.items())
def test_an_error_says_what_where_and_what_else(text: str, wrong: tuple[int, int, str]) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column, caught.value.text) == wrong


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(" * 33 + "a" + ")" * 33, "nested deeper than 32 levels"),
        ("!" * 40 + "a", "nested deeper than 32 levels"),
        ("not " * 40 + "a", "nested deeper than 32 levels"),
        ("[" * 100_000, "the condition has 100,000 characters, 20,000 are the most"),
        ("a = '" + "x" * 20_000 + "'", "the condition has 20,006 characters, 20,000 are the most"),
        ("a in [" + "1," * 6_000 + "1]", "more than 5,000 parts"),
        ("(" * 9_000, "nested deeper than 32 levels"),
        ("regex(a, '" + "a" * 1_001 + "')", "a regular expression of more than 1,000 characters"),
    ],
)
def test_what_is_too_large_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text)
    assert caught.value.reason == reason


def test_a_pattern_or_expression_that_would_hang_others_is_quick() -> None:
    message = {"a": "a" * 20_000}
    assert not compile_text("regex(a, '^(a+)+$b')")(message)
    assert not compile_text("match(a, '*a*a*a*a*a*a*a*a*a*b')")(message)


WARNED = {
    "propertis.total > 1": "a message has no propertis. Did you mean properties?",
    "type < 'x'": "only numbers and times have an order, so < with text is never true",
    "lowercase(event)": "a text by itself is never true",
    "type = 'a' and 5": "a number by itself is never true",
    "length(properties.x) = '5'": "number and text are never equal",
    'event.kind = "refund"': (
        "event.kind is never there: event holds one value, with nothing inside. "
        "Write properties.kind."
    ),
    "event.properties.a = 1": (
        "event.properties.a is never there: event holds one value, with nothing inside. "
        "Write properties.a."
    ),
    "userId.id = 1": "userId.id is never there: userId holds one value, with nothing inside.",
    "match(event, '[')": "nothing matches this pattern: a [ that no ] follows",
    "semver(properties.v, '=>', '1')": "=> is no comparison; there are = != < <= > >=",
}


@pytest.mark.parametrize(("text", "warning"), WARNED.items())
def test_what_looks_wrong_is_told(text: str, warning: str) -> None:
    assert [found.text for found in parse(text).warnings] == [warning]
