"""Messages to Slack."""

from cdp.plugin import hookimpl
from cdp_slack.channel import Slack

__all__ = ["Slack", "register_destinations"]


@hookimpl
def register_destinations() -> list[type[Slack]]:
    """This package's one channel."""
    return [Slack]
