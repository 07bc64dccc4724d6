"""Mail that comes in: bounces (RFC 3464), complaints (RFC 5965), replies, unsubscribes.

What is believed hangs on the signed name of a delivery (see `cdp_email.names`), which only
those have who got the message or carried it.
"""

from __future__ import annotations

import email
import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any, NamedTuple

from cdp.plugin import Report
from cdp_email.names import HEADER, Names
from cdp_email.verdicts import verdict

#: What is read of a message; headers and reports come first.
MAX_BYTES = 2_000_000
MAX_TEXT = 10_000

_TO = ("X-Original-To", "Delivered-To", "Envelope-To", "X-Envelope-To", "To", "Cc")
_OURS = re.compile(
    rf"^[ >]*(?:{HEADER}:\s*|Original-Envelope-Id:\s*|Message-ID:\s*<)([\w-]+)", re.I | re.M
)
_ID = re.compile(r"<([\w-]+)@")
_STATUS = re.compile(r"\b([45]\.\d{1,3}\.\d{1,3})\b")
_CODE = re.compile(r"\b([45]\d\d)[ -]")
_DAEMON = re.compile(r"mailer-daemon|postmaster|mail delivery (sub)?system", re.I)
#: RFC 3464's actions that say something new.
_ACTIONS = {"failed": "bounced", "delayed": "deferred", "delivered": "delivered"}
_COMPLAINTS = {"abuse", "fraud", "virus", "other"}


class _Mail(NamedTuple):
    """An incoming message, with the delivery that it is about."""

    message: Message
    delivery: str
    at: int
    to_return_path: bool


def read(
    data: bytes, names: Names, return_path: str, unsubscribe: str, to: str = ""
) -> list[Report]:
    """The reports in a message; none if it is about nothing that we sent.

    ``return_path`` and ``unsubscribe`` are the addresses that names are added to, ``to``
    the envelope's recipient if it is known.
    """
    try:
        message = email.message_from_bytes(data[:MAX_BYTES])
        return _read(message, names, return_path, unsubscribe, to)
    except RecursionError:
        return []  # parts within parts within parts: nothing that a server or a person writes


def _read(
    message: Message, names: Names, return_path: str, unsubscribe: str, to: str
) -> list[Report]:
    recipients = [to.lower(), *_addresses(message, _TO)]
    left = _named(recipients, unsubscribe, names)
    if left:
        mail = _Mail(message, left, _moment(message), False)
        return [_report(mail, "unsubscribed", recipient=_sender(message))]
    returned = _named(recipients, return_path, names)
    delivery = returned or _delivery(message, names)
    if not delivery:
        return []
    mail = _Mail(message, delivery, _moment(message), bool(returned))
    parts = list(message.walk())
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            return list(_statuses(mail, part))
        if part.get_content_type() == "message/feedback-report":
            return list(_complaint(mail, part))
    if _is_bounce(mail):
        return [_unstructured(mail)]
    if mail.to_return_path:
        return []  # an answering machine that writes to where bounces go
    return [_reply(mail)]


def _addresses(message: Message, headers: Iterable[str]) -> list[str]:
    values = [str(value) for name in headers for value in message.get_all(name, [])]
    return [address.lower() for _, address in getaddresses(values) if address]


def _sender(message: Message) -> str:
    return next(iter(_addresses(message, ("From",))), "")


def _named(recipients: list[str], address: str, names: Names) -> str:
    """The delivery whose name was added to ``address``, if a recipient has one."""
    local, _, domain = address.lower().rpartition("@")
    if not local:
        return ""
    pattern = re.compile(rf"{re.escape(local)}\+([a-z0-9_-]+)@{re.escape(domain)}")
    for recipient in recipients:
        found = pattern.fullmatch(recipient)
        delivery = names.read(found[1]) if found else None
        if delivery:
            return delivery
    return ""


def _delivery(message: Message, names: Names) -> str:
    """The delivery that a message answers, reports on or contains."""
    candidates = [_ID.findall(str(message.get("In-Reply-To", "")))]
    candidates.append(_ID.findall(str(message.get("References", "")))[::-1])
    candidates.append(_OURS.findall(_text_of_all(message)))
    for candidate in (item for group in candidates for item in group[:50]):
        delivery = names.read(candidate)
        if delivery:
            return delivery
    return ""


def _text_of_all(message: Message) -> str:
    """Headers of contained messages, and texts, decoded."""
    pieces = []
    for part in message.walk():
        if part is not message:
            pieces.append("\n".join(f"{name}: {value}" for name, value in part.items()))
        if not part.is_multipart() and part.get_content_maintype() in ("text", "message"):
            pieces.append(_decoded(part))
    return "\n".join(pieces)


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset() or "utf-8", "replace")
    except (LookupError, ValueError):
        return payload.decode("utf-8", "replace")


def _statuses(mail: _Mail, part: Message) -> Iterator[Report]:
    blocks = part.get_payload()
    for block in blocks if isinstance(blocks, list) else []:
        if not isinstance(block, Message):
            continue
        action = _field(block, "Action").lower().split(" ")[0]
        kind = _ACTIONS.get(action)
        if kind is None:
            continue
        status, told = _field(block, "Status").split(" ")[0], _field(block, "Diagnostic-Code")
        recipient = _typed(_field(block, "Original-Recipient") or _field(block, "Final-Recipient"))
        text = _typed(told)
        code = _CODE.match(text)
        sort = verdict(int(code[1]) if code else 0, status, text)
        yield _report(
            mail, kind, recipient=recipient, reason=text or status,
            hard=kind == "bounced" and sort == "hard", detail={"status": status, "sort": sort},
        )  # fmt: skip


def _complaint(mail: _Mail, part: Message) -> Iterator[Report]:
    blocks = part.get_payload()
    fields = blocks[0] if isinstance(blocks, list) and blocks else None
    if not isinstance(fields, Message):
        fields = email.message_from_string(_decoded(part))
    type_ = _field(fields, "Feedback-Type").lower()
    kind = "unsubscribed" if type_ == "opt-out" else "complained"
    if type_ in _COMPLAINTS or type_ == "opt-out":
        recipient = _field(fields, "Original-Rcpt-To").strip("<>")
        agent = _field(fields, "User-Agent")
        detail = {"type": type_, "agent": agent, "ip": _field(fields, "Source-IP")}
        yield _report(mail, kind, recipient=recipient, detail=detail)


def _is_bounce(mail: _Mail) -> bool:
    """Whether this is a server's word, though not in the form of the standard."""
    message = mail.message
    if message.get("X-Failed-Recipients"):
        return True
    return bool(_DAEMON.search(str(message.get("From", ""))))


def _unstructured(mail: _Mail) -> Report:
    text = _first_text(mail.message)
    status, code = _STATUS.search(text), _CODE.search(text)
    line = next((row for row in text.splitlines() if _STATUS.search(row) or _CODE.search(row)), "")
    reason = " ".join((line or _header(mail.message, "Subject")).split())[:500]
    told = status[1] if status else ""
    sort = verdict(int(code[1]) if code else 0, told, text[:4000]) if status or code else "soft"
    recipient = _field(mail.message, "X-Failed-Recipients").split(",")[0].strip()
    kind = "deferred" if sort == "later" else "bounced"
    return _report(
        mail, kind, recipient=recipient, reason=reason, hard=sort == "hard",
        detail={"status": told, "sort": sort},
    )  # fmt: skip


def _reply(mail: _Mail) -> Report:
    message = mail.message
    automatic = (
        _field(message, "Auto-Submitted").lower() not in ("", "no")
        or _field(message, "Precedence").lower() in ("bulk", "junk", "auto_reply")
        or any(
            message.get(name)
            for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress")
        )
    )
    text = _first_text(message)
    detail = {"subject": _header(message, "Subject")[:500], "text": text[:MAX_TEXT]}
    return _report(mail, "replied", recipient=_sender(message), machine=automatic, detail=detail)


def _first_text(message: Message) -> str:
    texts = [p for p in message.walk() if p.get_content_type() == "text/plain"]
    return _decoded(texts[0]) if texts else ""


def _report(mail: _Mail, kind: str, **more: Any) -> Report:
    """A report whose id is the same when the same mail comes again."""
    message = mail.message
    own = _field(message, "Message-ID") or f"{_field(message, 'Date')}{_field(message, 'Subject')}"
    cause = "\n".join((kind, mail.delivery, more.get("recipient", ""), own))
    id_ = hashlib.sha256(cause.encode("utf-8", "replace")).hexdigest()[:40]
    return Report(kind, id_, mail.at, delivery=mail.delivery, **more)


def _field(message: Message, name: str) -> str:
    return " ".join(str(message.get(name, "")).split())[:1000]


def _header(message: Message, name: str) -> str:
    """A header of free text, decoded."""
    value = _field(message, name)
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError, MessageError):
        return value


def _typed(value: str) -> str:
    """What follows the type in ``rfc822; ana@example.org``."""
    return value.partition(";")[2].strip() if ";" in value else value


def _moment(message: Message) -> int:
    """When it was written, in ms, if that is no more than a week ago; else now."""
    now = time.time()
    try:
        at = parsedate_to_datetime(str(message.get("Date", ""))).timestamp()
    except (TypeError, ValueError, OverflowError):
        return int(now * 1000)
    return int((at if now - 7 * 86400 < at < now else now) * 1000)
