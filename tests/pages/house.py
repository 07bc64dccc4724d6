"""Messages that were sent, and the pages that they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from cdp.delivery.messages.seen import Seeing
from cdp.log.record import CHECKED, Record, checked_body
from cdp.messaging.links import Addresses
from cdp.messaging.names import delivery_name
from cdp.pages import create_blueprint
from cdp.store import definitions
from cdp.store.messages import addressees, emissions, link_keys, preferences
from cdp.store.messages import reports as report_rows
from cdp.store.messages.reports import Kept
from tests.delivery.messages.post import Post, Postbox, box


class House(Post):
    """A post office with pages; ``client`` is a person's browser."""

    def __init__(
        self, folder: Path, database_url: str | None = None, boxes: Sequence[type[Postbox]] = ()
    ) -> None:
        super().__init__(folder, database_url, boxes or [box()])
        with self.store.write() as tx:
            self.keys = link_keys.ensure(tx)
        self.seeing = Seeing(self.store)
        self.app = Flask("pages")
        self.app.register_blueprint(create_blueprint(self.store, self.seeing))

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def name(self, delivery: int) -> str:
        return delivery_name(self.keys, delivery)

    def links(self, delivery: int) -> Addresses:
        return Addresses("", self.keys, self.name(delivery))

    def topic(self, key: str, **body: Any) -> None:
        with self.store.write() as tx:
            definitions.put(tx, int(self.now * 1000), "topic", key, body, "test")

    def wishes(self, node: int) -> dict[str, bool]:
        with self.store.read() as tx:
            found = preferences.standings(tx, [node])[node].wishes
        return {scope: wish.wanted for scope, wish in found.items()}

    def traits(self, user: str) -> dict[str, Any]:
        with self.store.read() as tx:
            node = self.node(user)
            return addressees.load(tx, [node])[node].traits

    def reports(self, delivery: int) -> list[Kept]:
        with self.store.read() as tx:
            return report_rows.of_delivery(tx, delivery)

    def told(self) -> list[dict[str, Any]]:
        """What is on its way into the log."""
        import msgspec

        with self.store.read() as tx:
            return [msgspec.json.decode(item.body) for item in emissions.oldest(tx, 1000)]

    def emit(self) -> None:
        """Bring what is on its way into the log, and let the pipeline take it."""
        with self.store.write() as tx:
            found = emissions.oldest(tx, 1000)
            emissions.gone(tx, [item.id for item in found])
        body = checked_body((item.body, b"null") for item in found)
        self._log.append(Record(int(self.now * 1000), 1, CHECKED, body))
        self.pipeline.drain()

    def close(self) -> None:
        self.seeing.close()
        super().close()
