"""Email, by SMTP or a provider's API."""

from typing import Any

from cdp.plugin import hookimpl
from cdp_email.channel import Email

__all__ = ["Email", "register_cli", "register_destinations"]


@hookimpl
def register_destinations() -> list[type[Email]]:
    """This package's one channel."""
    return [Email]


@hookimpl
def register_cli(cli: Any) -> None:
    """``cdp email``."""
    from cdp_email.cli import email_group

    cli.add_command(email_group)
