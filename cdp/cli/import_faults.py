"""Which lines of an imported file can't be taken, and why."""

from __future__ import annotations

from collections.abc import Iterable

import click

from cdp.events import Origin, Rejected, normalise

#: Lines that are named; of the others only the number is.
SHOWN = 20

_NOWHERE = Origin(0, 0, "")


def fault_of(line: bytes) -> str | None:
    """Why the pipeline refuses a line; None if it takes it."""
    found = normalise(line.strip(), _NOWHERE)
    return found.detail if isinstance(found, Rejected) else None


class Faults:
    """Collects the faults of lines, which are counted from 1."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    @classmethod
    def of(cls, found: list[tuple[int, str]]) -> Faults:
        """The faults at some lines."""
        made = cls()
        made.count = len(found)
        made.first = [f"line {number}: {why}" for number, why in found[:SHOWN]]
        return made

    def look(self, number: int, line: bytes) -> None:
        """Look at one line."""
        why = fault_of(line) if line.strip() else None
        if why is not None:
            self.count += 1
            if len(self.first) < SHOWN:
                self.first.append(f"line {number}: {why}")

    def look_at(self, lines: Iterable[bytes]) -> None:
        """Look at every line of a file."""
        for number, line in enumerate(lines, 1):
            self.look(number, line)

    def tell(self) -> None:
        """Name them on stderr."""
        for text in self.first:
            click.echo(text, err=True)
        if self.count > len(self.first):
            click.echo(f"and {self.count - len(self.first):,} more", err=True)
