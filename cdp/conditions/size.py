"""What must hold of every tree, wherever it came from: its size, and right calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cdp.conditions.ast import (
    Aggregate,
    And,
    Call,
    Changed,
    In,
    Or,
    Sequence,
    Uploaded,
    Value,
    children,
    walk,
)
from cdp.conditions.errors import ConditionError, ConditionTooLarge, did_you_mean
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.limits import MAX_DEPTH, MAX_NODES

Place = Callable[[Any], tuple[int, int]]


def check_size(root: Any, place: Place = lambda node: (1, 1)) -> None:
    """Fail where the tree is too deep or too large, or calls functions wrongly."""
    if type(root) is Uploaded:
        raise _alone(root, place)
    count, level, stack = 0, 0, [(root, 1)]
    while stack:
        node, level = stack.pop()
        count += 1
        if level > MAX_DEPTH:
            raise ConditionTooLarge(f"nested deeper than {MAX_DEPTH} levels", *place(node))
        if count > MAX_NODES:
            raise ConditionTooLarge(f"more than {MAX_NODES:,} parts", *place(node))
        _check_node(node, place)
        stack.extend((child, level + 1) for child in reversed(list(children(node))))


def check_calls(root: Any) -> None:
    """Fail where a tree calls functions wrongly: they were others when it was made."""
    for node in walk(root):
        if type(node) is Call:
            _check_call(node, lambda node: (1, 1))


def _check_node(node: Any, place: Place) -> None:
    kind = type(node)
    for child in children(node):
        if type(child) is Uploaded and not (kind is In and child is node.list):
            raise _alone(child, place)
    if kind is Call:
        _check_call(node, place)
    elif kind in (And, Or) and len(node.items) < 2:
        raise ConditionError("and, or join at least two conditions", *place(node))
    elif kind is Aggregate:
        if node.of is None and node.fn not in ("count", "first", "last"):
            raise ConditionError(
                f"{node.fn} needs to know of what", *place(node),
                expected=f'{node.fn}(properties.… of "{node.event.name}")',
            )  # fmt: skip
        if node.of is not None and node.fn == "count":
            raise ConditionError(
                "count counts events, not values", *place(node),
                hint="length(unique(… of …)) counts different values.",
            )  # fmt: skip
    elif kind is Sequence:
        if len(node.steps) < 2:
            raise ConditionError("a sequence has at least two steps", *place(node))
        if node.steps[0].within is not None:
            raise ConditionError(
                "within belongs to a later step: it says how soon it follows", *place(node)
            )
    elif kind is Changed and node.path.parts[0] not in ("traits", "person"):
        raise ConditionError(
            "only traits are remembered as they were", *place(node.path), expected="traits.…"
        )


def _alone(node: Uploaded, place: Place) -> ConditionError:
    return ConditionError(
        "a list can only be asked for what is in it", *place(node),
        expected=f'traits.… in list("{node.name}")',
    )  # fmt: skip


def _check_call(node: Call, place: Place) -> None:
    function = FUNCTIONS.get(node.name)
    if function is None:
        hint = did_you_mean(node.name, FUNCTIONS)
        raise ConditionError(f"there is no function {node.name}", *place(node), hint=hint)
    wanted, given = len(function.params), len(node.args)
    if wanted != given:
        raise ConditionError(
            f"{node.name} takes {wanted} argument{'s' * (wanted != 1)}, not {given}",
            *place(node), expected=function.signature,
        )  # fmt: skip
    for param, arg in zip(function.params, node.args, strict=True):
        written = type(arg) is Value and type(arg.value) is str
        if param.literal and not written:
            raise ConditionError(
                f"the {param.name} of {node.name} must be written out", *place(arg),
                expected="a text in quotes",
            )  # fmt: skip
    if node.name == "regex":
        pattern = node.args[1]
        trouble = function.check((None, pattern.value))  # type: ignore[union-attr]
        if trouble:
            raise ConditionError(trouble, *place(pattern))
