"""Checks of settings that both classes have."""

from __future__ import annotations

from collections.abc import Iterable

from marshmallow import ValidationError

from cdp_webhook.sign import key_of

#: Headers that belong to the call itself.
_OURS = {"host", "content-length", "transfer-encoding", "connection"}


def check_secret(value: str) -> None:
    """Each part is a secret as Standard Webhooks has them."""
    for part in value.split():
        try:
            key_of(part)
        except ValueError as error:
            raise ValidationError(str(error)) from None


def check_headers(headers: Iterable[str]) -> None:
    """None of them is one that we set ourselves."""
    for name in headers:
        if name.lower() in _OURS or name.lower().startswith("webhook-"):
            raise ValidationError(f"{name} is set by Headwater itself")
