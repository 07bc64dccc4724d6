"""What a receipt makes of a delivery."""

from __future__ import annotations

from typing import NamedTuple

from cdp.plugin.messages import Receipt


class Outcome(NamedTuple):
    """The state that follows, when it is due again, and why.

    ``same_provider``: only the provider that knows the key may have it again.
    """

    state: str
    due_at: int = 0
    reason: str | None = None
    same_provider: bool = False


def settle(
    receipt: Receipt,
    *,
    doubtful: bool,
    repeats: bool,
    pause_ms: int,
    now: int,
    since: int,
    most_ms: int,
) -> Outcome:
    """What follows from ``receipt`` (law 6).

    ``doubtful``: the provider may have had it before this try. ``repeats``: a repeat under
    the same key does no harm, or is wished for. ``pause_ms`` until the next try; after
    ``most_ms`` since ``since`` there is none.
    """
    kind, reason = receipt.kind, receipt.reason[:1000] or None
    if kind == "sent":
        return Outcome("sent")
    doubtful = doubtful or kind == "unknown"
    if kind == "retry" or (kind == "unknown" and repeats):
        if now + pause_ms - since <= most_ms:
            return Outcome("waiting", now + pause_ms, reason, doubtful)
        kind, reason = "failed", f"given up: {reason or 'no answer'}"
    if doubtful:  # what may have arrived is nobody's to call failed
        return Outcome("held", reason=reason)
    return Outcome("bounced" if kind == "bounced" else "failed", reason=reason)
