"""A message as it was rendered, before it is known who sends it and where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from cdp.plugin.messages import (
    Content,
    EmailContent,
    InAppContent,
    PushContent,
    SlackContent,
    SMSContent,
    WebhookContent,
)

#: What a channel is handed, by its name.
CONTENTS: dict[str, type[Any]] = {
    "email": EmailContent,
    "sms": SMSContent,
    "push": PushContent,
    "in_app": InAppContent,
    "webhook": WebhookContent,
    "slack": SlackContent,
}

#: Makes a link that counts clicks out of one that doesn't.
Rewrite: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Urls:
    """Addresses of a delivery that only its sender knows; empty: there is none.

    ``pixel`` is put at the end of an email's HTML.
    """

    unsubscribe: str = ""
    preferences: str = ""
    view_in_browser: str = ""
    pixel: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The fields of a channel's content that its template decides.

    ``allowed`` names variables that were missing where the template allows that.
    """

    channel: str
    fields: Mapping[str, Any]
    locale: str = ""
    allowed: tuple[str, ...] = field(default=())

    def content(self, **more: Any) -> Content:
        """The finished content, with what the sender adds: addresses, devices, headers.

        What is given goes over what the template said.
        """
        made: Content = CONTENTS[self.channel](**{**self.fields, **more})
        return made
