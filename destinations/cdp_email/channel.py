"""The email channel."""

from __future__ import annotations

import hmac
import time
from typing import Any

from cdp.plugin import (
    Channel,
    Check,
    Content,
    EmailContent,
    Exchange,
    Forged,
    Inbound,
    Outgoing,
    Receipt,
    Reply,
)
from cdp_email import inbound
from cdp_email.addresses import InvalidContent
from cdp_email.mime import compose, email_of
from cdp_email.names import Names
from cdp_email.providers import Provider, provider_class
from cdp_email.settings import EmailSettings
from cdp_email.smtp import Smtp

#: Gmail cuts what follows in the HTML.
CLIPPED_BYTES = 102 * 1024


class Email(Channel):
    """Hands emails to a mail server or to a provider's API."""

    key = "email"
    name = "Email"
    description = "Sends email by SMTP, Amazon SES, SendGrid, Mailgun, Postmark or Resend."
    channel = "email"
    Settings = EmailSettings
    max_request_bytes = 6 * 1024 * 1024

    def configure(self) -> None:
        super().configure()
        settings = self.settings
        self.concurrency = settings["concurrency"]
        self.timeout = settings["timeout"]
        self._names = Names(settings["inbound_token"].split())
        self._provider: Smtp | Provider
        if settings["provider"] == "smtp":
            self._provider = Smtp(settings, self.context.guard, self._names)
        else:
            self._provider = provider_class(settings["provider"])(self, self._names)
        self.batch_size = self._provider.batch_size

    @property
    def keeps_keys(self) -> bool:
        """Whether the provider refuses a second message under the same key."""
        return self._provider.keeps_keys

    def deliver(self, messages: list[Outgoing]) -> list[Receipt]:
        return self._provider.deliver(messages)

    def receive(self, request: Inbound) -> Reply | None:
        """``events``: the provider's webhooks; ``bounce``: mail that came in."""
        if request.method != "POST":
            return None
        if request.path == "events" and isinstance(self._provider, Provider):
            return self._provider.events(request)
        if request.path == "bounce":
            return self._mail(request)
        return None

    def _mail(self, request: Inbound) -> Reply:
        tokens = self.settings["inbound_token"].split()
        if not tokens:
            raise Forged("no inbound_token is set: mail of nobody is taken")
        given = request.headers.get("authorization", "").encode()
        if not any(hmac.compare_digest(given, f"Bearer {token}".encode()) for token in tokens):
            raise Forged("the token is not inbound_token")
        settings = self.settings
        reports = inbound.read(
            request.body, self._names, settings["return_path"], settings["unsubscribe_address"],
            request.query.get("to", ""),
        )  # fmt: skip
        kinds = ", ".join(report.kind for report in reports) or "nothing of ours"
        return Reply(reports, body=kinds.encode())

    def measure(self, content: Content) -> dict[str, Any]:
        """``bytes`` of the whole message, and whether Gmail would cut its HTML (``clipped``).

        ``error`` says why it can't be sent at all.
        """
        try:
            email = email_of(Outgoing("measured", "measured", content))
            mail = compose(email, "measured", 0, self.settings["from"])
        except InvalidContent as error:
            return {"error": str(error)}
        clipped = len(email.html.encode()) > CLIPPED_BYTES
        return {"bytes": len(mail.data()), "clipped": clipped}

    def checks(self) -> list[Check]:
        """SPF, DKIM and DMARC of the sending domain, with the records that are missing."""
        from cdp_email import records  # brings dnspython, which nothing else needs

        return records.check(self.settings)

    def test(self) -> Exchange:
        """Send a message to ``test_to``; without one, only try the credentials."""
        return self._provider.test(self._test_message())

    def _test_message(self) -> Outgoing | None:
        to = self.settings["test_to"]
        if not to:
            return None
        text = "This message was sent by the test of an email destination of Headwater.\n"
        content = EmailContent(self.settings["from"], (to,), "A test of Headwater", text=text)
        name = f"test-{int(time.time() * 1000)}"
        return Outgoing(name, name, content)

    def close(self) -> None:
        self._provider.close()
        super().close()
