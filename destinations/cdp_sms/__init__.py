"""Text messages: Twilio, Vonage, Bird, AWS SNS, and any service that speaks HTTP."""

from cdp.plugin import hookimpl
from cdp_sms.channel import SMS

__all__ = ["SMS", "register_destinations"]


@hookimpl
def register_destinations() -> list[type[SMS]]:
    """This package's one channel."""
    return [SMS]
