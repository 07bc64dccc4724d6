"""The providers that are called by HTTP, by the name in the settings."""

from __future__ import annotations

from importlib import import_module

from cdp_email.providers.base import Provider

_CLASSES = {
    "ses": "SES",
    "sendgrid": "SendGrid",
    "mailgun": "Mailgun",
    "postmark": "Postmark",
    "resend": "Resend",
}


def provider_class(name: str) -> type[Provider]:
    """The class of a provider; its module, and what that needs, is imported now."""
    module = import_module(f"cdp_email.providers.{name}")
    found: type[Provider] = getattr(module, _CLASSES[name])
    return found


__all__ = ["Provider", "provider_class"]
