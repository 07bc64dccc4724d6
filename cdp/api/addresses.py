"""Rests of addresses: identifiers may hold slashes, line ends, anything."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import PathConverter


class _Rest(PathConverter):
    # That of Werkzeug ends at a line end and begins with no slash.
    regex = r"(?s:.+?)"
    part_isolating = False


def allow(app: Flask) -> None:
    """Let rules of ``app`` have ``<rest:name>`` in them."""
    app.url_map.converters["rest"] = _Rest
