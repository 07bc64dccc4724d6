"""The webhook destination, by the inherited tests and its own."""

import base64
import hashlib
import hmac
from types import SimpleNamespace
from typing import Any

import pytest
from cdp_webhook import Webhook
from cdp_webhook.sign import key_of, signature

from cdp.plugin import Batch, DestinationContext, Reject, Retry, SettingsError
from cdp.plugin.testing import Answer, RecordingServer, destination_tests, make_event

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()

TestWebhook = destination_tests(
    Webhook,
    settings=lambda url: {"url": url, "secret": SECRET, "headers": {"X-Api-Key": "abcd1234"}},
    wrong={"url": "not an address", "secret": "whsec_short"},
)


def make(url: str, **settings: Any) -> Webhook:
    return Webhook({"url": url, **settings}, DestinationContext("Hook", True))


def test_calls_are_signed_as_standard_webhooks_prescribes() -> None:
    other = bytes(range(32, 64))
    both = f"{SECRET} whsec_{base64.b64encode(other).decode()}"
    with RecordingServer() as server:
        make(server.url + "/in?x=1", secret=both).send(Batch([make_event()], "b"))
    [request] = server.requests
    assert request.path == "/in?x=1"
    headers = request.headers
    assert headers["webhook-id"] == "key-m1"
    content = b".".join(
        [headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), request.body]
    )
    expected = [
        "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        for key in (KEY, other)
    ]
    assert headers["webhook-signature"].split() == expected


def test_deleted_people_are_told_by_signed_calls_that_repeat_with_the_same_id() -> None:
    one = [("user_id", "u1"), ("anonymous_id", "a1"), ("email", "ana@example.org")]
    with RecordingServer() as server:
        hook = make(server.url, secret=SECRET, events=["Order Completed"])
        hook.on_delete(one)
        hook.on_delete(one[::-1])
        [call, repeat] = server.requests
        hook.on_delete([*one, ("user_id", "u2"), ("anonymous_id", "a2")])
        several = [request.json() for request in server.requests[2:]]
    body = call.json()
    assert (body["type"], body["userId"], body["anonymousId"]) == ("delete", "u1", "a1")
    assert [(item["type"], item["id"]) for item in body["context"]["externalIds"]] == [
        ("anonymous_id", "a1"), ("email", "ana@example.org")
    ]  # fmt: skip
    assert call.headers["webhook-id"] == repeat.headers["webhook-id"] == body["messageId"]
    stamp = call.headers["webhook-timestamp"]
    content = f"{body['messageId']}.{stamp}.".encode() + call.body
    expected = base64.b64encode(hmac.new(KEY, content, hashlib.sha256).digest()).decode()
    assert call.headers["webhook-signature"] == f"v1,{expected}"
    assert [body.get("userId") for body in several] == ["u1", "u2", None]
    assert [item["id"] for item in several[2]["context"]["externalIds"]] == [
        "a1", "a2", "ana@example.org"
    ]  # fmt: skip
    assert "anonymousId" not in several[2], "nobody knows whose of the two it would be"


def test_an_address_that_is_told_of_no_deletions_is_not_called() -> None:
    with RecordingServer() as server:
        with pytest.raises(NotImplementedError):
            make(server.url, deletions=False).on_delete([("user_id", "u1")])
        with pytest.raises(Reject):
            server.answers = [Answer(400)]
            make(server.url).on_delete([("user_id", "u1")])
        make(server.url, batch=True, batch_size=2).on_delete([("user_id", f"u{n}") for n in "123"])
    assert [len(r.json()["batch"]) for r in server.requests[1:]] == [2, 1]


def test_a_batch_is_one_call_with_the_key_of_the_batch() -> None:
    events = [make_event(messageId="a"), make_event(messageId="b")]
    with RecordingServer() as server:
        hook = make(server.url, batch="true", batch_size="50", method="PUT")
        hook.send(Batch(events, "batch-1"))
        hook.send(Batch(events, "batch-1", attempt=2))
    assert hook.batch_size == 50
    assert [r.headers["webhook-id"] for r in server.requests] == ["batch-1", "batch-1"]
    assert server.requests[0].method == "PUT"
    assert [item["messageId"] for item in server.requests[0].json()["batch"]] == ["a", "b"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://[::1]:9/", "http://10.0.0.1/"])
def test_an_internal_address_makes_events_wait_and_kills_none(url: str) -> None:
    hook = Webhook({"url": url}, DestinationContext("Hook", False))
    with pytest.raises(Retry, match="internal address"):
        hook.send(Batch([make_event()], "b"))
    assert "internal address" in str(hook.test().error)


def test_the_filter_takes_names_and_call_types() -> None:
    hook = make("https://example.com", events="Order Completed, identify")
    assert hook.wants(make_event("track", "Order Completed"))
    assert hook.wants(make_event("identify"))
    assert not hook.wants(make_event("track", "Cart Viewed"))
    assert not hook.wants(make_event("page"))
    assert make("https://example.com").wants(make_event("page"))


def test_the_test_shows_the_exchange_also_when_it_fails() -> None:
    with RecordingServer(Answer(200), Answer(500, body=b"broken")) as server:
        hook = make(server.url, headers="X-Api-Key: hidden-value")
        good, bad = hook.test(), hook.test()
    assert good.status == 200 and "Webhook Test" in good.request_body
    assert good.request_headers["X-Api-Key"] == "••••"
    assert bad.status == 500 and bad.response_body == "broken"
    assert bad.error == "the answer was 500"


def test_a_test_that_is_refused_for_its_credentials_shows_the_exchange_too() -> None:
    with RecordingServer(Answer(401, body=b"who are you?")) as server:
        shown = make(server.url).test()
    assert (shown.status, shown.response_body) == (401, "who are you?")
    assert shown.error == "the answer was 401"


def test_own_headers_replace_ours_whatever_their_case() -> None:
    with RecordingServer() as server:
        hook = make(server.url, headers={"Content-Type": "application/cloudevents+json"})
        hook.send(Batch([make_event()], "b"))
    [request] = server.requests
    assert request.headers["content-type"] == "application/cloudevents+json"


def test_a_repeat_is_signed_anew_under_the_same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1_790_000_000.0, 1_790_000_600.0])
    clock = SimpleNamespace(time=lambda: next(times))
    monkeypatch.setattr("cdp_webhook.destination.time", clock)
    with RecordingServer() as server:
        hook = make(server.url, secret=SECRET)
        monkeypatch.setattr("cdp_webhook.destination.from_response", lambda *_: None)
        hook._call("id-1", b"{}")
        hook._call("id-1", b"{}")
    first, second = (request.headers for request in server.requests)
    assert first["webhook-id"] == second["webhook-id"] == "id-1"
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 600
    assert first["webhook-signature"] != second["webhook-signature"]


def test_the_signature_is_that_of_the_specifications_example() -> None:
    # standard-webhooks/spec, "Signature scheme": the libraries' shared test vector.
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    found = signature([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "settings",
    [
        {"headers": {"Host": "x"}}, {"headers": {"Webhook-Id": "x"}}, {"headers": {"a b": "x"}},
        {"headers": {"x": "a\r\nevil: 1"}}, {"headers": {"x": "żółć"}}, {"headers": "nonsense"},
        {"secret": "whsec_!!"}, {"secret": "whsec_YQ=="}, {"method": "GET"}, {"batch_size": 0},
        {"timeout": 0}, {"rate_limit": -1},
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        make("https://example.com", **settings)
    assert set(caught.value.errors) == set(settings)
