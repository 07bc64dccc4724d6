"""Where Liquid finds variables while it renders, and the bounds that it keeps."""

from __future__ import annotations

from io import StringIO
from typing import Any

from liquid import BoundTemplate, RenderContext
from liquid.exceptions import LoopIterationLimitError, OutputStreamLimitError

from cdp.messaging.templates.policy import Missing, Run

#: Turns of all loops of a part together, each counted with the tags inside of it.
MAX_TURNS = 200_000


#: The longest part of a message (characters).
MAX_OUTPUT = 1_000_000


class Buffer(StringIO):
    """Where a part is written, as long as it is not too long."""

    size = 0

    def write(self, text: str) -> int:
        self.size += len(text)
        if self.size > MAX_OUTPUT:
            raise OutputStreamLimitError(f"it has more than {MAX_OUTPUT:,} characters", token=None)
        return super().write(text)


class Context(RenderContext):
    """A context that knows which message it renders."""

    __slots__ = ("run", "weight")

    def __init__(self, template: BoundTemplate, *, run: Run | None = None, **more: Any) -> None:
        globals_ = more.pop("globals", None) if run is None else run.data
        super().__init__(template, globals=globals_, **more)
        self.run = run
        self.weight = 1

    def get_buffer(self, buf: Any = None) -> Buffer:
        """Where what is inside of a tag is written."""
        return Buffer()

    def get(self, path: list[object], **more: Any) -> object:
        """The value at a path; a `Missing` that knows its whole name."""
        found = super().get(path, **more)
        if isinstance(found, Missing) and found.run is None:
            found.path, found.run = dotted(path), self.run
        return found

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Count the turns of a loop that begins; no template may hang."""
        run = self.run
        if run is None:
            return
        run.turns += length * self.weight
        if run.turns > MAX_TURNS:
            raise LoopIterationLimitError("loops take too long", token=None)


def dotted(path: list[object]) -> str:
    """A path as people write it."""
    found = str(path[0])
    for part in path[1:]:
        plain = isinstance(part, str) and part.replace("_", "a").isalnum()
        found += f".{part}" if plain else f"[{part!r}]"
    return found
