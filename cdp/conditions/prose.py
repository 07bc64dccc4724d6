"""Tree → plain English, as it stands beside the builder and in explanations."""

from __future__ import annotations

from typing import Any

from cdp.conditions.ast import (
    MEASURED,
    Aggregate,
    And,
    Call,
    Compare,
    In,
    Instant,
    Items,
    Not,
    Or,
    Path,
    Performed,
    Relative,
    StartOf,
    Value,
)
from cdp.conditions.forms import BY_NODE
from cdp.conditions.forms.windows import say_event, say_window, time_text
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.spelling import number_text

_WORDS = {
    "=": "is",
    "!=": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
}
_OF_TIMES = {"<": "is before", "<=": "is not after", ">": "is after", ">=": "is not before"}
_AT_MOST = {"<": -1, "<=": 0}
_TIMES = (Instant, Relative, StartOf)
_PLACES = {
    "type": "the type",
    "event": "the event",
    "name": "the name",
    "userId": "the user id",
    "anonymousId": "the anonymous id",
    "messageId": "the message id",
    "groupId": "the group id",
}


def explain(node: Any) -> str:
    """A sentence without its full stop."""
    return _clause(node)


def explain_value(node: Any) -> str:
    """What an expression stands for, whatever it is worth: "the trait renews_at"."""
    return _noun(node)


def _clause(node: Any) -> str:
    """A node as a condition."""
    kind = type(node)
    if kind is And:
        return _joined("and", node.items, Or)
    if kind is Or:
        return _joined("or", node.items, And)
    if kind is Not:
        return _negated(node.item)
    if kind is Compare:
        return _comparison(node)
    if kind is In:
        return _membership(node, "one of")
    if kind is Call:
        return _called(node, FUNCTIONS[node.name].words)
    if kind is Value and isinstance(node.value, bool):
        return "always" if node.value else "never"
    if kind in (Path, Value):
        return f"{_noun(node)} is true"
    return BY_NODE[kind].say(node, _say) if kind in BY_NODE else _noun(node)


def _say(node: Any) -> str:
    """What forms get: nouns for what names something, clauses for conditions."""
    nouns = (Path, Value, Items, Aggregate, *_TIMES)
    return _noun(node) if isinstance(node, nouns) else _clause(node)


def _joined(word: str, items: tuple[Any, ...], in_parentheses: type) -> str:
    said = [f"({_clause(i)})" if type(i) is in_parentheses else _clause(i) for i in items]
    if len(said) == 2:
        return f" {word} ".join(said)
    return f"{', '.join(said[:-1])}, {word} {said[-1]}"


def _negated(item: Any) -> str:
    kind = type(item)
    if kind is Not:
        return _clause(item.item)
    if kind is Path:
        return f"{_noun(item)} is not true"
    if kind is In:
        return _membership(item, "none of")
    if kind is Call and FUNCTIONS[item.name].unless:
        return _called(item, FUNCTIONS[item.name].unless)
    if kind is Compare and item.op in ("=", "!="):
        return _comparison(Compare("!=" if item.op == "=" else "=", item.left, item.right))
    if kind is Performed:
        return f"did not do {say_event(item.event, _say)}{say_window(item.window, _say)}"
    said = _clause(item)
    if kind in (And, Or):
        return f"it is not so that ({said})"
    return f"it is not so that {'they ' if said.startswith('did ') else ''}{said}"


def _comparison(node: Compare) -> str:
    left, right, op = node.left, node.right, node.op
    if type(left) in (Value, *_TIMES) and type(right) not in (Value, *_TIMES):
        op = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(op, op)  # type: ignore[assignment]
        left, right = right, left
    if type(left) is Aggregate and left.fn == "count" and type(right) is Value:
        counted = _counted(left, op, right.value)
        if counted:
            return counted
    if right == Value(None) and op in ("=", "!="):
        return f"{_noun(left)} is {'not set' if op == '=' else 'set'}"
    is_time = type(right) in _TIMES or type(left) in _TIMES
    words = _OF_TIMES.get(op, _WORDS[op]) if is_time else _WORDS[op]
    return f"{_noun(left)} {words} {_noun(right)}"


def _counted(node: Aggregate, op: str, number: Any) -> str:
    """``did X at least 3 times in the last 30 days``."""
    if type(number) is not int or number < 0:
        return ""
    event, window = say_event(node.event, _say), say_window(node.window, _say)
    if (op, number) in ((">", 0), (">=", 1)):
        return f"did {event}{window}"
    if (op, number) in (("=", 0), ("<", 1), ("<=", 0)):
        return f"did not do {event}{window}"
    how = {"=": "exactly", "<": "less than", "<=": "at most", ">": "more than", ">=": "at least"}
    if op not in how:
        return ""
    return f"did {event} {how[op]} {number:,} time{'' if number == 1 else 's'}{window}"


def _membership(node: In, words: str) -> str:
    if type(node.list) is Items:
        items = ", ".join(_noun(item) for item in node.list.items)
        return f"{_noun(node.item)} is {words} {items or 'nothing'}"
    verb = "is" if words == "one of" else "is not"
    return f"{_noun(node.item)} {verb} in {_noun(node.list)}"


def _called(node: Call, words: str) -> str:
    nouns = [_noun(arg) for arg in node.args]
    if node.name == "semver" and type(node.args[1]) is Value:
        sign = {"=": "", "<": "below", "<=": "at most", ">": "above", ">=": "at least"}
        value = node.args[1].value
        nouns[1] = sign.get(value, nouns[1]) if isinstance(value, str) else nouns[1]
    return (
        words.format(*nouns).replace("  ", " ") if node.name == "semver" else words.format(*nouns)
    )


def _noun(node: Any) -> str:
    """A node as something to talk of."""
    kind = type(node)
    if kind is Value:
        if isinstance(node.value, str):
            return f"“{node.value}”"
        if node.value is None or isinstance(node.value, bool):
            return {None: "nothing", True: "true", False: "false"}[node.value]
        return number_text(node.value)
    if kind is Path:
        return _place(node.parts)
    if kind is Items:
        return (
            f"the list {', '.join(_noun(item) for item in node.items)}"
            if node.items
            else "an empty list"
        )
    if kind is Call:
        return FUNCTIONS[node.name].words.format(*[_noun(arg) for arg in node.args])
    if kind is Instant:
        return time_text(node).replace("T", " ").replace("Z", " UTC")
    if kind in BY_NODE:
        return BY_NODE[kind].say(node, _say)
    return f"whether {_clause(node)}"


def _place(parts: tuple[str, ...]) -> str:
    if len(parts) == 1:
        return _PLACES.get(parts[0], parts[0])
    root, rest = parts[0], ".".join(parts[1:])
    if root == "account" and parts[1] == "traits" and len(parts) > 2:
        return f"the account's trait {'.'.join(parts[2:])}"
    if root == "person":
        return f"the person's {_place(parts[1:]).removeprefix('the ')}"
    if root in ("traits", MEASURED):
        return f"the trait {rest}"
    return rest if root == "properties" else f"{root} {rest}"
