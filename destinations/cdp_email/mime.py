"""From an `EmailContent` to the bytes of a message (RFC 5322, 2045 to 2049).

Written out directly: the standard library's generator takes ten times as long, for it
parses every header that it writes. What comes out is read back by it in the tests.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import mimetypes
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

from cdp.plugin import Attachment, EmailContent, Outgoing
from cdp_email.addresses import Address, InvalidContent, parse
from cdp_email.headers import LIMIT, address_line, check, exact_line, parameter, text_line
from cdp_email.names import HEADER

#: What only we may write; the rest of a message's ``headers`` is taken as it is.
OURS = frozenset(
    ("from", "sender", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version",
     "dkim-signature", "return-path", "received", HEADER.lower())
)  # fmt: skip
#: Headers whose words are no prose, and are never encoded.
_EXACT = frozenset(("references", "in-reply-to", "list-id", "list-unsubscribe", "auto-submitted"))
_TYPE = re.compile(r"([a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+)\s*((?:;[^\r\n]*)?)", re.I)
_URL = re.compile(r"https?://[!-;=?-~]+")
_UNKNOWN = "application/octet-stream"
#: The table that comes with Python: the same on all machines.
_TYPES = mimetypes.MimeTypes()
_TYPES.add_type("text/calendar", ".ics")
_CHARSET = re.compile(r'charset="?([A-Za-z0-9_.:+-]+)"?', re.I)


class Part(NamedTuple):
    """A part of a message: its header lines and its encoded body, which ends a line."""

    head: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as it goes over the wire, and its envelope.

    ``lines`` are header lines, folded, without the last line break. ``to`` are those it is
    meant for, ``copies`` who gets one besides; ``utf8``: only SMTPUTF8 can carry it.
    """

    sender: Address
    to: tuple[Address, ...]
    copies: tuple[Address, ...]
    lines: list[bytes]
    body: bytes
    message_id: str
    utf8: bool

    def data(self) -> bytes:
        """The whole message."""
        return b"\r\n".join(self.lines) + b"\r\n\r\n" + self.body


def email_of(message: Outgoing) -> EmailContent:
    """The email that a message is; `InvalidContent` if it is something else."""
    if not isinstance(message.content, EmailContent):
        raise InvalidContent(f"an email channel can't send {type(message.content).__name__}")
    return message.content


def finished(message: Outgoing, name: str, unsubscribe_address: str) -> EmailContent:
    """The email, with a way out by mail beside the one by link."""
    content = email_of(message)
    if not unsubscribe_address or not content.unsubscribe_url or content.unsubscribe_mailto:
        return content
    local, _, domain = unsubscribe_address.rpartition("@")
    return replace(content, unsubscribe_mailto=f"{local}+{name}@{domain}")


def compose(
    content: EmailContent, name: str, now: float, sender: str = "", feedback_id: str = ""
) -> Mail:
    """Write a message down; ``name`` is its delivery's (see `cdp_email.names`).

    The same content and name give the same bytes, but for the ``Date``. ``sender`` stands
    in where the content has none. `InvalidContent` says what can't be written.
    """
    people = envelope(content, sender)
    author, to, copies = people.sender, people.to, people.cc + people.bcc
    message_id = f"<{name}@{author.domain}>"
    lines = [
        address_line("From", [author]),
        address_line("To", to),
        text_line("Subject", content.subject),
        b"Date: " + _date(int(now)),
        f"Message-ID: {message_id}".encode(),
        b"MIME-Version: 1.0",
        f"{HEADER}: {name}".encode(),
    ]
    if people.cc:
        lines.append(address_line("Cc", people.cc))
    if people.reply_to:
        lines.append(address_line("Reply-To", people.reply_to))
    lines += [_own_line(key, value) for key, value in extra_headers(content, feedback_id).items()]
    head, body = _structure(content, name)
    lines += re.split(rb"\r\n(?![ \t])", head[:-2])
    utf8 = any(item.utf8 for item in (author, *to, *copies, *people.reply_to))
    return Mail(author, to, copies, lines, body, message_id, utf8)


class Envelope(NamedTuple):
    """Everybody that a message names, read."""

    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]


def envelope(content: EmailContent, sender: str = "") -> Envelope:
    """The addresses of a message, each of them once; `InvalidContent` if one is wrong."""
    author = content.sender or sender
    if not author:
        raise InvalidContent("nobody to send from: neither the message nor the settings say")
    if not content.to:
        raise InvalidContent("nobody to send to")
    seen: set[str] = set()
    groups = []
    for group in (content.to, content.cc, content.bcc):
        found = [parse(text) for text in group]
        fresh = {item.spec.lower(): item for item in reversed(found)}
        groups.append(tuple(i for key, i in reversed(fresh.items()) if key not in seen))
        seen |= fresh.keys()
    reply = (parse(content.reply_to),) if content.reply_to else ()
    return Envelope(parse(author), groups[0], groups[1], groups[2], reply)


def extra_headers(content: EmailContent, feedback_id: str = "") -> dict[str, str]:
    """The headers besides those that every message has, checked."""
    found: dict[str, str] = {}
    for name, value in content.headers.items():
        check(name, value)
        if name.lower() in OURS or name.lower().startswith("content-"):
            raise InvalidContent(f"the header {name} is written by Headwater itself")
        if name.lower() == "reply-to" and content.reply_to:
            raise InvalidContent("Reply-To is said twice: as a header and as reply_to")
        found[name] = value
    given = {name.lower() for name in found}
    if feedback_id and "feedback-id" not in given:
        found["Feedback-ID"] = feedback_id
    ways = []
    if content.unsubscribe_url:
        if not _URL.fullmatch(content.unsubscribe_url):
            raise InvalidContent("unsubscribe_url is no http or https address in ASCII")
        ways.append(f"<{content.unsubscribe_url}>")
    if content.unsubscribe_mailto:
        mailto = content.unsubscribe_mailto.removeprefix("mailto:")
        if not re.fullmatch(r"[!-;=?-~]+@[!-;=?-~]+", mailto):
            raise InvalidContent("unsubscribe_mailto is no address for a mailto: link")
        ways.append(f"<mailto:{mailto}>")
    if ways:
        for name in [n for n in found if n.lower().startswith("list-unsubscribe")]:
            raise InvalidContent(f"{name} is said twice: as a header and by the message's own link")
        found["List-Unsubscribe"] = ", ".join(ways)
        if content.unsubscribe_url:
            found["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return found


def _own_line(name: str, value: str) -> bytes:
    exact = name.lower() in _EXACT or (value.isascii() and "=?" not in value)
    return exact_line(name, value) if exact else text_line(name, value)


@lru_cache(maxsize=8)
def _date(second: int) -> bytes:
    return format_datetime(datetime.fromtimestamp(second, UTC)).encode()


def _structure(content: EmailContent, name: str) -> Part:
    """mixed(alternative(text, amp, related(html, inline)), attachments), as far as needed."""
    seed = hashlib.sha256(name.encode()).hexdigest()[:24]
    inline = [item for item in content.attachments if item.cid and content.html]
    files = [item for item in content.attachments if not (item.cid and content.html)]
    choices = []
    if content.text or not content.html:
        choices.append(_text("plain", content.text))
    if content.amp:
        choices.append(_text("x-amp-html", content.amp))
    if content.html:
        html = _text("html", content.html)
        if inline:
            parts = [html, *(_file(item, "inline") for item in inline)]
            html = _multipart('related;\r\n type="text/html"', parts, seed + "r")
        choices.append(html)
    body = choices[0] if len(choices) == 1 else _multipart("alternative", choices, seed + "a")
    if not files:
        return body
    return _multipart("mixed", [body, *(_file(item, "attachment") for item in files)], seed + "m")


def _multipart(kind: str, parts: list[Part], seed: str) -> Part:
    # Neither base64 nor quoted-printable can hold "=_"; only 7bit parts need a look.
    boundary, number = f"=_{seed}".encode(), 0
    while any(boundary in part.body for part in parts):
        number += 1
        boundary = f"=_{seed}{number}".encode()
    pieces = [b"--" + boundary + b"\r\n" + p.head + b"\r\n" + p.body for p in parts]
    head = b'Content-Type: multipart/%s;\r\n boundary="%s"\r\n' % (kind.encode(), boundary)
    return Part(head, b"\r\n".join(pieces) + b"\r\n--" + boundary + b"--\r\n")


def _text(kind: str, text: str) -> Part:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.endswith("\n"):
        text += "\n"
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise InvalidContent("the text has characters that can't be written") from None
    # Some servers put a ">" before "From " at a line's start, which breaks signatures.
    mangled = data.startswith(b"From ") or b"\nFrom " in data
    if len(data) == len(text) and not mangled and b"\0" not in data and _short(data):
        how, body = b"7bit", data.replace(b"\n", b"\r\n")
    elif mangled or 4 * (len(data) - len(text)) > 0.37 * len(data):
        how, body = b"base64", _base64(data.replace(b"\n", b"\r\n"))
    else:
        how = b"quoted-printable"
        body = binascii.b2a_qp(data, istext=True).replace(b"\n", b"\r\n")
    head = b'Content-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: %s\r\n'
    return Part(head % (kind.encode(), how), body)


def _short(data: bytes) -> bool:
    return len(data) < LIMIT or max(map(len, data.split(b"\n"))) <= LIMIT


def _base64(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def type_of(item: Attachment) -> str:
    """The type of a file; guessed from its name where nothing better was said."""
    if item.type != _UNKNOWN:
        return item.type
    guessed, packed = _TYPES.guess_type(item.name)
    return guessed if guessed and not packed else item.type


def _file(item: Attachment, disposition: str) -> Part:
    given = _TYPE.fullmatch(type_of(item).strip())
    if given is None or not item.type.isascii():
        raise InvalidContent(f"the attachment {item.name!r} has no type like image/png")
    kind = given[1].lower()
    how, body = b"base64", _base64(item.content) or b"\r\n"
    if kind.startswith(("message/", "multipart/")):
        # These may not be encoded; what needs it travels as a plain file.
        if kind == "message/rfc822" and _is_mail(item.content):
            how, body = b"7bit", item.content.rstrip(b"\r\n") + b"\r\n"
        else:
            kind = _UNKNOWN
    head = f"Content-Type: {kind}"
    charset = _CHARSET.search(given[2])
    if charset and kind.startswith("text/"):
        head += f'; charset="{charset[1]}"'
    head += f"\r\nContent-Disposition: {disposition}"
    if item.name:
        head += parameter("filename", item.name)
    if item.cid:
        check("Content-ID", item.cid)
        cid = item.cid.strip("<>")
        if not re.fullmatch(r"[!-;=?-~]{1,200}", cid):
            raise InvalidContent(f"the cid {item.cid[:50]!r} has signs that it can't have")
        head += f"\r\nContent-ID: <{cid}>"
    head += f"\r\nContent-Transfer-Encoding: {how.decode()}\r\n"
    return Part(head.encode(), body)


def _is_mail(data: bytes) -> bool:
    return (
        data.isascii()
        and b"\0" not in data
        and data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r")
        and all(len(line) <= LIMIT for line in data.split(b"\r\n"))
    )
