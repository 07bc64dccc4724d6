"""Uploaded lists of texts: how they are read, and held in little memory.

Evaluators get them from outside, by name: what has ``get`` as dicts have, and gives
something that answers ``in``.
"""

from __future__ import annotations

from array import array
from collections.abc import Container, Iterable
from typing import Protocol

from cdp.conditions.lexer import can_be_kept

MAX_VALUES = 1_000_000
#: Characters of one value, and bytes of all of them.
MAX_VALUE_CHARS = 500
MAX_BYTES = 64 * 1024 * 1024


class Lists(Protocol):
    """Lists by name; of one that does not exist None."""

    def get(self, name: str, /) -> Container[str] | None: ...


class _None:
    """No lists at all."""

    def get(self, name: str, /) -> None:
        return None


NO_LISTS: Lists = _None()


class BrokenList(ValueError):
    """A list that is not taken; ``line`` says where it is broken, from 1, or is None."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        self.reason, self.line = reason, line
        super().__init__(reason if line is None else f"line {line:,}: {reason}")


class Texts:
    """A set of texts in about 8 bytes more than each has: one after the other, in order.

    Made of texts in ascending order (by code point), each once; a look-up takes
    microseconds.
    """

    __slots__ = ("_bytes", "_ends")

    def __init__(self, ordered: Iterable[str]) -> None:
        joined, ends = bytearray(), array("Q")
        for text in ordered:
            joined += text.encode()
            ends.append(len(joined))
        self._bytes, self._ends = bytes(joined), ends

    def __len__(self) -> int:
        return len(self._ends)

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str):
            return False
        try:
            wanted = text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair
            return False
        held, ends = self._bytes, self._ends
        low, high = 0, len(ends)
        while low < high:
            middle = (low + high) // 2
            found = held[ends[middle - 1] if middle else 0 : ends[middle]]
            if found < wanted:
                low = middle + 1
            elif found == wanted:
                return True
            else:
                high = middle
        return False

    @property
    def nbytes(self) -> int:
        """The memory that it takes, about."""
        return len(self._bytes) + len(self._ends) * self._ends.itemsize


def read_values(lines: Iterable[bytes]) -> list[str]:
    """The values of a file, each once and in order; `BrokenList` names the line at fault.

    One value a line, in UTF-8. Blanks around it are taken off, and blank lines passed over.
    """
    found: set[str] = set()
    size = 0
    for number, line in enumerate(lines, 1):
        value = _value(line, number)
        if not value or value in found:
            continue
        found.add(value)
        size += len(value.encode())
        if len(found) > MAX_VALUES:
            raise BrokenList(f"more than {MAX_VALUES:,} values", number)
        if size > MAX_BYTES:
            raise BrokenList(f"more than {MAX_BYTES // 1024**2} MB of text", number)
    if not found:
        raise BrokenList("there are no values in it")
    return sorted(found)


def _value(line: bytes, number: int) -> str:
    if len(line) > 8 * MAX_VALUE_CHARS:
        raise BrokenList(f"a value of more than {MAX_VALUE_CHARS} characters", number)
    try:
        value = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
    except UnicodeDecodeError:
        raise BrokenList("not UTF-8", number) from None
    if len(value) > MAX_VALUE_CHARS:
        raise BrokenList(f"a value of more than {MAX_VALUE_CHARS} characters", number)
    if not can_be_kept(value):
        raise BrokenList("a character that no message holds", number)
    return value
