"""What a mail server's refusal means: the address, the moment, or the message?"""

from __future__ import annotations

import re
from typing import NamedTuple

from cdp.plugin import Receipt

_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
#: Enhanced statuses (RFC 3463, and what large receivers make of them).
_HARD = {
    "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.9", "5.1.10", "5.2.1", "5.4.1",
    "5.4.4", "5.4.310",
}  # fmt: skip
_SOFT = {"5.2.0", "5.2.2", "5.4.0", "5.4.6", "5.4.7", "5.4.300", "5.4.316"}
_UNKNOWN_USER = re.compile(
    r"no such (user|mailbox|recipient|address|domain)|(user|mailbox|recipient|address|account) "
    r"(is )?(unknown|invalid|not found|unavailable|disabled|inactive)|does(n't| not) (exist|have)|"
    r"unknown (user|recipient|mailbox|address)|invalid (recipient|mailbox|address|user)|"
    r"not a valid (mailbox|user|recipient)|unrouteable|bad destination|host (unknown|not found)",
    re.I,
)
_FULL = re.compile(r"quota|mailbox (is )?full|over ?storage|insufficient (system )?storage", re.I)
_POLICY = re.compile(
    r"relay|spam|policy|block|reputation|blacklist|denied|denylist|dmarc|spf\b|dkim|"
    r"authenticat|content|virus|too (large|big)|size limit|rate|banned|rejected due",
    re.I,
)


class Answer(NamedTuple):
    """A server's reply: its code, its enhanced status or "", its text on one line."""

    code: int
    status: str
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"[:500]


def enhanced(text: str) -> str:
    """The enhanced status that ``text`` begins with, or ""."""
    found = _ENHANCED.match(text)
    return found[1] if found else ""


def verdict(code: int, status: str, text: str) -> str:
    """hard, soft (the address), policy (the message or its sender) or later.

    ``code`` may be 0 where only a ``status`` is known, and ``status`` empty.
    """
    if 400 <= code < 500 or (not code and status.startswith("4")):
        return "later"
    if status in _HARD:
        return "hard"
    if status in _SOFT:
        return "soft"
    if status and status not in ("5.0.0", "5.5.0", "5.5.1"):
        # Some servers say 5.7.1 of mailboxes that aren't there.
        return "hard" if _UNKNOWN_USER.search(text) else "policy"
    if _UNKNOWN_USER.search(text):
        return "hard"
    if _FULL.search(text):
        return "soft"
    if _POLICY.search(text):
        return "policy"
    if code == 552:
        return "soft"
    return "hard" if code in (550, 551, 553) or status == "5.0.0" else "policy"


def receipt(answer: Answer, about_recipient: bool) -> Receipt:
    """The receipt of a refusal: at RCPT, or of the message as a whole."""
    kind = verdict(answer.code, answer.status, answer.text)
    if kind == "later":
        return Receipt.retry(str(answer))
    told = {"code": answer.code, "status": answer.status}
    if kind in ("hard", "soft") and (about_recipient or answer.status.startswith(("5.1.", "5.2."))):
        return Receipt.bounced(str(answer), hard=kind == "hard", response=told)
    return Receipt.failed(str(answer), response=told)
