"""Which variables a template needs, read from its text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from liquid.ast import BlockNode, ConditionalBlockNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.tablerow_tag import TablerowNode
from liquid.exceptions import LiquidError

from cdp.messaging.templates import snippets as putting
from cdp.messaging.templates.errors import TemplateError
from cdp.messaging.templates.language import parse
from cdp.messaging.templates.places import place

#: Names that every message has.
_ALWAYS = {"now", "today", "forloop", "tablerowloop", "content", "empty", "blank"}


class Use(NamedTuple):
    """That a field says a variable, such as ``event.items[].name``; line and column from 1.

    ``how`` is shown, defaulted, guarded (by an ``if`` that asks for it), asked (by a
    condition), looped (over), or used (as an argument, or kept under another name).
    """

    name: str
    field: str
    how: str
    line: int
    column: int


class Variable(NamedTuple):
    """A variable of a template with all its uses.

    ``needed``: a message fails without it, unless the template says otherwise.
    """

    name: str
    uses: tuple[Use, ...]

    @property
    def needed(self) -> bool:
        """Whether some use has neither a default nor a condition that asks for it."""
        return any(use.how in ("shown", "looped", "used") for use in self.uses)

    @property
    def defaulted(self) -> bool:
        """Whether some use has a default."""
        return any(use.how == "defaulted" for use in self.uses)


def variables(
    body: Mapping[str, Any],
    layouts: Mapping[str, Mapping[str, Any]],
    snippets: Mapping[str, Mapping[str, Any]],
) -> list[Variable]:
    """All variables of a template, with its layout and snippets, by name.

    What can't be read has none: `lint` tells of it.
    """
    texts = {key: str(item.get("body") or "") for key, item in snippets.items()}
    found: dict[str, list[Use]] = {}
    for field, source in _sources(body, layouts):
        try:
            whole = putting.expanded(field, source, texts)
            nodes = parse(whole, html=False).nodes
        except (LiquidError, TemplateError, RecursionError):
            continue
        reader = _Reader(field, whole)
        reader.read(nodes, {}, frozenset())
        for use in reader.found:
            found.setdefault(use.name, []).append(use)
    return [Variable(name, tuple(uses)) for name, uses in sorted(found.items())]


def _sources(
    body: Mapping[str, Any], layouts: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    yield from _texts(body, "")
    keys = [body.get("layout"), *(s.get("layout") for s in (body.get("locales") or {}).values())]
    for key in dict.fromkeys(keys):
        if key in layouts:
            yield from _texts(layouts[key], f"layout {key}: ")


def _texts(value: Any, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if "{{" in value or "{%" in value:
            yield field, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            dot = "." if field and not field.endswith(": ") else ""
            yield from _texts(item, f"{field}{dot}{name}")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, field)


class _Reader:
    """Walks the tree of one text. ``names`` are what its own names stand for, or None."""

    def __init__(self, field: str, source: str) -> None:
        self.field, self.source = field, source
        self.found: list[Use] = []

    def read(self, nodes: Any, names: dict[str, str | None], sure: frozenset[str]) -> None:
        """Note the uses in some nodes; ``sure`` are variables that an ``if`` has asked for."""
        for node in nodes:
            self._node(node, names, sure)

    def _node(self, node: Any, names: dict[str, str | None], sure: frozenset[str]) -> None:
        if isinstance(node, OutputNode):
            self._output(node.expression, names, sure)
        elif isinstance(node, ForNode | TablerowNode):
            self._loop(node, names, sure)
        elif isinstance(node, IfNode):
            self._if(node, names, sure)
        elif isinstance(node, AssignNode):
            self._filtered(node.expression, names, sure, "used")
            given: Any = node.expression
            left = getattr(given, "left", None)
            plain = isinstance(left, Path) and not given.filters
            names[str(node.name)] = self._name(given.left, names) if plain else None
        else:
            how = "asked" if isinstance(node, ConditionalBlockNode) else "used"
            how = "asked" if type(node).__name__ in ("UnlessNode", "CaseNode") else how
            if not isinstance(node, BlockNode):
                for expression in node.expressions():
                    self._paths(expression, names, sure, how)
            for name in node.template_scope():
                names[str(name)] = None
            self.read(node.children(None), names, sure)

    def _output(self, expression: Any, names: Any, sure: frozenset[str]) -> None:
        if not isinstance(expression, FilteredExpression):
            self._paths(expression, names, sure, "shown")
            return
        defaulted = any(f.name == "default" for f in expression.filters or [])
        self._filtered(expression, names, sure, "defaulted" if defaulted else "shown")

    def _filtered(self, expression: Any, names: Any, sure: frozenset[str], how: str) -> None:
        left = getattr(expression, "left", expression)
        if isinstance(expression, FilteredExpression):
            if any(f.name == "default" for f in expression.filters or []):
                how = "defaulted"
            for filter_ in expression.filters or []:
                for argument in filter_.args:
                    self._paths(argument.value, names, sure, "used")
        self._paths(left, names, sure, how)

    def _loop(self, node: Any, names: dict[str, str | None], sure: frozenset[str]) -> None:
        iterable = node.expression.iterable
        has_else = getattr(node, "default", None) is not None
        self._paths(iterable, names, sure, "asked" if has_else else "looped")
        for part in (node.expression.limit, node.expression.offset):
            if part is not None:
                self._paths(part, names, sure, "used")
        name = self._name(iterable, names) if isinstance(iterable, Path) else None
        inside = {**names, str(node.expression.identifier): f"{name}[]" if name else None}
        self.read(node.block.nodes, inside, sure | ({f"{name}[]"} if name else set()))
        names.update({k: v for k, v in inside.items() if k in names})
        if has_else:
            self.read(node.default.nodes, names, sure)

    def _if(self, node: Any, names: dict[str, str | None], sure: frozenset[str]) -> None:
        for condition, block in (
            (node.condition, node.consequence),
            *((one.expression, one.block) for one in node.alternatives),
        ):
            self._paths(condition, names, sure, "asked")
            self.read(block.nodes, names, sure | self._asked(condition, names))
        if node.default is not None:
            self.read(node.default.nodes, names, sure)

    def _asked(self, condition: Any, names: Any) -> frozenset[str]:
        """The variables that a condition is about; where it holds they are there."""
        paths = [path for path in _walk(condition) if isinstance(path, Path)]
        return frozenset(name for path in paths if (name := self._name(path, names)))

    def _paths(self, expression: Any, names: Any, sure: frozenset[str], how: str) -> None:
        for part in _walk(expression):
            if not isinstance(part, Path):
                continue
            name = self._name(part, names)
            if name is None:
                continue
            said = "guarded" if how in ("shown", "looped", "used") and name in sure else how
            line, column = place(self.source, part.token.start_index)
            self.found.append(Use(name, self.field, said, line, column))

    def _name(self, path: Path, names: Mapping[str, str | None]) -> str | None:
        """The variable in terms of the data; None for what the template itself makes."""
        first, *rest = path.path
        if not isinstance(first, str) or first in _ALWAYS:
            return None
        name: str | None = names.get(first, first) if first in names else first
        for depth, part in enumerate(rest):
            if name is None or isinstance(part, Path) or part == "size":
                break
            of_list = isinstance(part, int) or (depth and part in ("first", "last"))
            name += "[]" if of_list else f".{part}"
        return name


def _walk(expression: Any) -> Iterator[Any]:
    yield expression
    for child in expression.children():
        yield from _walk(child)
