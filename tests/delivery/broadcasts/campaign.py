"""A post office with broadcasts, moved by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cdp.delivery.broadcasts.mover import Mover
from cdp.messaging.broadcasts.plan import read
from cdp.store.defined import defining
from cdp.store.messages import broadcasts
from cdp.store.messages.broadcasts import Broadcast
from tests.delivery.messages.post import Post, Postbox

TEMPLATE = {"channel": "email", "subject": "Hello", "body": "Hello"}


class Campaign(Post):
    """``begin`` makes a broadcast that goes; ``move`` lets the mover work until it rests."""

    def __init__(
        self, folder: Path, database_url: str | None = None, templates: tuple[str, ...] = ("t",)
    ) -> None:
        super().__init__(folder, database_url)
        self.now = 1_790_000_000.0
        self.broadcaster = Mover(self.store, clock=self.clock)
        with self.store.write() as tx:
            for key in templates:
                defining.put(tx, 1, ("template", key), TEMPLATE, "test")

    @property
    def box(self) -> type[Postbox]:
        return self.boxes[0]

    def begin(self, state: str = "scheduled", at: float | None = None, **body: Any) -> int:
        given = {"name": "Sale", "template": "t", "who": {"everybody": True}, **body}
        given = read({key: value for key, value in given.items() if value is not None})
        now = int(self.now * 1000)
        with self.store.write() as tx:
            return broadcasts.add(
                tx, None, given, "test", now, state=state, begins_at=int((at or self.now) * 1000)
            ).id

    def row(self, id_: int) -> Broadcast:  # type: ignore[override]
        with self.store.read() as tx:
            return broadcasts.get(tx, id_)

    def set(self, id_: int, **values: Any) -> None:
        with self.store.write() as tx:
            broadcasts.change(tx, id_, **values)

    def pause(self, id_: int) -> None:
        self.set(id_, state="paused", paused_from=self.row(id_).state)

    def resume(self, id_: int) -> None:
        self.set(id_, state=self.row(id_).paused_from, paused_from=None)

    def cancel(self, id_: int) -> None:
        self.set(id_, state="cancelled", ended_at=int(self.now * 1000))

    def move(self, seconds: float = 0.0, steps: int = 1000) -> None:
        self.now += seconds
        for _ in range(steps):
            if self.broadcaster.step() > 0:
                return

    def run(self, seconds: float = 0.0) -> None:
        """Move and send until nothing is left to do just now."""
        self.now += seconds
        for _ in range(10):
            self.move()
            self.settle()

    def got(self) -> list[str]:
        """Addresses that were handed a message, in order."""
        return [address for message in self.box.got for address in message.content.to]
