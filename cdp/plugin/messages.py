"""What a channel hands over, what it gives back, and what providers tell it later.

The contents are finished: rendered, checked and allowed. A channel sends them as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in an email; with a ``cid`` it stands inside the HTML (``cid:…``)."""

    name: str
    content: bytes
    type: str = "application/octet-stream"
    cid: str = ""


@dataclass(frozen=True, slots=True)
class EmailContent:
    """An email. Addresses are ``ana@example.org`` or ``Ana <ana@example.org>``; an empty
    ``sender`` leaves it to the channel.

    ``unsubscribe_url`` takes a POST of ``List-Unsubscribe=One-Click`` (RFC 8058);
    ``headers`` are more of them, checked for line breaks.
    """

    sender: str = ""
    to: tuple[str, ...] = ()
    subject: str = ""
    html: str = ""
    text: str = ""
    amp: str = ""
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    unsubscribe_url: str = ""
    unsubscribe_mailto: str = ""


@dataclass(frozen=True, slots=True)
class SMSContent:
    """A text message; ``to`` in E.164. ``sender`` empty: the channel chooses one."""

    to: str
    text: str
    sender: str = ""
    media: tuple[str, ...] = ()
    whatsapp: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """Where a push goes: ``platform`` is ios, android, web or expo.

    Of a browser ``token`` is its subscription as JSON (endpoint and keys).
    """

    token: str
    platform: str
    app: str = ""


@dataclass(frozen=True, slots=True)
class PushContent:
    """A push notification for every one of ``devices``.

    ``data`` has texts only; with neither title nor body it is a data push. ``buttons`` are
    {text, link, action}; ``category`` names those that an app has registered. ``custom``
    is merged into the payload of a platform (``ios``, ``android``, ``web``).
    """

    devices: tuple[Device, ...]
    title: str = ""
    body: str = ""
    image: str = ""
    link: str = ""
    sound: str = "default"
    badge: int | None = None
    collapse_key: str = ""
    ttl_s: int | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    buttons: tuple[Mapping[str, str], ...] = ()
    category: str = ""


@dataclass(frozen=True, slots=True)
class InAppContent:
    """A message inside a page or an app.

    ``form`` is banner, modal, slide_in or inbox; ``pages`` regular expressions of paths
    (none: every page); ``html`` is cleaned already; ``buttons`` are {text, link, action};
    the lowest ``priority`` comes first; ``expires_at`` in ms since 1970.
    """

    person: str
    form: str = "inbox"
    title: str = ""
    html: str = ""
    text: str = ""
    image: str = ""
    link: str = ""
    buttons: tuple[Mapping[str, str], ...] = ()
    pages: tuple[str, ...] = ()
    priority: int = 100
    theme: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class WebhookContent:
    """An HTTP call to be made for a person."""

    url: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True, slots=True)
class SlackContent:
    """A message to a Slack channel or, by its address, an incoming webhook."""

    channel: str
    text: str
    blocks: tuple[Mapping[str, Any], ...] = ()


Content: TypeAlias = (
    EmailContent | SMSContent | PushContent | InAppContent | WebhookContent | SlackContent
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way to one person.

    ``id`` names the delivery wherever the provider lets us leave a name; ``key`` is the
    same whenever this message is handed over again; ``attempt`` counts from 1. ``person``
    has identifiers by type (user_id, email, …); ``options`` what the request said for
    this provider.
    """

    id: str
    key: str
    content: Content
    attempt: int = 1
    person: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of handing one message over.

    ``sent``: the provider has it. ``retry``: it surely hasn't, try again. ``failed``: it
    will never take it. ``bounced``: the address is no good; ``hard`` for good.
    ``unknown``: it may have it; what follows depends on whether it knows our keys.
    ``gone`` are device tokens that no longer exist; ``response`` what is worth keeping of
    the answer; ``ask`` (JSON) what the provider is asked by later (`Channel.inquire`).
    """

    kind: str
    provider_id: str = ""
    reason: str = ""
    after: float | None = None
    hard: bool = False
    gone: tuple[str, ...] = ()
    response: Mapping[str, Any] = field(default_factory=dict)
    ask: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def sent(cls, provider_id: str = "", **more: Any) -> Receipt:
        """The provider has it, under ``provider_id``."""
        return cls("sent", provider_id, **more)

    @classmethod
    def retry(cls, reason: str, after: float | None = None) -> Receipt:
        """The provider surely doesn't have it; again in ``after`` seconds, if it said so."""
        return cls("retry", reason=reason, after=after)

    @classmethod
    def failed(cls, reason: str, **more: Any) -> Receipt:
        """The provider will never take this."""
        return cls("failed", reason=reason, **more)

    @classmethod
    def bounced(cls, reason: str, hard: bool = True, **more: Any) -> Receipt:
        """The address is no good: for good if ``hard``, else just now."""
        return cls("bounced", reason=reason, hard=hard, **more)

    @classmethod
    def unknown(cls, reason: str) -> Receipt:
        """The call broke after it was made: the provider may have the message."""
        return cls("unknown", reason=reason)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A message that a provider took and tells nothing of unless it is asked.

    ``delivery`` is its public name, ``ask`` what its receipt said.
    """

    delivery: str
    ask: Mapping[str, Any]


#: What a report may say. ``replied`` carries the text in ``detail``.
REPORTS = (
    "sent", "delivered", "deferred", "bounced", "dropped", "failed", "complained",
    "opened", "clicked", "dismissed", "unsubscribed", "subscribed", "replied",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """Something that a provider (or the person's client) tells of a message later.

    ``id`` is the provider's name for it: told twice, it counts once. The message is
    named by ``delivery`` (our id), ``provider_id``, or at least the ``recipient``.
    ``at`` in ms since 1970; ``hard`` of bounces; ``machine``: opened or clicked by a
    scanner or proxy and no person.
    """

    kind: str
    id: str
    at: int
    delivery: str = ""
    provider_id: str = ""
    recipient: str = ""
    reason: str = ""
    hard: bool = False
    machine: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inbound:
    """A request to ``/channels/<key of the destination>/<path>`` from outside.

    Names of ``headers`` are in lower case; ``url`` is the whole public address, for
    signatures that cover it. Nobody has checked who sent it: that is the channel's job.
    """

    method: str
    path: str
    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    remote: str = ""


@dataclass(slots=True)
class Reply:
    """What is answered to an `Inbound`, and the reports that it carried.

    A ``body`` that is an iterator is streamed.
    """

    reports: list[Report] = field(default_factory=list)
    status: int = 200
    body: bytes | Iterator[bytes] = b""
    type: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


class Forged(Exception):
    """A request whose signature, token or certificate is not the provider's: 401."""
