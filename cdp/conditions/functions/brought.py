"""Functions that plugins bring: taken in when a process starts, refused where they collide."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

from cdp.conditions.errors import ConditionError
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.functions.base import Example, Function, Param
from cdp.conditions.values import Time
from cdp.events import format_time

_SCALARS = (str, bool, int, float)


class Brought(Protocol):
    """What a plugin says of a function; see `cdp.plugin.ConditionFunction`."""

    @property
    def name(self) -> str: ...
    @property
    def params(self) -> tuple[str, ...]: ...
    @property
    def apply(self) -> Callable[..., Any]: ...
    @property
    def summary(self) -> str: ...
    @property
    def words(self) -> str: ...
    @property
    def example(self) -> str: ...
    @property
    def message(self) -> dict[str, Any]: ...
    @property
    def returns(self) -> str: ...
    @property
    def version(self) -> str: ...


def bring(plugin: str, item: Brought) -> None:
    """Add a plugin's function to the language; `ValueError` says why it can't be.

    To bring it again replaces it. All processes of a space must know the same functions.
    """
    from cdp.conditions.forms import FORMS
    from cdp.conditions.spelling import KEYWORDS

    old = FUNCTIONS.get(item.name)
    if item.name in FORMS or item.name in KEYWORDS or (old is not None and not old.plugin):
        raise ValueError(f"the language has a {item.name} of its own")
    if old is not None and old.plugin != plugin:
        raise ValueError(f"the plugin {old.plugin} brings a function {item.name} already")
    FUNCTIONS[item.name] = Function(
        item.name,
        tuple(Param(name) for name in item.params),
        item.returns,
        item.summary,
        item.words,
        Example(item.example, item.message),
        _guarded(item.apply),
        fql=False,
        plugin=plugin,
        version=item.version,
    )
    try:
        _try(item)
    except ValueError:
        take_away(plugin, item.name)
        if old is not None:
            FUNCTIONS[item.name] = old
        raise
    _forget_texts()


def take_away(plugin: str, name: str | None = None) -> None:
    """Take out what a plugin brought: one function, or all of them."""
    for known in [f for f in FUNCTIONS.values() if f.plugin == plugin]:
        if name in (None, known.name):
            del FUNCTIONS[known.name]
    _forget_texts()


def _try(item: Brought) -> None:
    """The example must hold, and use the function."""
    from cdp.conditions.ast import Call, walk
    from cdp.conditions.language import parse
    from cdp.conditions.predicate import compile_message

    try:
        root = parse(item.example).root
    except ConditionError as error:
        raise ValueError(f"the example of {item.name}: {error.located}") from None
    if not any(isinstance(node, Call) and node.name == item.name for node in walk(root)):
        raise ValueError(f"the example of {item.name} does not use it")
    if compile_message(root)(item.message) is not True:
        raise ValueError(f"the example of {item.name} is not true")


def _forget_texts() -> None:
    """What was compiled with another function of the name."""
    from cdp.conditions.language import compile_text

    compile_text.cache_clear()


def _guarded(apply: Callable[..., Any]) -> Callable[..., Any]:
    """Plain values in, which may be changed; plain values out, null for anything else."""

    def call(*values: Any) -> Any:
        result = apply(*[_plain(value) for value in values])
        return result if _is_value(result) else None

    return call


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is Time:
        return format_time(value.ms)
    if kind is Decimal:
        return int(value) if value == value.to_integral_value() else float(value)
    if kind is list:
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if kind is dict else value


def _is_value(value: Any) -> bool:
    if type(value) is list:
        return all(item is None or type(item) in _SCALARS for item in value)
    return value is None or type(value) in _SCALARS
