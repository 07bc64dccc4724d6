"""Liquid as it is written here: the library with our outputs, tags, filters and bounds."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from liquid import BoundTemplate, Environment
from liquid.exceptions import LiquidError
from liquid.tag import Tag

from cdp.messaging.templates.context import Context
from cdp.messaging.templates.errors import Trouble
from cdp.messaging.templates.filters import OURS, bounded
from cdp.messaging.templates.guards import HIDDEN
from cdp.messaging.templates.output import OurEchoTag, OutputTag
from cdp.messaging.templates.places import place
from cdp.messaging.templates.policy import Missing
from cdp.messaging.templates.tags import (
    BoundedForTag,
    BoundedTablerowTag,
    CioLinkTag,
    LinkTag,
    PixelTag,
    url_tags,
)

#: The largest values that a template makes itself (bytes).
MAX_LOCALS = 2_000_000


class _Template(BoundTemplate):
    context_class = Context


class Language(Environment):
    """Liquid for one kind of text: ``html`` escapes what data says."""

    template_class = _Template
    local_namespace_limit = MAX_LOCALS
    suppress_blank_control_flow_blocks = True

    def __init__(self, html: bool) -> None:
        super().__init__(autoescape=html, undefined=Missing)
        tags: tuple[type[Tag], ...] = (
            OutputTag, OurEchoTag, CioLinkTag, LinkTag, PixelTag, BoundedForTag,
            BoundedTablerowTag, *url_tags(),
        )  # fmt: skip
        for tag in tags:
            self.add_tag(tag)
        # Snippets are put in while compiling, so that nothing is loaded while rendering.
        del self.tags["include"], self.tags["render"]
        for name, function in {**self.filters, **OURS, **HIDDEN}.items():
            self.add_filter(name, bounded(name, function))


@cache
def language(html: bool) -> Language:
    """The language of HTML, or of plain text."""
    return Language(html)


def parse(source: str, html: bool) -> BoundTemplate:
    """A text as a tree; raises the library's errors."""
    return language(html).from_string(source)


def troubles(field: str, source: str) -> list[Trouble]:
    """What is wrong with the Liquid in a text, with its place."""
    try:
        template = parse(source, html=True)
    except (LiquidError, RecursionError) as error:
        return [trouble_of(field, error)]
    found = []
    for name, spans in template.analyze(include_partials=False).filters.items():
        if name not in language(True).filters or name in HIDDEN:
            line, column = place(source, spans[0].index)
            found.append(Trouble(field, f"there is no filter {name}", line, column))
    if not found:
        for node in template.nodes:
            found += _arguments(field, source, node)
    return found


def _arguments(field: str, source: str, node: Any) -> list[Trouble]:
    """Filters with too few or too many arguments."""
    found: list[Trouble] = []
    for expression in node.expressions():
        for filter_ in getattr(expression, "filters", None) or []:
            function = language(True).filters[filter_.name]
            given = [a for a in filter_.args if not hasattr(a, "name")]
            named = {a.name: None for a in filter_.args if hasattr(a, "name")}
            for special in ("context", "environment"):
                if getattr(function, f"with_{special}", False):
                    named[special] = None
            try:
                inspect.signature(function).bind(None, *given, **named)
            except TypeError as error:
                line, column = place(source, filter_.token.start_index)
                found.append(Trouble(field, f"{filter_.name}: {error}", line, column))
    for child in node.children(None):
        found += _arguments(field, source, child)
    return found


def trouble_of(field: str, error: Exception) -> Trouble:
    """An error of the library, with its place where that is known."""
    if isinstance(error, RecursionError):
        return Trouble(field, "nested too deeply")
    token = getattr(error, "token", None)
    text = str(error.args[0]) if error.args else str(error)
    if token is None or token.start_index < 0:
        return Trouble(field, text)
    return Trouble(field, text, *place(token.source, token.start_index))
