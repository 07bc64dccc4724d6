"""Why a file can't be brought in or written."""

from __future__ import annotations


class TransferError(ValueError):
    """The whole file, or what was asked of it, can't be used; the text is for the operator."""


class Refused(ValueError):
    """One line can't be taken; ``column`` is where, if it is one column's fault.

    The reason never holds the value: reports outlive a person's deletion.
    """

    def __init__(self, reason: str, column: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.column = reason, column
