"""What one look of the doctor found."""

from __future__ import annotations

from typing import NamedTuple

OK, WARN, FAIL = "ok", "warn", "fail"
#: Messages or events that wait before somebody should look.
MANY_WAITING = 50_000


class Check(NamedTuple):
    """What one look found; ``todo`` is empty where all is well."""

    check: str
    state: str
    text: str
    todo: str = ""
