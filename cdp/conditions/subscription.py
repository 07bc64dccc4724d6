"""Which events one of Segment's actions takes: its subscription, read as Segment reads it.

A subscription looks like a condition and is decided otherwise in places (a missing value
is neither equal nor unequal to a number, and contains nothing even negated). Segment's
reader also takes texts that it then understands in surprising ways; those are refused
here, with what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cdp.conditions.ast import And, Call, Compare, Expr, Not, Or, Path, Value
from cdp.conditions.errors import ConditionSyntaxError
from cdp.conditions.functions.base import Getter
from cdp.conditions.lexer import Token, lex
from cdp.conditions.parser import Parsed, parse_text
from cdp.conditions.predicate import Predicate

_NAMES = ("type", "event", "name", "userId")
_ROOTS = ("properties", "traits", "context")
_WORDS = ("and", "or", "null", "true", "false")


def compile_subscription(text: str) -> Predicate:
    """A function that says whether an action takes a message.

    `ConditionError`, with line and column, for what Segment would not read as it is
    meant.
    """
    parsed = parse_text(text)
    _check_tokens(parsed, lex(parsed.source))
    return _compile(parsed.root, parsed)


def _refuse(parsed: Parsed, node: Any, reason: str, expected: str = "") -> ConditionSyntaxError:
    return ConditionSyntaxError(reason, *parsed.place(node), expected=expected)


def _check_tokens(parsed: Parsed, tokens: list[Token]) -> None:
    """A level of parentheses is joined by one word, and holds no further ones."""
    words: list[str] = [""]
    for number, token in enumerate(tokens):
        if token.kind == "op" and token.value == "(":
            if number and tokens[number - 1].word not in ("", "and", "or"):
                if len(words) > 1:
                    raise parsed.source.error(token.at, "a function inside of parentheses")
            elif len(words) > 1:
                raise parsed.source.error(token.at, "parentheses inside of parentheses")
            elif number and tokens[number - 1].value == "!":
                raise parsed.source.error(token.at, "! before parentheses")
            words.append("")
        elif token.kind == "op" and token.value == ")":
            words.pop()
        elif token.word in ("and", "or"):
            if words[-1] not in ("", token.word):
                raise parsed.source.error(
                    token.at, "and, or side by side; the last one would stand for both",
                    "parentheses around one of them",
                )  # fmt: skip
            words[-1] = token.word
        elif token.kind == "string" and parsed.source.text[token.at] != '"':
            raise parsed.source.error(token.at, "a text in other quotes", 'text in "…"')


def _compile(node: Expr, parsed: Parsed) -> Predicate:
    if isinstance(node, And | Or):
        items = [_compile(item, parsed) for item in node.items]
        if isinstance(node, And):
            return lambda message: all(item(message) for item in items)
        return lambda message: any(item(message) for item in items)
    if isinstance(node, Compare):
        return _compare(node, parsed)
    negated = isinstance(node, Not)
    inner = node.item if isinstance(node, Not) else node
    if isinstance(inner, Call) and inner.name in ("contains", "match"):
        return _called(inner, negated, parsed)
    raise _refuse(parsed, node, "no part of a subscription", "a comparison, contains or match")


def _compare(node: Compare, parsed: Parsed) -> Predicate:
    if not isinstance(node.left, Path) or not isinstance(node.right, Value):
        raise _refuse(parsed, node, "a subscription compares a path with a literal after it")
    get, value, op = _getter(node.left, parsed), node.right.value, node.op
    known = node.left.parts[0]
    if value is None and known not in ("type", "event") and op in ("=", "!="):
        return lambda message: (get(message) is None) is (op == "=")
    if isinstance(value, str) and op in ("=", "!="):
        return lambda message: (get(message) == value) is (op == "=")
    if isinstance(value, bool) and op == "=" and known in (*_ROOTS, "userId"):
        return lambda message: get(message) is value
    if isinstance(value, int | float) and not isinstance(value, bool) and known in _ROOTS:
        test = _NUMBERS[op]
        return lambda message: _is_number(got := get(message)) and test(got, value)
    raise _refuse(parsed, node, f"{known} can't be compared so in a subscription")


_NUMBERS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _called(node: Call, negated: bool, parsed: Parsed) -> Predicate:
    path, part = node.args
    if not isinstance(path, Path) or not isinstance(part, Value) or type(part.value) is not str:
        raise _refuse(parsed, node, f"{node.name} takes a path and a text here")
    if path.parts == ("type",):
        raise _refuse(parsed, path, f"the type in {node.name}", "a comparison with =")
    get, text = _getter(path, parsed), part.value
    test = str.__contains__
    if node.name == "match":
        test = str.startswith if text.endswith("*") else str.endswith
        text = text[:-1] if text.endswith("*") else text[1:]
        stars = part.value.count("*")
        if stars != 1 or text != part.value.strip("*") or any(c in text for c in "?[\\"):
            raise _refuse(parsed, part, "a pattern with more than a * at one end", '"text*"')

    def called(message: Mapping[str, Any]) -> bool:
        value = get(message)
        return type(value) is str and test(value, text) is not negated

    return called


def _getter(path: Path, parsed: Parsed) -> Getter:
    root, keys = path.parts[0], path.parts[1:]
    if root in _NAMES and not keys:
        return lambda message: message.get(root)
    if root not in _ROOTS or not keys:
        what = ", ".join((*_NAMES, *(f"{name}.…" for name in _ROOTS)))
        raise _refuse(parsed, path, "no field that a subscription can ask for", f"one of {what}")
    for key in keys:
        begins = key[:1].isascii() and (key[:1].isalpha() or key[:1] == "_")
        if not begins or key in _WORDS or any(c in key for c in ".[]"):
            raise _refuse(parsed, path, f"the key {key} can't be read in a subscription")
    parts = path.parts

    def get(message: Mapping[str, Any]) -> Any:
        found: Any = message
        for part in parts:
            # What is false, 0 or empty stands for everything below it.
            if found is None or found is False or found == 0 or found == "":
                return found
            found = found.get(part) if isinstance(found, dict) else None
        return found

    return get
