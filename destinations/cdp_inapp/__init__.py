"""Messages that wait here for people: banners, modals, slide-ins and an inbox in your app."""

from typing import Any

from cdp.plugin import hookimpl
from cdp_inapp.channel import InApp

__all__ = ["InApp", "register_cli", "register_destinations"]


@hookimpl
def register_destinations() -> list[type[InApp]]:
    """This package's one destination."""
    return [InApp]


@hookimpl
def register_cli(cli: Any) -> None:
    """``cdp in-app token``."""
    from cdp_inapp.cli import in_app

    cli.add_command(in_app)
