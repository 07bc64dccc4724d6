"""What can be wrong with a template, or with rendering it for somebody."""

from __future__ import annotations

from typing import NamedTuple


class Trouble(NamedTuple):
    """What is wrong in a field of a template; line and column are those in its text, from 1."""

    field: str
    text: str
    line: int | None = None
    column: int | None = None


class TemplateError(ValueError):
    """A template that can't be compiled; ``troubles`` has all that is wrong with it."""

    def __init__(self, troubles: list[Trouble]) -> None:
        self.troubles = troubles
        super().__init__("; ".join(f"{t.field}: {t.text}" for t in troubles))


class RenderError(ValueError):
    """A message that can't be rendered for somebody.

    ``variable`` is the one that they lack, or empty; ``where`` the part of the message.
    """

    def __init__(self, text: str, *, variable: str = "", where: str = "") -> None:
        self.text, self.variable, self.where = text, variable, where
        super().__init__(f"{where}: {text}" if where else text)


class MissingVariable(RenderError):
    """A variable that has no value for this person, and no default."""

    def __init__(self, variable: str, where: str = "") -> None:
        text = f"{variable} has no value and no default"
        super().__init__(text, variable=variable, where=where)
