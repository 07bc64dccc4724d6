"""``{{ … }}``: the fast way for plain paths and filters, and the library's for the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from liquid.builtin.expressions import FilteredExpression, Path, StringLiteral
from liquid.builtin.expressions.primitive import Literal
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag

from cdp.messaging.templates.context import dotted
from cdp.messaging.templates.policy import Missing, Run
from cdp.messaging.templates.stringify import shown, shown_in_html

#: A part of a message, made of its data.
Fast: TypeAlias = Callable[[Run], str]
_SPECIAL = {"size", "first", "last"}


class OurOutput(OutputNode):
    """An output that asks the policy where a variable is missing."""

    def render_to_output(self, context: Any, buffer: Any) -> int:
        show = shown_in_html if context.autoescape else shown
        written: int = buffer.write(show(_evaluated(self.expression, context)))
        return written


class OurEcho(EchoNode):
    """``{% echo … %}``, likewise."""

    render_to_output = OurOutput.render_to_output


class OutputTag(Output):
    """Makes outputs ours."""

    node_class = OurOutput


class OurEchoTag(EchoTag):
    """Makes echoes ours."""

    node_class = OurEcho


def _evaluated(expression: Any, context: Any) -> Any:
    if not isinstance(expression, FilteredExpression):
        return _told(expression.evaluate(context), str(expression), context)
    value = expression.left.evaluate(context)
    filters = expression.filters or []
    if value is None or isinstance(value, Missing):
        at = next((n for n, f in enumerate(filters) if f.name == "default"), None)
        if at is not None:
            filters, value = filters[at:], None
        else:
            value = _told(value, str(expression.left), context)
    for filter_ in filters:
        value = filter_.evaluate(value, context)
    return value


def _told(value: Any, name: str, context: Any) -> Any:
    if value is not None and not isinstance(value, Missing):
        return value
    if context.run is None:
        return ""
    return context.run.missing(value.path if isinstance(value, Missing) else name)


def slow(expression: Any, html: bool, lite: Callable[[Run], Any]) -> Fast:
    """An output as a function of the data, with the library's filters."""
    show = shown_in_html if html else shown
    return lambda run: show(_evaluated(expression, lite(run)))


def fast(node: OutputNode, env: Any, assigned: set[str]) -> Fast | None:
    """The output as a function of the data: a plain path, with plain filters or none."""
    expression = node.expression
    if not isinstance(expression, FilteredExpression):
        return None
    left, show = expression.left, shown_in_html if env.autoescape else shown
    if isinstance(left, StringLiteral) and not expression.filters:
        text = show(left.value)
        return lambda run: text
    if not isinstance(left, Path) or any(
        not isinstance(part, str) or part in _SPECIAL for part in left.path
    ):
        return None
    first, *rest = [str(part) for part in left.path]
    if first in assigned or first == "forloop":
        return None
    steps = _steps(expression.filters or [], env)
    if steps is None:
        return None
    at = next((n for n, f in enumerate(expression.filters or []) if f.name == "default"), None)
    name, once = dotted(list(left.path)), tuple(rest)
    if not steps:
        return _plain(first, once, name, show)
    defaulted = steps[at:] if at is not None else None

    def filtered(run: Run) -> str:
        value = _found(run.data, first, once)
        todo = steps
        if value is None:
            if defaulted is None:
                value = run.missing(name)
            else:
                todo = defaulted
        for step in todo:
            value = step(value)
        return show(value)

    return filtered


def _plain(first: str, rest: tuple[str, ...], name: str, show: Callable[[Any], str]) -> Fast:
    def plain(run: Run) -> str:
        value = _found(run.data, first, rest)
        return show(run.missing(name) if value is None else value)

    return plain


def _found(data: Any, first: str, rest: tuple[str, ...]) -> Any:
    value = data.get(first)
    for part in rest:
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _steps(filters: list[Any], env: Any) -> list[Callable[[Any], Any]] | None:
    """The filters with their arguments; None if one needs more than its value."""
    found = []
    for filter_ in filters:
        function = env.filters.get(filter_.name)
        if function is None or getattr(function, "with_context", False):
            return None
        if any(not isinstance(argument.value, Literal) for argument in filter_.args):
            return None
        found.append(_step(function, filter_, env))
    return found


def _step(function: Any, filter_: Any, env: Any) -> Callable[[Any], Any]:
    positional, named = filter_.evaluate_args(_NoContext(env))
    if getattr(function, "with_environment", False):
        named["environment"] = env
    if not positional and not named:
        return function  # type: ignore[no-any-return]
    return lambda value: function(value, *positional, **named)


class _NoContext:
    """Enough of a context for literals."""

    def __init__(self, env: Any) -> None:
        self.env = env
        self.autoescape = env.autoescape
