"""Tree → text, the one way to write it. What FQL can say is written as FQL."""

from __future__ import annotations

from typing import Any

from cdp.conditions.ast import (
    MEASURED,
    And,
    Call,
    Compare,
    Followed,
    In,
    Instant,
    Items,
    Not,
    Or,
    Path,
    Performed,
    Value,
)
from cdp.conditions.forms import BY_NODE
from cdp.conditions.forms.windows import time_text
from cdp.conditions.spelling import literal, path_text

#: Where a long condition is broken into lines.
WIDTH = 88
_OR, _AND, _NOT, _COMPARE, _PRIMARY = range(5)


def format_text(node: Any, width: int | None = None) -> str:
    """The text of a condition; its outermost ``and`` or ``or`` in lines if it is wider."""
    text = _text(node, _OR)
    if width is None or len(text) <= width or type(node) not in (And, Or):
        return text
    word, level = ("and", _NOT) if type(node) is And else ("or", _AND)
    return f"\n{word} ".join(_text(item, level) for item in node.items)


def _text(node: Any, level: int) -> str:
    own, text = _written(node)
    return f"({text})" if own < level else text


def _written(node: Any) -> tuple[int, str]:
    kind = type(node)
    if kind is Or:
        return _OR, " or ".join(_text(item, _AND) for item in node.items)
    if kind is And:
        return _AND, " and ".join(_text(item, _NOT) for item in node.items)
    if kind is Not:
        return _negated(node)
    if kind is Compare:
        left, right = _text(node.left, _PRIMARY), _text(node.right, _PRIMARY)
        return _COMPARE, f"{left} {node.op} {right}"
    if kind is In:
        return _COMPARE, f"{_text(node.item, _PRIMARY)} in {_text(node.list, _PRIMARY)}"
    if kind is Call:
        return _PRIMARY, f"{node.name}({', '.join(_text(arg, _OR) for arg in node.args)})"
    if kind is Items:
        return _PRIMARY, f"[{', '.join(_text(item, _OR) for item in node.items)}]"
    if kind is Value:
        return _PRIMARY, literal(node.value)
    if kind is Path:
        parts = ("traits", *node.parts[1:]) if node.parts[0] == MEASURED else node.parts
        return _PRIMARY, path_text(parts)
    if kind is Instant:
        return _PRIMARY, time_text(node)
    text = BY_NODE[kind].write(node, lambda inner: _text(inner, _OR))
    return (_NOT if kind is Followed and node.negated else _PRIMARY), text


def _negated(node: Not) -> tuple[int, str]:
    if type(node.item) is Performed:
        return _NOT, f"not {_text(node.item, _PRIMARY)}"
    if type(node.item) is Followed:
        return _PRIMARY, f"!({_text(node.item, _OR)})"
    return _PRIMARY, f"!{_text(node.item, _PRIMARY)}"
