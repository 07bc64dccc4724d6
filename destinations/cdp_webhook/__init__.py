"""Events as signed HTTP calls, after the Standard Webhooks specification."""

from cdp.plugin import hookimpl
from cdp_webhook.destination import Webhook

__all__ = ["Webhook", "register_destinations"]


@hookimpl
def register_destinations() -> list[type[Webhook]]:
    """This package's one destination."""
    return [Webhook]
