"""Values that steps give away: written as JSON, with Liquid in texts and expressions for types.

plan: gold                         a text as it stands
name: "{{ customer.name }}"        Liquid
orders: { value: count("Order Completed") }   an expression of conditions, typed
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from cdp.audiences import plain
from cdp.journeys.moment import Moment
from cdp.journeys.run import Run
from cdp.journeys.texts import Texts

Make: TypeAlias = Callable[[Moment, Run], Any]


class StepFailed(Exception):
    """A step can't be done; the text says why."""


def compiled(value: Any, texts: Texts, field: str) -> Make:
    """What makes a value at a moment; faults go to ``texts``."""
    if isinstance(value, str):
        return _text(value, texts, field) if "{{" in value or "{%" in value else _constant(value)
    if isinstance(value, dict):
        if set(value) == {"value"} and isinstance(value["value"], str):
            return _expression(value["value"], texts, f"{field}.value")
        made = {key: compiled(item, texts, f"{field}.{key}") for key, item in value.items()}
        return lambda moment, run: {key: make(moment, run) for key, make in made.items()}
    if isinstance(value, list):
        items = [compiled(item, texts, f"{field}[{at}]") for at, item in enumerate(value)]
        return lambda moment, run: [make(moment, run) for make in items]
    return _constant(value)


def _constant(value: Any) -> Make:
    return lambda moment, run: value


def _expression(text: str, texts: Texts, field: str) -> Make:
    root = texts.expression(text, field)
    return lambda moment, run: plain(moment.value(root, run)) if root is not None else None


def _text(source: str, texts: Texts, field: str) -> Make:
    from liquid.exceptions import LiquidError

    from cdp.messaging.templates.errors import RenderError
    from cdp.messaging.templates.part import Part
    from cdp.messaging.templates.policy import Policy
    from cdp.messaging.templates.policy import Run as Rendering
    from cdp.messaging.templates.rendered import Urls

    try:
        part = Part(source, field, html=False)
    except (LiquidError, RecursionError) as error:
        texts.fault(field, str(error.args[0]) if error.args else "nested too deeply")
        return _constant(None)
    policy = Policy("fail")
    texts.liquid = True

    def make(moment: Moment, run: Run) -> str:
        scope = moment.scope(run)
        scope["now"] = scope["today"] = moment.now // 1000
        try:
            return part.render(Rendering(scope, policy, Urls(), None, ""))
        except RenderError as error:
            raise StepFailed(f"{field}: {error}") from None

    return make
