"""Webhooks as messages: the call as it is described, its answer, OAuth and mTLS."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cdp_webhook import WebhookChannel

from cdp.plugin import (
    Content,
    DestinationContext,
    Outgoing,
    Receipt,
    SettingsError,
    Stop,
    WebhookContent,
)
from cdp.plugin.testing import Answer, RecordingServer, Request, channel_tests
from tests.destinations.certificates import certificate, server_context

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
CALL = WebhookContent("/hook?x=1", body='{"user": "ada"}', headers={"X-Step": "welcome"})
OAUTH = {"client_id": "us", "client_secret": "client-secret", "scope": "write"}
TOKEN = Answer(200, body=b'{"access_token": "at-1", "expires_in": 3600, "token_type": "Bearer"}')
OTHER = Answer(200, body=b'{"access_token": "at-2", "expires_in": 3600, "token_type": "Bearer"}')


def there(content: Content, url: str) -> Content:
    assert isinstance(content, WebhookContent)
    return replace(content, url=url + content.url)


TestWebhookMessages = channel_tests(
    WebhookChannel,
    settings=lambda url: {"secret": SECRET, "headers": {"X-Api-Key": "abcd1234"}},
    content=CALL,
    addresses=there,
    wrong={"secret": "whsec_short"},
)
TestWebhookMessagesWithOAuth = channel_tests(
    WebhookChannel,
    settings=lambda url: {"token_url": f"{url}/token", **OAUTH},
    content=CALL,
    addresses=there,
    before=[TOKEN],
    wrong={"token_url": "https://example.org/token"},
)


def make(**settings: Any) -> WebhookChannel:
    return WebhookChannel(settings, DestinationContext("Calls", True))


def send(
    content: WebhookContent, *answers: Answer, **settings: Any
) -> tuple[Receipt, list[Request]]:
    with RecordingServer(*answers) as server:
        for name in ("token_url",):
            if name in settings:
                settings[name] = server.url + settings[name]
        channel = make(**settings)
        moved = replace(
            content, url=content.url if "://" in content.url else server.url + content.url
        )
        [receipt] = channel.deliver([Outgoing("d1", "key-1", moved)])
    return receipt, server.requests


def test_the_call_is_made_as_it_is_described_and_signed() -> None:
    receipt, [request] = send(replace(CALL, method="put"), secret=SECRET)
    assert (receipt.kind, request.method, request.path) == ("sent", "PUT", "/hook?x=1")
    assert request.headers["x-step"] == "welcome"
    assert request.headers["content-type"] == "application/json"
    headers = request.headers
    assert headers["webhook-id"] == "key-1"
    signed = f"key-1.{headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_a_repeat_has_the_same_id() -> None:
    with RecordingServer(Answer(drop=True)) as server:
        channel = make()
        assert channel.keeps_keys
        message = Outgoing("d1", "key-1", replace(CALL, url=server.url))
        first, second = channel.deliver([message])[0], channel.deliver([message])[0]
    assert (first.kind, second.kind) == ("unknown", "sent")
    assert {request.headers["webhook-id"] for request in server.requests} == {"key-1"}


def test_headers_of_the_message_replace_those_of_the_settings() -> None:
    settings = {"headers": {"X-Step": "none", "X-Api-Key": "k1234", "content-type": "text/x"}}
    _, [request] = send(replace(CALL, headers={"x-step": "two"}), **settings)
    assert (request.headers["x-step"], request.headers["x-api-key"]) == ("two", "k1234")
    assert request.headers["content-type"] == "text/x"
    _, [request] = send(WebhookContent("/", method="GET"))
    assert request.body == b"" and "content-type" not in request.headers
    _, [request] = send(WebhookContent("/", body="a=1"))
    assert request.headers["content-type"] == "text/plain; charset=utf-8"


def test_the_answer_is_kept() -> None:
    body = json.dumps({"coupon": "X1"}).encode()
    receipt, _ = send(CALL, Answer(201, {"X-Id": "7", "Set-Cookie": "s=1"}, body))
    assert receipt.response["status"] == 201 and receipt.response["json"] == {"coupon": "X1"}
    assert receipt.response["headers"]["x-id"] == "7"
    assert "set-cookie" not in receipt.response["headers"]
    receipt, _ = send(CALL, Answer(422, body=b"no such user"))
    assert (receipt.kind, receipt.response["body"]) == ("failed", "no such user")
    assert "json" not in receipt.response
    receipt, _ = send(CALL, Answer(200, body=b"[" + b"1," * 50_000 + b"1]"))
    assert len(receipt.response["body"]) == 65_536 and receipt.response["cut"] is True
    receipt, _ = send(CALL, Answer(500, body=b"broken"))
    assert (receipt.kind, receipt.response["body"]) == ("unknown", "broken")


@pytest.mark.parametrize(
    "content",
    [
        replace(CALL, method="TRACE"), replace(CALL, url="ftp://example.org"),
        replace(CALL, url="http://"), replace(CALL, headers={"Host": "x"}),
        replace(CALL, headers={"Webhook-Id": "x"}), replace(CALL, headers={"a": "b\r\nc: d"}),
        replace(CALL, headers={"a b": "c"}), replace(CALL, url="https://evil.example.org/"),
    ],
)  # fmt: skip
def test_calls_that_may_not_be_made_fail_with_a_reason(content: WebhookContent) -> None:
    receipt, requests = send(content, hosts="127.0.0.1, shop.example.org")
    assert receipt.kind == "failed" and receipt.reason and not requests


def test_a_message_leads_nobody_inside() -> None:
    channel = WebhookChannel({}, DestinationContext("Calls", False))
    [receipt] = channel.deliver([Outgoing("d1", "k", replace(CALL, url="http://127.0.0.1:9/"))])
    assert receipt.kind == "failed" and "internal address" in receipt.reason


def test_only_our_own_credentials_stop_the_channel() -> None:
    for status in (401, 403, 410, 301):
        receipt, _ = send(CALL, Answer(status))
        assert receipt.kind == "failed"
    own = replace(CALL, headers={"Authorization": "Bearer theirs"})
    receipt, _ = send(own, Answer(401), headers={"X-Api-Key": "k1234"})
    assert receipt.kind == "failed"
    with pytest.raises(Stop):
        send(CALL, Answer(401), headers={"X-Api-Key": "k1234"})


def test_a_token_is_fetched_once_and_anew_when_it_is_refused() -> None:
    with RecordingServer(TOKEN, Answer(), Answer(), Answer(401), OTHER) as server:
        channel = make(token_url=f"{server.url}/token", **OAUTH)
        for _ in range(3):
            [receipt] = channel.deliver([Outgoing("d", "k", replace(CALL, url=server.url))])
            assert receipt.kind == "sent"
        kept = repr(channel.http.take_exchanges())
    assert "at-1" not in kept and "client-secret" not in kept
    bearers = [request.headers["authorization"] for request in server.requests]
    basic = "Basic " + base64.b64encode(b"us:client-secret").decode()
    assert bearers == [
        basic, "Bearer at-1", "Bearer at-1", "Bearer at-1", basic, "Bearer at-2",
    ]  # fmt: skip
    form = dict(parse_qsl(server.requests[0].body.decode()))
    assert form == {"grant_type": "client_credentials", "scope": "write"}


def test_the_client_may_stand_in_the_body() -> None:
    settings = {**OAUTH, "token_url": "/token", "client_auth": "body", "audience": "shop"}
    _, [token, _] = send(CALL, TOKEN, **settings)
    form = dict(parse_qsl(token.body.decode()))
    assert form["client_secret"] == "client-secret" and form["audience"] == "shop"
    assert "authorization" not in token.headers


def test_a_message_with_its_own_authorization_gets_no_token_of_ours() -> None:
    own = replace(CALL, headers={"Authorization": "Bearer theirs"})
    _, [request] = send(own, token_url="/token", **OAUTH)
    assert request.headers["authorization"] == "Bearer theirs"
    with RecordingServer() as server:
        url = server.url.replace("http://", "http://ann:pw12@")
        channel = make(headers={"Authorization": "Bearer ours-1"})
        channel.deliver([Outgoing("d", "k", WebhookContent(url))])
    [request] = server.requests
    assert base64.b64decode(request.headers["authorization"].split()[1]) == b"ann:pw12"


def test_a_token_that_is_not_given_means_later_or_stop() -> None:
    receipt, requests = send(CALL, Answer(drop=True), token_url="/token", **OAUTH)
    assert receipt.kind == "retry" and len(requests) == 1
    with pytest.raises(Stop, match="invalid_client"):
        answer = Answer(401, body=b'{"error": "invalid_client"}')
        send(CALL, answer, token_url="/token", **OAUTH)


def test_the_test_fetches_a_token() -> None:
    with RecordingServer(TOKEN, TOKEN) as server:
        assert make(token_url=f"{server.url}/token", **OAUTH).test().status == 200
    with pytest.raises(NotImplementedError):
        make().test()


def test_checks_warn_of_what_may_leak() -> None:
    states = {check.name: check.state for check in make(headers={"a": "b"}).checks()}
    assert states == {"Signature": "warning", "Hosts": "warning"}
    good = make(secret=SECRET, headers={"a": "b"}, hosts=["example.org"]).checks()
    assert [check.state for check in good] == ["ok"]


@contextmanager
def asking_for_a_certificate(client: str, folder: Path) -> Iterator[tuple[str, str, list[Any]]]:
    """A server over TLS that lets in nobody but who shows ``client``."""
    mine = certificate("localhost")
    context = server_context(mine, folder)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=client)
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            seen.append(self.connection.getpeercert())  # type: ignore[attr-defined]
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Keep the tests' output clean."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request: Any, client_address: Any) -> None:
            try:
                super().finish_request(
                    context.wrap_socket(request, server_side=True), client_address
                )
            except OSError:
                """Somebody without a certificate."""

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"https://localhost:{server.server_address[1]}/", mine.public, seen
    finally:
        server.shutdown()
        server.server_close()


def test_a_receiver_may_ask_for_our_certificate(tmp_path: Path) -> None:
    ours = certificate("headwater")
    with asking_for_a_certificate(ours.public, tmp_path) as (url, authority, seen):
        message = Outgoing("d", "k", WebhookContent(url, body="{}"))
        good = make(
            client_certificate=ours.public, client_key=ours.key.replace("\n", "\\n"),
            authority=authority,
        )  # fmt: skip
        assert good.deliver([message])[0].kind == "sent"
        assert seen[0]["subject"] == ((("commonName", "headwater"),),)
        [receipt] = make(authority=authority).deliver([message])
        assert receipt.kind in ("retry", "unknown") and len(seen) == 1
        [receipt] = make(client_certificate=ours.public, client_key=ours.key).deliver([message])
        assert receipt.kind == "retry" and "certificate" in receipt.reason
    assert list(tmp_path.iterdir()) == [tmp_path / "server.pem"]


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"client_certificate": "x"}, "client_key"),
        ({"client_certificate": certificate("a").public, "client_key": certificate("b").key},
         "client_certificate"),
        ({"authority": "nonsense"}, "client_certificate"),
        ({"token_url": "https://x.example.org", "client_id": "a"}, "client_secret"),
        ({"headers": {"Webhook-Signature": "x"}}, "headers"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], wrong: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make(**settings)
    assert set(caught.value.errors) == {wrong}
