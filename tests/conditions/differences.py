"""Where we decide otherwise than Segment's browser package, and why: a table that is tested.

Segment evaluates filters on its servers and again in the browser (`@segment/tsub`), and the
two differ. Where its documentation says what the server does, we do that.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from cdp.conditions.ast import And, Call, Compare, Expr, In, Items, Not, Or, Path, Value, walk
from cdp.conditions.functions import FUNCTIONS
from cdp.events import at_path


class Difference(NamedTuple):
    """A case on which the two part."""

    key: str
    what: str
    condition: str
    message: dict[str, Any]
    ours: bool
    theirs: bool
    why: str


DIFFERENCES = (
    Difference(
        "missing", "A missing value compared with null", "properties.plan = null", {}, True, False,
        "By FQL's documentation what is missing is null; JavaScript's undefined is not.",
    ),
    Difference(
        "nested", "A function's result given to another function or to `in`",
        'contains(lowercase(event), "order")', {"event": "Order"}, True, False,
        "By FQL's grammar arguments may be expressions; the browser takes them as they stand.",
    ),
    Difference(
        "comparison", "A comparison of comparisons", "(type = \"a\") = true", {"type": "a"}, True,
        False, "The same.",
    ),
    Difference(
        "list", "`in` with the list at a path", '"a" in properties.tags',
        {"properties": {"tags": ["a"]}}, True, False,
        "The browser takes the items of the list for paths.",
    ),
    Difference(
        "content", "`in` with lists or objects as items", 'properties.a in [properties.b]',
        {"properties": {"a": [1], "b": [1]}}, True, False,
        "Equal means equal content, as it does for `=`; in the browser the same object.",
    ),
    Difference(
        "length", "`length` of what is missing", "length(properties.tags) = 0", {}, True, False,
        "What is missing is null, of which the length is 0.",
    ),
    Difference(
        "length", "`length` of a text beyond ASCII", "length(event) = 2", {"event": "é"}, True,
        False, "By FQL's documentation it counts bytes; the browser counts UTF-16 units.",
    ),
    Difference(
        "typeof", "`typeof` of a boolean, list or null", 'typeof(properties.a) = "bool"',
        {"properties": {"a": True}}, True, False,
        "FQL's documentation has names of its own; the browser gives JavaScript's.",
    ),
    Difference(
        "truth", "A text or number as a condition, under `!`, `and`, `or`", "!lowercase(event)",
        {"event": "A"}, True, False,
        "Only true is true; in the browser every text but the empty one counts.",
    ),
    Difference(
        "unit", "`?` and `[ ]` in `match`, over characters beyond U+FFFF", 'match(event, "?")',
        {"event": "😀"}, True, False, "By FQL's documentation `?` is a character; the browser's "
        "are halves of this one.",
    ),
    Difference(
        "inside", "A path into a text", 'properties.a.0 = "x"', {"properties": {"a": "xy"}}, False,
        True, "A text has no parts; JavaScript's texts have characters and a length.",
    ),
    Difference(
        "dotted", "A key with a dot", 'properties.a\\.b = 1', {"properties": {"a.b": 1}}, True,
        False, "By FQL's documentation \\. is a dot inside of a key; the browser can't say it.",
    ),
)  # fmt: skip


def differs(tree: Expr, message: dict[str, Any]) -> str | None:
    """The key of the difference that may show in a condition over a message."""
    if _text_as_condition(tree):
        return "truth"
    for node in walk(tree):
        found = None
        if isinstance(node, Compare):
            found = _compared(node, message)
        elif isinstance(node, In):
            found = _among(node, message)
        elif isinstance(node, Call):
            found = _called(node, message)
        elif isinstance(node, Path) and _inside_of_text(node, message):
            found = "inside"
        if found:
            return found
    return None


def _text_as_condition(node: Any) -> bool:
    if isinstance(node, And | Or):
        return any(_text_as_condition(item) for item in node.items)
    if isinstance(node, Not):
        return _text_as_condition(node.item)
    return isinstance(node, Call) and FUNCTIONS[node.name].returns != "yes or no"


def _missing(node: Any, message: dict[str, Any]) -> bool:
    """Whether a path leads to nothing, not even a null."""
    if not isinstance(node, Path) or at_path(message, node.parts) is not None:
        return False
    parent = at_path(message, node.parts[:-1])
    if isinstance(parent, dict):
        return node.parts[-1] not in parent
    if isinstance(parent, list):
        return not (node.parts[-1].isdigit() and int(node.parts[-1]) < len(parent))
    return True


def into_a_text(tree: Expr, message: dict[str, Any]) -> bool:
    """Whether one of the paths goes on inside of a text."""
    return any(isinstance(node, Path) and _inside_of_text(node, message) for node in walk(tree))


def _inside_of_text(node: Path, message: dict[str, Any]) -> bool:
    return any(
        isinstance(at_path(message, node.parts[:n]), str) and node.parts[n].isdigit()
        for n in range(1, len(node.parts))
    )


def _null(node: Any, message: dict[str, Any]) -> bool:
    if isinstance(node, Path):
        return at_path(message, node.parts) is None
    return node == Value(None) and not isinstance(node, Call)


def _compared(node: Compare, message: dict[str, Any]) -> str | None:
    sides = (node.left, node.right)
    if any(isinstance(side, And | Or | Not | Compare | In) for side in sides):
        return "comparison"
    if any(_missing(side, message) for side in sides):
        both_missing = all(_missing(side, message) for side in sides)
        null = any(_null(s, message) and not _missing(s, message) for s in sides)
        of_null = any(isinstance(s, Call) and s.name == "lowercase" for s in sides)
        if not both_missing and (null or of_null):
            return "missing"
    return None


def _among(node: In, message: dict[str, Any]) -> str | None:
    if not isinstance(node.list, Items):
        return "list"
    if isinstance(node.item, Call):
        return "nested"
    item = at_path(message, node.item.parts) if isinstance(node.item, Path) else None
    if isinstance(item, list | dict):
        return "content"
    values = (node.item, *node.list.items)
    if any(_missing(v, message) for v in values) and any(_null(v, message) for v in values):
        return "missing"
    return None


def _called(node: Call, message: dict[str, Any]) -> str | None:
    if any(isinstance(arg, Call) for arg in node.args):
        return "nested"
    arg = node.args[0]
    value = at_path(message, arg.parts) if isinstance(arg, Path) else None
    if node.name == "length" and (
        _missing(arg, message) or (isinstance(value, str) and not value.isascii())
    ):
        return "length"
    if node.name == "typeof" and not (type(value) is str or type(value) in (int, float)):
        return "typeof"
    if node.name == "match" and isinstance(value, str) and any(ord(c) > 0xFFFF for c in value):
        return "unit"
    return None
