"""A store with people and a post office: channels that do as they are told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cdp.delivery.messages.checks import Checks
from cdp.delivery.messages.compose import Prepared, Problem
from cdp.delivery.messages.providers import Providers
from cdp.delivery.messages.runner import MessageRunner, resolve_lost
from cdp.delivery.senders import Senders
from cdp.messaging.names import delivery_name
from cdp.messaging.request import Request
from cdp.plugin import Channel, EmailContent, Outgoing, Receipt, hookimpl
from cdp.plugin.manager import Plugins
from cdp.store import config_rows
from cdp.store.messages import addressees, deliveries
from cdp.store.messages.deliveries import Delivery
from cdp.store.profiles import people
from cdp.store.tables import USERS
from tests.delivery.world import World

KEYS = ("secret",)


class Postbox(Channel):
    """Keeps what it gets; ``script`` says what it answers, call by call."""

    key = "postbox"
    name = "Postbox"
    channel = "email"
    batch_size = 2
    concurrency = 2

    got: list[Outgoing]
    script: Iterator[Any]
    keys = False

    @property
    def keeps_keys(self) -> bool:
        return type(self).keys

    def deliver(self, messages: list[Outgoing]) -> list[Receipt]:
        act = next(type(self).script, None)
        if isinstance(act, BaseException):
            raise act
        type(self).got += messages
        if callable(act):
            return act(messages)
        return [act or Receipt.sent(f"p-{message.id}") for message in messages]


class Plain:
    """A composer that needs no templates."""

    def __init__(self, post: Post) -> None:
        self._post = post

    def compose(self, found: Sequence[Delivery], now: int) -> list[Prepared | Problem]:
        with self._post.store.read() as tx:
            people_ = addressees.load(tx, [row.node for row in found if row.node is not None])
        made: list[Prepared | Problem] = []
        for row in found:
            person = people_.get(row.node) if row.node is not None else None
            to = row.recipient or (person.reached(row.channel) if person else None)
            if to is None:
                made.append(Problem(row, "undeliverable", "no_address"))
                continue
            content = EmailContent("shop@example.org", (to,), "Hello", text="Hello")
            names = person.names if person else {}
            made.append(Prepared(row, delivery_name(KEYS, row.id), to, (to,), content, 1, names))
        return made


class Post(World):
    """``identify`` makes people, ``ask`` deliveries, ``settle`` moves them until they rest."""

    def __init__(
        self, folder: Path, database_url: str | None = None, boxes: Sequence[type[Postbox]] = ()
    ) -> None:
        super().__init__(folder, database_url)
        self.boxes = list(boxes) or [box()]

        class Plugin:
            @hookimpl
            def register_destinations(plugin) -> list[Any]:
                return self.boxes

        plugins = Plugins()
        plugins.register(Plugin(), "post")
        with self.store.write() as tx:
            source = config_rows.all_sources(tx)[0]
            for order, made in enumerate(self.boxes, 1):
                config_rows.add_destination(
                    tx, 1, made.key, made.name, made.key, source.id,
                    {"order": order, "weight": 1.0, "rate_limit": None, "on_unknown": "hold"},
                    "test",
                )  # fmt: skip
        self.senders = Senders(self.store, self.settings, plugins)
        self.senders.refresh()
        self.tick = 0.0
        self.providers = Providers(self.senders, lambda: self.now)
        self.mover = MessageRunner(
            self.store, "email", self.providers, Plain(self), Checks(), 4.0, self.clock
        )

    def identify(self, user: str, **traits: Any) -> int:
        """A person; returns a node of theirs."""
        body = {"userId": user, "traits": {"email": f"{user}@example.org", **traits}}
        self.put("identify", body)
        return self.node(user)

    def put(self, kind: str, body: dict[str, Any]) -> None:
        from cdp.log.record import Record

        text = json.dumps({"messageId": f"m{len(self._log)}", **body}).encode()
        self._log.append(Record(int(self.now * 1000), 1, kind, text))
        self.pipeline.drain()

    def node(self, user: str) -> int:
        with self.store.read() as tx:
            profile = people.resolve(tx, USERS, "user_id", user)
            assert profile is not None
            node = addressees.node_of(tx, profile.id)
        assert node is not None
        return node

    def ask(self, node: int | None, key: str | None = None, **more: Any) -> int:
        """A delivery to be made; its number."""
        more.setdefault("origin", "test")
        request = Request(key or f"k{time.monotonic_ns()}", "email", node, **more)
        with self.store.write() as tx:
            return deliveries.add(tx, [request], int(self.now * 1000))[0].id

    def settle(self, seconds: float = 0.0) -> None:
        """Let time pass, and move what is due."""
        self.now += seconds
        while self.mover.step():
            pass

    def lose(self) -> None:
        """Notice that whoever had claimed something is dead."""
        now = int(self.now * 1000)
        while resolve_lost(self.store, self.providers, now):
            pass

    def row(self, id_: int) -> Delivery:
        with self.store.read() as tx:
            found = deliveries.get(tx, id_)
        assert found is not None
        return found

    def state(self, id_: int) -> str:
        return self.row(id_).state

    def close(self) -> None:
        self.senders.close()
        self.store.close()


def box(script: Sequence[Any] = (), keys: bool = False, key: str = "postbox") -> type[Postbox]:
    """A kind of postbox with a script and memory of its own."""
    return type(
        "Box",
        (Postbox,),
        {"key": key, "name": key, "got": [], "script": iter(script), "keys": keys},
    )


Act = Callable[[list[Outgoing]], list[Receipt]]
