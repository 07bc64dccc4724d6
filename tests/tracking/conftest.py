from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cdp.config import Settings
from cdp.log import Record
from cdp.tracking import create_blueprint
from cdp.tracking.routing import routing_rules

NOW = 1_767_268_800_000


def basic(user: str) -> dict[str, str]:
    """The Authorization header for a user without password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:".encode()).decode()}


class Source(NamedTuple):
    id: int
    key: str
    enabled: bool


class Destination(NamedTuple):
    name: str
    filter: str


class Sources:
    """Two sources, one of them disabled, and what is connected to them."""

    def __init__(self) -> None:
        self.destinations: list[Destination] = []
        self.known = {"wk": Source(1, "shop", True), "off": Source(2, "old", False)}

    def by_write_key(self, key: str) -> Source | None:
        return self.known.get(key)

    def routing_rules(self, source: Source) -> list[dict[str, Any]]:
        return routing_rules(self.destinations)


class MemoryLog:
    """Keeps records; `error` is raised instead when it is set."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.error: Exception | None = None

    def append(self, record: Record) -> None:
        if self.error is not None:
            raise self.error
        self.records.append(record)

    def offer(self, record: Record) -> bool:
        self.records.append(record)
        return True


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def sources() -> Sources:
    return Sources()


@pytest.fixture
def make_client(log: MemoryLog, sources: Sources) -> Callable[..., FlaskClient]:
    def make(**settings: Any) -> FlaskClient:
        app = Flask("test")
        blueprint = create_blueprint(log, sources, Settings(**settings), lambda: NOW / 1000)
        app.register_blueprint(blueprint)
        return app.test_client()

    return make


@pytest.fixture
def client(make_client: Callable[..., FlaskClient]) -> FlaskClient:
    return make_client()
