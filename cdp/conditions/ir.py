"""Tree ↔ Segment's intermediate representation, as `@segment/tsub` evaluates it.

A path is a string, a literal ``{"value": …}``, everything else ``[operator, …]``.
``browser=True`` gives an IR with which the browser package decides as we do: it
mends what can be said otherwise there (a missing value is null) and raises
`NotInBrowser` for the rest.
"""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec

from cdp.conditions.ast import (
    And,
    Call,
    Compare,
    Expr,
    In,
    Items,
    Not,
    Or,
    Path,
    Uploaded,
    Value,
)
from cdp.conditions.errors import ConditionFormError, NotInBrowser
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.json_form import sound
from cdp.conditions.limits import MAX_DEPTH
from cdp.events import MalformedJSON, decode_json

_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
#: A key that no message has: looking it up gives what a missing value is there.
_NOWHERE = "\x01"


def to_ir(node: Any, browser: bool = False) -> str:
    """The IR, a JSON text."""
    return msgspec.json.encode(_encode(node, browser)).decode()


def from_ir(text: str | bytes) -> Expr:
    """Read an IR; `ConditionFormError` if it is none."""
    try:
        form = decode_json(text if isinstance(text, bytes) else text.encode())
    except (MalformedJSON, UnicodeEncodeError) as error:
        raise ConditionFormError(f"the IR is not JSON: {error}") from None
    return sound(_decode(form, 1))


def _encode(node: Any, browser: bool) -> Any:
    kind = type(node)
    if kind in (And, Or):
        items = [_condition(item, browser) for item in node.items]
        return ["and" if kind is And else "or", *items]
    if kind is Not:
        return ["!", _condition(node.item, browser)]
    if kind is Compare:
        if browser and node.op in ("=", "!="):
            if Value(None) in (node.left, node.right):
                return _null(node)
            if not {type(node.left), type(node.right)} & {Value, Items}:
                _not_there("two values that may both be missing, compared", browser)
        return [node.op, _operand(node.left, browser), _operand(node.right, browser)]
    if kind is In:
        return ["in", _argument(node.item, browser), _list(node.list, browser)]
    if kind is Call:
        function = FUNCTIONS[node.name]
        if not function.fql or (browser and not (function.browser and _as_here(node.name))):
            _not_there(f"{node.name}()", browser)
        return [node.name, *(_argument(arg, browser) for arg in node.args)]
    return _leaf(node, browser)


def _as_here(name: str) -> bool:
    """The browser's `length` counts UTF-16 units, its `typeof` has JavaScript's names."""
    return name not in ("length", "typeof")


def _condition(node: Any, browser: bool) -> Any:
    if browser and type(node) is Call and FUNCTIONS[node.name].returns != "yes or no":
        _not_there(f"{node.name}() as a condition", browser)
    return _encode(node, browser)


def _operand(node: Any, browser: bool) -> Any:
    if browser and type(node) not in (Path, Value, Items, Call):
        _not_there("a comparison of a comparison", browser)
    return _encode(node, browser)


def _argument(node: Any, browser: bool) -> Any:
    if browser and type(node) not in (Path, Value):
        _not_there("a function's result as an argument", browser)
    return _encode(node, browser)


def _list(node: Any, browser: bool) -> Any:
    if type(node) is Uploaded:
        _not_there("what is in an uploaded list", browser)
    if type(node) is Items:
        if not all(type(item) in (Path, Value) for item in node.items):
            _not_there("a list of anything but literals and paths", browser)
        items = [_leaf(item, browser) for item in node.items]
        if browser and any(type(item) is Path for item in node.items):
            _not_there("a list of paths", browser)
        if browser and Value(None) in node.items:
            items.append(_NOWHERE)
        return {"value": items}
    if browser:
        _not_there("in with a list at a path", browser)
    return _encode(node, browser)


def _null(node: Compare) -> Any:
    other = node.right if node.left == Value(None) else node.left
    if type(other) is not Path:
        _not_there("a null compared with something else than a path", True)
    # `in` finds null by the first item, what is missing by the second.
    found = ["in", _encode(other, True), {"value": [{"value": None}, _NOWHERE]}]
    return found if node.op == "=" else ["!", found]


def _leaf(node: Any, browser: bool) -> Any:
    if type(node) is Path:
        if any("." in part or not part for part in node.parts):
            _not_there("a key with a dot", browser)
        return ".".join(node.parts)
    if type(node) is Value:
        return {"value": node.value}
    if type(node) is Items and all(type(item) is Value for item in node.items):
        values = [item.value for item in node.items if type(item) is Value]
        if browser and values and values[0] in FUNCTIONS:
            _not_there("a list that looks like a function", browser)
        return {"value": values}
    _not_there("a list of paths outside of in" if type(node) is Items else "this", browser)


def _not_there(what: str, browser: bool) -> NoReturn:
    where = "Segment's browser package" if browser else "Segment's language"
    raise NotInBrowser(f"{where} can't say {what}")


def _decode(form: Any, depth: int) -> Expr:
    if depth > MAX_DEPTH:
        raise ConditionFormError(f"the IR is nested deeper than {MAX_DEPTH} levels")
    if isinstance(form, str):
        return Path(tuple(form.split(".")))
    if isinstance(form, dict):
        return _decode_value(form, depth)
    if not isinstance(form, list) or not form or not isinstance(form[0], str):
        raise ConditionFormError(f"the IR has {_shown(form)} where an operator should be")
    name, *args = form
    parts = [_decode(arg, depth + 1) for arg in args]
    if name in ("and", "or"):
        if not parts:
            raise ConditionFormError(f"the IR has {name} of nothing")
        return (And if name == "and" else Or)(tuple(parts)) if len(parts) > 1 else parts[0]
    wanted = 1 if name == "!" else 2
    if name == "!" or name == "in" or name in _COMPARISONS:
        if len(parts) != wanted:
            raise ConditionFormError(f"the IR's {name} has {len(parts)} operands, not {wanted}")
        if name == "!":
            return Not(parts[0])
        if name == "in":
            return In(parts[0], _decode_list(args[1], parts[1], depth))
        return Compare(name, *parts)
    return Call(name, tuple(parts))


def _decode_value(form: dict[str, Any], depth: int) -> Expr:
    if list(form) != ["value"]:
        raise ConditionFormError(f'the IR has {_shown(form)}, expected {{"value": …}}')
    value = form["value"]
    if isinstance(value, list):
        return Items(tuple(_literal(item) for item in value))
    return _literal(value)


def _decode_list(form: Any, decoded: Expr, depth: int) -> Expr:
    """In the list of ``in`` a bare string is a path."""
    if type(decoded) is not Items:
        return decoded
    items = form["value"]
    return Items(tuple(_decode(i, depth + 1) if isinstance(i, str) else _literal(i) for i in items))


def _literal(value: Any) -> Expr:
    if isinstance(value, dict) and list(value) == ["value"]:
        value = value["value"]
    if value is None or isinstance(value, str | bool | int | float):
        return Value(value)
    raise ConditionFormError(f"the IR has the literal {_shown(value)}")


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:59] + "…"
