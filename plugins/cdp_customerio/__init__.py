"""What tools made for Customer.io expect of it."""

from cdp.plugin import Destination, hookimpl
from cdp_customerio.reporting import ReportingWebhook

__all__ = ["ReportingWebhook", "register_destinations"]


@hookimpl
def register_destinations() -> list[type[Destination]]:
    """Reporting webhooks."""
    return [ReportingWebhook]
