"""The providers that are called by HTTP, by the name in the settings."""

from cdp_email.providers.base import Provider
from cdp_email.providers.mailgun import Mailgun
from cdp_email.providers.postmark import Postmark
from cdp_email.providers.resend import Resend
from cdp_email.providers.sendgrid import SendGrid
from cdp_email.providers.ses import SES

PROVIDERS: dict[str, type[Provider]] = {
    "ses": SES,
    "sendgrid": SendGrid,
    "mailgun": Mailgun,
    "postmark": Postmark,
    "resend": Resend,
}

__all__ = ["PROVIDERS", "Provider"]
