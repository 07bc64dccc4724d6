"""The life of a broadcast, and who may change it when."""

from __future__ import annotations

DRAFT, SCHEDULED, GATHERING, SENDING = "draft", "scheduled", "gathering", "sending"
TESTING, PAUSED, DONE, CANCELLED, FAILED = "testing", "paused", "done", "cancelled", "failed"
#: Of a broadcast that goes when it is called.
READY = "ready"

#: In which nothing more happens.
OVER = frozenset({DONE, CANCELLED, FAILED})
#: In which the mover has work.
MOVING = frozenset({SCHEDULED, GATHERING, SENDING, TESTING})
#: What somebody can do, and in which states.
MAY: dict[str, frozenset[str]] = {
    "edit": frozenset({DRAFT}),
    "schedule": frozenset({DRAFT}),
    "unschedule": frozenset({SCHEDULED}),
    "start": frozenset({DRAFT, SCHEDULED}),
    "pause": frozenset({GATHERING, SENDING, TESTING}),
    "resume": frozenset({PAUSED}),
    "call": frozenset({READY}),
    "cancel": frozenset({READY, SCHEDULED, GATHERING, SENDING, TESTING, PAUSED}),
    "pick": frozenset({SENDING, TESTING, PAUSED}),
    "delete": frozenset({DRAFT, DONE, CANCELLED, FAILED}),
}
#: States in words.
WORDS = {
    DRAFT: "draft", SCHEDULED: "scheduled", GATHERING: "choosing people", SENDING: "sending",
    TESTING: "waiting for the winner", PAUSED: "paused", DONE: "done", CANCELLED: "cancelled",
    FAILED: "failed", READY: "ready to be called",
}  # fmt: skip


class NotNow(ValueError):
    """A change that the state doesn't allow."""

    def __init__(self, action: str, state: str) -> None:
        states = sorted(WORDS[one] for one in MAY[action])
        text = " or ".join([", ".join(states[:-1]), states[-1]] if states[1:] else states)
        super().__init__(f"it is {WORDS[state]}: to {action} it, it must be {text}")


def check(action: str, state: str) -> None:
    """`NotNow` unless ``action`` is possible in ``state``."""
    if state not in MAY[action]:
        raise NotNow(action, state)
