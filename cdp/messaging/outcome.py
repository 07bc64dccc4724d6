"""What a receipt makes of a delivery."""

from __future__ import annotations

from typing import NamedTuple

from cdp.plugin.messages import Receipt

#: States in which nothing more will be tried.
ENDED = frozenset({"sent", "failed", "bounced", "undeliverable", "cancelled"})
#: States that people set, or wait for a person.
OPEN = frozenset({"drafted", "waiting", "sending", "held"})


class Outcome(NamedTuple):
    """The state that follows, when it is due again, and why.

    ``same_provider``: only the provider that knows the key may have it again.
    """

    state: str
    due_at: int = 0
    reason: str | None = None
    same_provider: bool = False


def settle(
    receipt: Receipt, *, repeats: bool, pause_ms: int, now: int, since: int, most_ms: int
) -> Outcome:
    """What follows from ``receipt`` (law 6).

    ``repeats``: a repeat under the same key does no harm, or is wished for. ``pause_ms``
    until the next try; after ``most_ms`` since ``since`` there is none.
    """
    kind, reason = receipt.kind, receipt.reason[:1000] or None
    if kind == "sent":
        return Outcome("sent")
    if kind == "bounced":
        return Outcome("bounced", reason=reason)
    if kind == "unknown" and not repeats:
        return Outcome("held", reason=reason)
    if kind in ("retry", "unknown"):
        same = kind == "unknown"
        if now + pause_ms - since > most_ms:
            # What may have arrived is nobody's to call failed.
            return Outcome(
                "held" if same else "failed", reason=f"given up: {reason or 'no answer'}"
            )
        return Outcome("waiting", now + pause_ms, reason, same)
    return Outcome("failed", reason=reason)
