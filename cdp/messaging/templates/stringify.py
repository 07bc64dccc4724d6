"""Values of JSON as a message shows them."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup, escape


def shown(value: Any) -> str:
    """A value as text; lists run together, as Liquid has it, and objects are JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "".join(map(shown, value))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, range):
        return f"{value.start}..{value.stop - 1}"
    return str(value)


def shown_in_html(value: Any) -> str:
    """The same, as HTML shows it; what was marked as safe stays as it is."""
    if type(value) is str:
        return escape(value)
    if isinstance(value, list | tuple):
        return Markup("").join(map(shown_in_html, value))
    return escape(value if isinstance(value, Markup) else shown(value))
