"""What commands that plugins add may ask of the core."""

from __future__ import annotations

from typing import Protocol

from cdp.plugin.destination import Destination


class CommandTools(Protocol):
    """The object of click's context (``@click.pass_obj``) in every command."""

    def destination(self, key: str) -> Destination:
        """The destination of that key, with its settings; ends the command if there is none."""
        ...
