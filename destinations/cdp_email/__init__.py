"""Email, by SMTP or a provider's API."""

from cdp.plugin import hookimpl
from cdp_email.channel import Email

__all__ = ["Email", "register_destinations"]


@hookimpl
def register_destinations() -> list[type[Email]]:
    """This package's one channel."""
    return [Email]
