"""Rendering deliveries: the person, what the request brought along, and the template."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cdp.config import Settings
from cdp.delivery.messages.compose import Prepared, Problem
from cdp.delivery.messages.stationery import NoTemplate, Stationery, Template
from cdp.identity import public_id
from cdp.messaging import choices
from cdp.messaging.links import Addresses, rewriter
from cdp.messaging.names import delivery_name
from cdp.messaging.request import Flag
from cdp.messaging.saving import saves_of
from cdp.messaging.templates import RenderError, TemplateError, Urls
from cdp.messaging.templates.names import language_of
from cdp.messaging.templates.rendered import CONTENTS
from cdp.plugin import Attachment, Device
from cdp.store import Store
from cdp.store.messages import addressees, copies, link_keys
from cdp.store.messages.addressees import Addressee
from cdp.store.messages.asking import ANYWHERE
from cdp.store.messages.deliveries import Delivery

#: Fields of a request's content that the sender fills in, and no template.
_ENVELOPE = ("to", "cc", "bcc", "reply_to", "headers", "attachments", "devices",
             "platform")  # fmt: skip


class Letters:
    """Makes finished messages of deliveries, many at a time."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._stationery = Stationery()
        self._base = base_url(settings)

    def compose(self, found: Sequence[Delivery], now: int) -> list[Prepared | Problem]:
        """One answer for each, in order."""
        nodes = [row.node for row in found if row.node is not None]
        # What the provider may have already is handed over again as it was.
        again = [row.id for row in found if row.attempts and row.destination is not None]
        with self._store.read() as tx:
            self._stationery.follow(tx)
            people = addressees.load(tx, nodes)
            kept = copies.of(tx, again) if again else {}
        if not self._stationery.keys:
            with self._store.write() as tx:
                link_keys.ensure(tx)
                self._stationery.follow(tx)
        return [self._one(row, people, kept.get(row.id), now) for row in found]

    def _one(
        self, row: Delivery, people: Mapping[int, Addressee], kept: Any, now: int
    ) -> Prepared | Problem:
        person = people.get(row.node) if row.node is not None else None
        if row.node is not None and person is None:
            return Problem(row, "undeliverable", "deleted")
        name = delivery_name(self._stationery.keys, row.id)
        names = person.names if person is not None else {}
        data = row.data
        recipient = row.recipient or (person.reached(row.channel) if person else None)
        if recipient is None and row.channel not in ANYWHERE:
            why = f"no_address: nothing is known for {row.channel}"
            return Problem(row, "undeliverable", why, name, names)
        if kept is not None:
            content = msgspec.convert(kept, CONTENTS[row.channel])
            return Prepared(
                row,
                name,
                recipient or "",
                _addresses(content, recipient),
                content,
                row.version,
                names,
            )
        try:
            template = self._stationery.get(row.template, row.channel, _of_template(data))
            content = self._render(row, name, person, recipient, data, template, now)
        except (TemplateError, RenderError, ValueError, TypeError, LookupError) as error:
            return Problem(row, "failed", _why(error, row)[:1000], name, names)
        addresses = _addresses(content, recipient)
        return Prepared(
            row, name, recipient or "", addresses, content, template.version, names,
            saves_of(template.body),
        )  # fmt: skip

    def _render(
        self,
        row: Delivery,
        name: str,
        person: Addressee | None,
        recipient: str | None,
        data: Mapping[str, Any],
        template: Template,
        now: int,
    ) -> Any:
        addresses = Addresses(self._base, self._stationery.keys, name)
        # Of what is shown in an app the client tells each click by itself.
        tracked = (
            not row.flags & Flag.UNTRACKED
            and template.body.get("tracked", True)
            and row.channel != "in_app"
        )
        urls = Urls(
            unsubscribe=addresses.unsubscribe,
            preferences=addresses.preferences,
            view_in_browser="" if row.flags & Flag.NO_COPY else addresses.view,
            pixel=addresses.pixel if tracked and row.channel == "email" else "",
        )
        scope = scope_of(row, name, person, data, template)
        locale = str(data.get("language") or (language_of(person.traits) if person else ""))
        rendered = template.compiled.render(
            scope, locale, urls, rewriter(addresses) if tracked else None, now // 1000
        )
        more = _envelope(row, person, recipient, data.get("content") or {}, addresses)
        return rendered.content(**more)


def _why(error: Exception, row: Delivery) -> str:
    if isinstance(error, NoTemplate):
        return f"no_template: there is no template {row.template}"
    if isinstance(error, TemplateError):
        return f"bad_template: {error}"
    if isinstance(error, RenderError):
        return f"{'missing_variable' if error.variable else 'not_rendered'}: {error}"
    return f"bad_content: {error}"


def scope_of(
    row: Delivery,
    name: str,
    person: Addressee | None,
    data: Mapping[str, Any],
    template: Template,
) -> dict[str, Any]:
    """What templates can say (customer.io: Liquid scopes)."""
    event = data.get("event") or {}
    scope: dict[str, Any] = {
        "customer": customer_of(person) if person is not None else {},
        "trigger": data.get("trigger") or {},
        "event": event.get("properties") or {},
        "campaign": {"id": row.origin_key, "name": data.get("campaign_name") or row.origin_key,
                     "type": row.origin},
        "message": {"id": template.key, "name": template.body.get("name") or template.key,
                    "type": row.channel},
        "delivery_id": name,
    }  # fmt: skip
    if event:
        scope["event_name"] = event.get("event")
        scope["event_id"] = event.get("messageId")
        scope["event_timestamp"] = event.get("timestamp")
    if data.get("journey"):
        scope["journey"] = data["journey"]
    return scope


def customer_of(person: Addressee) -> dict[str, Any]:
    """``customer``: as `cdp.messaging.choices.customer_of` says it of a person."""
    return choices.customer_of(person.names, public_id(*person.public), person.traits)


def _of_template(data: Mapping[str, Any]) -> dict[str, Any]:
    content = data.get("content") or {}
    return {key: value for key, value in content.items() if key not in _ENVELOPE}


def _envelope(
    row: Delivery,
    person: Addressee | None,
    recipient: str | None,
    given: Mapping[str, Any],
    addresses: Addresses,
) -> dict[str, Any]:
    """What the sender adds to what the template says."""
    channel = row.channel
    if channel == "email":
        more: dict[str, Any] = {
            "to": split_addresses(recipient or ""),
            "unsubscribe_url": addresses.unsubscribe,
        }
        for field in ("cc", "bcc"):
            if given.get(field):
                more[field] = split_addresses(given[field])
        for field in ("reply_to", "headers"):
            if given.get(field):
                more[field] = given[field]
        if given.get("attachments"):
            more["attachments"] = tuple(
                Attachment(name, base64.b64decode(text))
                for name, text in given["attachments"].items()
            )
        return more
    if channel == "sms":
        return {"to": recipient}
    if channel == "push":
        known = person.devices() if person is not None else []
        if row.recipient:  # one device, or all of them
            known = [(p, t) for p, t in known if t == row.recipient] or [
                (str(given.get("platform") or "android"), row.recipient)
            ]
        return {"devices": tuple(Device(token, platform) for platform, token in known)}
    if channel == "in_app":
        return {"person": recipient}
    return {}


def split_addresses(text: str | Sequence[str]) -> tuple[str, ...]:
    """Email addresses with commas between them; commas in quoted names stay."""
    if not isinstance(text, str):
        return tuple(text)
    found, quoted, start = [], False, 0
    for at, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            found.append(text[start:at].strip())
            start = at + 1
    found.append(text[start:].strip())
    return tuple(item for item in found if item)


def _addresses(content: Any, recipient: str | None) -> tuple[str, ...]:
    """All that a message goes to, as the list of suppressed addresses is asked."""
    if hasattr(content, "bcc"):
        return (*content.to, *content.cc, *content.bcc)
    return (recipient,) if recipient else ()


def base_url(settings: Settings) -> str:
    """The address in messages by which people reach us; without a public one this machine's."""
    if settings.tracking_url or settings.public_url:
        return str(settings.tracking_url or settings.public_url).rstrip("/")
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host
    return f"http://{host}:{settings.port}"
