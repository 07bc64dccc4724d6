"""Templates: Liquid in Markdown, MJML, HTML or text, compiled once and rendered often.

    definition ── compile_template ──▶ Compiled ── render ──▶ Rendered ── content ──▶ a channel

What is dear is done while compiling: ``snippets`` puts texts in, ``masking`` hides Liquid
while ``html`` reads Markdown and MJML and inlines CSS, ``part`` reads the Liquid that remains.

Importing this package costs nothing; what is in it imports Liquid when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cdp.messaging.templates.errors import MissingVariable, RenderError, TemplateError, Trouble
from cdp.messaging.templates.names import CHANNELS

if TYPE_CHECKING:
    from cdp.messaging.templates.compiled import Compiled, compile_template
    from cdp.messaging.templates.rendered import Rendered, Urls

_LATER = {
    "Compiled": "compiled",
    "compile_template": "compiled",
    "Rendered": "rendered",
    "Urls": "rendered",
}

__all__ = [
    "CHANNELS",
    "Compiled",
    "MissingVariable",
    "RenderError",
    "Rendered",
    "TemplateError",
    "Trouble",
    "Urls",
    "compile_template",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"cdp.messaging.templates.{_LATER[name]}"), name)
    raise AttributeError(name)
