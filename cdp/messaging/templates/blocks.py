"""Loops and conditions as functions of the data, where nothing but the data decides them.

What assigns, captures, cycles or breaks off is left to the library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from liquid import RenderContext
from liquid.builtin.expressions import Path, StringLiteral
from liquid.builtin.tags.for_tag import ForLoop, ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.exceptions import LoopIterationLimitError

from cdp.messaging.templates.context import MAX_OUTPUT, MAX_TURNS, dotted
from cdp.messaging.templates.errors import RenderError
from cdp.messaging.templates.output import Fast
from cdp.messaging.templates.policy import Missing, Run

_NOTHING = object()


class Lite:
    """As much of a context as expressions need; what it sees is the data of its `Run`."""

    __slots__ = ("autoescape", "env", "run")

    filter: Any = RenderContext.filter
    get_item: Any = RenderContext.get_item

    def __init__(self, run: Run, env: Any) -> None:
        self.run, self.env, self.autoescape = run, env, env.autoescape

    def get(self, path: list[Any], *, token: Any = None, default: Any = None) -> Any:
        """The value at a path, or a `Missing`."""
        first = path[0]
        value = self.run.data.get(first, _NOTHING) if isinstance(first, str) else _NOTHING
        for part in path[1:] if value is not _NOTHING else ():
            if type(value) is dict and part in value:
                value = value[part]
                continue
            try:
                value = self.get_item(value, part)
            except (KeyError, TypeError, IndexError):
                value = _NOTHING
                break
        if value is not _NOTHING:
            return value
        missing = Missing(str(first), token=token)
        missing.path, missing.run = dotted(path), self.run
        return missing

    def stopindex(self, key: str, index: int | None = None) -> int:
        """Where a loop ended: nothing that is done here goes on from there."""
        return index or 0


def said_by_data(expression: Any, assigned: set[str]) -> bool:
    """Whether nothing that the template assigns plays a part in an expression."""
    return not any(
        isinstance(part, Path) and (not isinstance(part.path[0], str) or part.path[0] in assigned)
        for part in _walk(expression)
    )


def block(node: Any, piece: Callable[[Any], Any], env: Any, assigned: set[str]) -> Fast | None:
    """A loop or condition as a function; ``piece`` makes one of a node inside."""
    if isinstance(node, ForNode):
        return _loop(node, piece, env, assigned)
    if isinstance(node, IfNode | UnlessNode):
        return _condition(node, piece, env, assigned)
    return None


def _condition(node: Any, piece: Any, env: Any, assigned: set[str]) -> Fast | None:
    pairs = [(node.condition, node.consequence)]
    pairs += [(one.expression, one.block) for one in node.alternatives]
    made: list[tuple[Any, Fast]] = []
    for expression, inside in pairs:
        body = _body(inside, piece)
        if body is None or not said_by_data(expression, assigned):
            return None
        made.append((expression, body))
    last = _body(node.default, piece) if node.default is not None else _silent
    if last is None:
        return None
    otherwise, first, inverted = last, made[0][0], isinstance(node, UnlessNode)

    def decide(run: Run) -> str:
        lite = Lite(run, env)
        for expression, body in made:
            holds = bool(expression.evaluate(lite))
            if holds != (inverted and expression is first):
                return body(run)
        return otherwise(run)

    return decide


def _loop(node: ForNode, piece: Any, env: Any, assigned: set[str]) -> Fast | None:
    expression: Any = node.expression
    name = str(expression.identifier)
    goes_on = isinstance(expression.offset, StringLiteral)
    if goes_on or name in assigned or not said_by_data(expression, assigned):
        return None
    body = _body(node.block, piece)
    otherwise = _body(node.default, piece) if node.default is not None else _silent
    if body is None or otherwise is None:
        return None
    inside, last, has_else = body, otherwise, node.default is not None
    weight, iterable = 1 + len(node.block.nodes), expression.iterable

    def loop(run: Run) -> str:
        lite, data = Lite(run, env), run.data
        if not has_else:
            found = iterable.evaluate(lite)
            if found is None or isinstance(found, Missing):
                run.missing(found.path if isinstance(found, Missing) else str(iterable))
        items, length = expression.evaluate(lite)
        if not length:
            return last(run)
        run.turns += length * weight
        if run.turns > MAX_TURNS:
            raise LoopIterationLimitError("loops take too long", token=None)
        before = data.get(name, _NOTHING), data.get("forloop", _NOTHING)
        each = ForLoop(f"{name}-{iterable}", items, length, data.get("forloop"))
        data["forloop"] = each
        said, size = [], 0
        try:
            for item in each:
                data[name] = item
                text = inside(run)
                size += len(text)
                if size > MAX_OUTPUT:
                    raise RenderError(
                        f"it has more than {MAX_OUTPUT:,} characters", where=run.where
                    )
                said.append(text)
        finally:
            for key, value in zip((name, "forloop"), before, strict=True):
                if value is _NOTHING:
                    data.pop(key, None)
                else:
                    data[key] = value
        return "".join(said)

    return loop


def _silent(run: Run) -> str:
    return ""


def _body(inside: Any, piece: Callable[[Any], Any]) -> Fast | None:
    """What is inside of a tag as one function; None if something of it is the library's."""
    pieces = [piece(node) for node in inside.nodes]
    if not all(isinstance(one, str) or callable(one) for one in pieces):
        return None
    if inside.blank:
        return _silent
    if len(pieces) == 1 and callable(pieces[0]):
        only: Fast = pieces[0]
        return only
    return lambda run: "".join([one if type(one) is str else one(run) for one in pieces])


def _walk(expression: Any) -> Iterator[Any]:
    yield expression
    for child in expression.children():
        yield from _walk(child)
