"""The public addresses of channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, run_wsgi_app

from cdp.config import Settings
from cdp.delivery.receivers import Misconfigured, Receiver
from cdp.plugin import Channel, Forged, Inbound, Reply, Report, Retry
from cdp.store.config_rows import Destination
from cdp.tracking.channels import create_channels_blueprint

REPORT = Report("opened", "r1", 1000, delivery="1")


class Echo(Channel):
    """Answers by path, and remembers what it was asked."""

    key, name, channel = "echo", "Echo", "email"
    max_request_bytes = 100

    def configure(self) -> None:
        self.asked: list[Inbound] = []
        self.closed: list[str] = []

    def receive(self, request: Inbound) -> Reply | None:
        self.asked.append(request)
        match request.path:
            case "forged":
                raise Forged("the signature is wrong")
            case "later":
                raise Retry("not now")
            case "broken":
                raise ZeroDivisionError("oh")
            case "events":
                return Reply([REPORT], 202, b"{}", "application/json", {"X-Own": "1"})
            case "stream":
                return Reply(body=self.stream(), type="text/event-stream")
            case "":
                return Reply(body=b"top")
        return None

    def stream(self) -> Iterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            self.closed.append("stream")


class Finder:
    """Knows one channel, and one that is misconfigured."""

    def __init__(self) -> None:
        self.channel = Echo({})
        self.failures: list[BaseException] = []
        row = Destination(7, "echo", "Echo", "echo", None, True, {}, 0, 0)
        self.receiver = Receiver(row, self.channel)

    def find(self, name: str) -> Receiver | None:
        if name == "wrong":
            raise Misconfigured(name)
        return self.receiver if name == "echo" else None

    def failed(self, plugin: str, error: BaseException) -> None:
        self.failures.append(error)


@pytest.fixture
def finder() -> Finder:
    return Finder()


@pytest.fixture
def kept() -> list[Any]:
    return []


@pytest.fixture
def make(finder: Finder, kept: list[Any]) -> Callable[..., FlaskClient]:
    def build(record: Any = None, **settings: Any) -> FlaskClient:
        app = Flask("test")
        record = record or (lambda receiver, reports: kept.append((receiver, reports)))
        app.register_blueprint(create_channels_blueprint(finder, record, Settings(**settings)))
        return app.test_client()

    return build


def test_a_channel_sees_the_request_as_it_came(
    make: Callable[..., FlaskClient], finder: Finder
) -> None:
    client = make(public_url="https://cdp.example.org/")
    client.post(
        "/channels/echo/a b/c?x=1&x=2&y=%C3%A9", data=b"\x00body", headers={"X-Signature": "s"}
    )
    seen = finder.channel.asked[0]
    assert (seen.method, seen.path, seen.body) == ("POST", "a b/c", b"\x00body")
    assert seen.url == "https://cdp.example.org/channels/echo/a%20b/c?x=1&x=2&y=%C3%A9"
    assert seen.query == {"x": "1", "y": "é"}
    assert seen.headers["x-signature"] == "s" and seen.remote == "127.0.0.1"


def test_without_a_public_address_it_is_the_one_that_was_asked(
    make: Callable[..., FlaskClient], finder: Finder
) -> None:
    assert make().get("/channels/echo/", headers={"Host": "in.example.org"}).data == b"top"
    assert finder.channel.asked[0].url == "http://in.example.org/channels/echo/"


def test_reports_are_kept_before_the_answer(
    make: Callable[..., FlaskClient], finder: Finder, kept: list[Any]
) -> None:
    answer = make().post("/channels/echo/events")
    assert (answer.status_code, answer.data) == (202, b"{}")
    assert answer.headers["X-Own"] == "1" and answer.content_type == "application/json"
    assert kept == [(finder.receiver, [REPORT])]


def test_reports_that_cannot_be_kept_are_asked_for_again(
    make: Callable[..., FlaskClient],
) -> None:
    def full(receiver: Receiver, reports: list[Report]) -> None:
        raise OSError("disk full")

    answer = make(full).post("/channels/echo/events")
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
    assert "disk" not in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [("echo/forged", 401), ("echo/nothing", 404), ("nobody/x", 404), ("echo/later", 503),
     ("echo/broken", 503), ("wrong/x", 503)],
)  # fmt: skip
def test_what_goes_wrong_has_a_status(
    make: Callable[..., FlaskClient], kept: list[Any], path: str, status: int
) -> None:
    answer = make().post(f"/channels/{path}", data=b"x")
    assert answer.status_code == status and answer.json["error"]
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert not kept


def test_what_nobody_foresaw_is_kept_against_the_plugin(
    make: Callable[..., FlaskClient], finder: Finder
) -> None:
    assert "division" not in make().get("/channels/echo/broken").text
    assert isinstance(finder.failures[0], ZeroDivisionError)


def test_a_large_request_is_not_read(make: Callable[..., FlaskClient], finder: Finder) -> None:
    client = make()
    assert client.post("/channels/echo/events", data=b"x" * 101).status_code == 413
    chunked = client.post("/channels/echo/events", input_stream=BytesIO(b"x" * 101))
    assert chunked.status_code == 413
    cut = EnvironBuilder("/channels/echo/events", method="POST", data=b"x").get_environ()
    _, status, _ = run_wsgi_app(client.application, cut | {"CONTENT_LENGTH": "9"})
    assert status.startswith("413")
    assert finder.channel.asked == []


def test_any_page_may_call_and_no_answer_is_a_page_of_ours(
    make: Callable[..., FlaskClient], finder: Finder
) -> None:
    client = make()
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Headers": "authorization"}
    before = client.options("/channels/echo/events", headers=asked)
    assert before.status_code == 204 and finder.channel.asked == []
    assert before.headers["Access-Control-Allow-Headers"] == "authorization"
    assert "DELETE" in before.headers["Access-Control-Allow-Methods"]
    for path in ("echo/events", "echo/nothing"):
        headers = client.post(f"/channels/{path}", headers=asked).headers
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in headers
        assert "sandbox" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


def test_streams_are_counted_and_one_too_many_is_sent_away(
    make: Callable[..., FlaskClient], finder: Finder
) -> None:
    client = make(open_streams=1)
    first = client.get("/channels/echo/stream", buffered=False)
    full = client.get("/channels/echo/stream")
    assert full.status_code == 503 and full.headers["Retry-After"] == "30"
    assert first.data == b"onetwo" and finder.channel.closed == ["stream"]
    # Closed by the server without having begun: the place is free again.
    client.get("/channels/echo/stream", buffered=False).close()
    client.head("/channels/echo/stream").close()
    assert client.get("/channels/echo/stream").data == b"onetwo"


def test_no_streams_at_all(make: Callable[..., FlaskClient]) -> None:
    assert make(open_streams=0).get("/channels/echo/stream").status_code == 503
