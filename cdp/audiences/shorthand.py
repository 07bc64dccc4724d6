"""Reasons as they are kept: of each entry and exit only what its clauses were worth.

What the clauses of a version say is kept once, as its *form*: ``[[text, valued], …]``. An
entry or exit has the form's number, and of each clause in turn whether it held, 1 or 0,
followed by its value where it is ``valued``: ``[7,1,4]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cdp.audiences.reasons import Clause, implied
from cdp.audiences.values import plain
from cdp.conditions.live import Subject

_encode = msgspec.json.Encoder().encode
_decode_form = msgspec.json.Decoder(list[tuple[str, bool]]).decode
_decode_short = msgspec.json.Decoder(list[msgspec.Raw]).decode


def form_text(clauses: Iterable[Clause]) -> str:
    """The form of some clauses."""
    return _encode([(clause.text, clause.value is not None) for clause in clauses]).decode()


class Shorthand:
    """Writes why somebody entered or left an audience; ``form`` is its form's number."""

    def __init__(self, root: Any, clauses: list[Clause], form: int) -> None:
        self._form = form
        self._left, self._entered = (
            [
                (holds if holds is None else int(holds), clause.live.value, clause.value)
                for clause, (_, holds) in zip(clauses, implied(root, whole), strict=True)
            ]
            for whole in (False, True)
        )
        #: What is the same whoever enters or leaves.
        self._same = tuple(
            None if any(known is None or value for known, _, value in told)
            else _encode([form, *(known for known, _, _ in told)]).decode()
            for told in (self._left, self._entered)
        )  # fmt: skip

    def text(self, subject: Subject, now: int, entered: bool) -> str:
        """What each clause is worth; ``entered``: the whole was found to be true just now."""
        same = self._same[entered]
        if same is not None:
            return same
        told = [self._form]
        for known, holds, value in self._entered if entered else self._left:
            if known is None:
                told.append(1 if holds(subject, now) is True else 0)
            else:
                told.append(known)
            if value is not None:
                told.append(plain(value(subject, now)))
        return _encode(told).decode()


def form_of(detail: str) -> int | None:
    """The number of the form that is needed to read a reason; None: it says all by itself."""
    return int(detail[1:].partition(",")[0].rstrip("]")) if detail.startswith("[") else None


def in_full(detail: str, forms: Mapping[int, str]) -> str:
    """A reason with its clauses: ``{"clauses": […]}``, each as `Clause.told` says it."""
    number = form_of(detail)
    if number is None:
        return detail
    parts = []
    told = (bytes(raw).decode() for raw in _decode_short(detail)[1:])
    for text, valued in _decode_form(forms[number]):
        holds = "true" if next(told) == "1" else "false"
        value = f',"value":{next(told)}' if valued else ""
        parts.append(f'{{"clause":{_encode(text).decode()},"holds":{holds}{value}}}')
    return f'{{"clauses":[{",".join(parts)}]}}'
