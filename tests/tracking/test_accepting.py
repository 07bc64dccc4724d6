"""Routes, authentication and what is kept of a request."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from cdp.log import LogFull, LogUnavailable
from tests.tracking.conftest import NOW, MemoryLog, basic

CALL = b'{"event":"Ran","userId":"u1"}'
BATCH = b'{"batch":[{"type":"page","userId":"u1"}],"writeKey":"wk"}'
KINDS = {
    **{name: name for name in ("track", "identify", "page", "screen", "group", "alias", "batch")},
    **{"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"},
    **{"b": "batch", "import": "batch"},
}


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_each_path_takes_its_kind(
    name: str, kind: str, slash: str, client: FlaskClient, log: MemoryLog
) -> None:
    body = BATCH if kind == "batch" else CALL
    answer = client.post(f"/v1/{name}{slash}", data=body, headers=basic("wk"))
    assert (answer.status_code, answer.data) == (200, b'{"success": true}')
    (record,) = log.records
    assert (record.kind, record.body, record.source) == (kind, body, 1)
    assert (record.received_at, record.live, record.code) == (NOW, True, None)
    preflight = client.options(f"/v1/{name}{slash}", headers={"Origin": "https://shop.example"})
    assert preflight.status_code == 204


def test_rudderstacks_beacon_is_a_batch(client: FlaskClient, log: MemoryLog) -> None:
    answer = client.post("/beacon/v1/batch?writeKey=wk", data=b'{"batch":[],"sentAt":""}')
    assert answer.status_code == 200
    assert log.records[0].kind == "batch"


def test_metrics_of_analytics_js_are_taken_and_forgotten(
    client: FlaskClient, log: MemoryLog
) -> None:
    answer = client.post("/v1/m", data=b'{"series":[]}')
    assert (answer.status_code, answer.json, log.records) == (200, {"success": True}, [])


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "in_body", "query"),
    [
        (f"Basic {encoded('wk:')}", None, ""),
        (f"Basic {encoded('wk')}", None, ""),
        (f"basic   {encoded('wk:').rstrip('=')} ", None, ""),
        (f"Basic {encoded('wk:a password')}", None, ""),
        ("Bearer some.jwt.here", "wk", ""),
        (None, "wk", ""),
        (None, " wk ", ""),
        (None, None, "?writeKey=wk"),
        (f"Basic {encoded('wk:')}", "another", ""),
        (f"Basic {encoded('a proxy:its password')}", "wk", ""),
        ("Digest x", "wk", ""),
        ("Basic ????", "wk", ""),
    ],
)
def test_every_form_of_authentication_finds_the_source(
    header: str | None, in_body: str | None, query: str, client: FlaskClient, log: MemoryLog
) -> None:
    headers = {"Authorization": header} if header else {}
    key = f',"writeKey":"{in_body}"' if in_body else ""
    for path, body in (("track", '{"userId":"u"'), ("batch", '{"batch":[]')):
        answer = client.post(f"/v1/{path}{query}", data=body + key + "}", headers=headers)
        assert answer.status_code == 200
    assert [record.source for record in log.records] == [1, 1]


@pytest.mark.parametrize(
    ("headers", "body", "code", "source"),
    [
        ({}, b'{"userId":"u"}', "no_write_key", 0),
        ({}, b'{"writeKey":5}', "no_write_key", 0),
        ({}, b'{"writeKey":""}', "no_write_key", 0),
        ({"Authorization": "Bearer jwt"}, b"{}", "no_write_key", 0),
        ({}, b'{"writeKey":"who?"}', "unknown_write_key", 0),
        ({}, b'{"writeKey":"\\ud83d"}', "unknown_write_key", 0),
        (basic("who?"), b"{}", "unknown_write_key", 0),
        (basic("off"), b"{}", "source_disabled", 2),
    ],
)
def test_without_a_source_that_is_on_the_answer_is_401_and_the_body_is_kept(
    headers: dict[str, str], body: bytes, code: str, source: int,
    client: FlaskClient, log: MemoryLog,
) -> None:  # fmt: skip
    answer = client.post("/v1/track", data=body, headers=headers)
    assert answer.status_code == 401
    assert answer.json is not None and answer.json["code"] == code
    assert answer.json["message"] == answer.json["error"]
    (record,) = log.records
    assert (record.kind, record.code, record.source, record.body) == ("refused", code, source, body)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (LogFull("full"), 429, "rate_limited"),
        (LogUnavailable("no space left"), 503, "unavailable"),
        (RuntimeError("never thought of"), 500, "internal_error"),
    ],
)
def test_what_could_not_be_kept_is_answered_so_that_sdks_come_back(
    error: Exception, status: int, code: str, client: FlaskClient, log: MemoryLog
) -> None:
    log.error = error
    for path, body in (("track", CALL), ("batch", BATCH)):
        answer = client.post(
            f"/v1/{path}", data=body, headers=basic("wk") | {"Origin": "https://x"}
        )
        assert answer.status_code == status
        assert answer.json is not None and answer.json["code"] == code
        assert answer.headers["Access-Control-Allow-Origin"] == "https://x"
        if status != 500:
            assert answer.headers["Retry-After"].isdecimal()
            assert int(answer.headers["Retry-After"]) >= 1
        if status == 429:
            assert answer.headers["X-RateLimit-Reset"].isdecimal()


class TestAddresses:
    def record(self, client: FlaskClient, log: MemoryLog, address: str, **headers: str) -> Any:
        client.post("/v1/track", data=CALL, environ_base={"REMOTE_ADDR": address},
                    headers=basic("wk") | headers)  # fmt: skip
        return log.records[-1]

    def test_the_connection_says_who_it_is(self, client: FlaskClient, log: MemoryLog) -> None:
        header = {"X-Forwarded-For": "198.51.100.1", "User-Agent": "Mozilla/5.0"}
        found = self.record(client, log, "203.0.113.9", **header)
        assert (found.ip, found.user_agent) == ("203.0.113.9", "Mozilla/5.0")
        assert self.record(client, log, "::ffff:203.0.113.9").ip == "203.0.113.9"

    def test_only_ipv4_is_kept_as_segment_does(self, client: FlaskClient, log: MemoryLog) -> None:
        assert self.record(client, log, "2001:db8::1").ip is None
        assert self.record(client, log, "").ip is None

    @pytest.mark.parametrize(
        ("forwarded", "ip"),
        [
            ("198.51.100.1", "198.51.100.1"),
            ("198.51.100.1:4711", "198.51.100.1"),
            ("192.0.2.66, 198.51.100.1", "198.51.100.1"),
            ("192.0.2.66, 198.51.100.1, 10.1.2.3", "198.51.100.1"),
            ("10.1.2.3", "10.1.2.3"),
            ("junk", None),
            ("1.2.3.4.5, 999.1.1.1", None),
            ("2001:db8::1", None),
            ("", "10.0.0.1"),
            (" , ", "10.0.0.1"),
        ],
    )
    def test_a_trusted_proxy_is_believed_up_to_the_first_stranger(
        self, forwarded: str, ip: str | None,
        make_client: Callable[..., FlaskClient], log: MemoryLog,
    ) -> None:  # fmt: skip
        client = make_client(trusted_proxies=("10.0.0.0/8", "::1"))
        header = {"X-Forwarded-For": forwarded}
        assert self.record(client, log, "10.0.0.1", **header).ip == ip
        assert self.record(client, log, "203.0.113.9", **header).ip == "203.0.113.9"


class TestOtherOrigins:
    def test_any_page_may_send(self, client: FlaskClient) -> None:
        for origin in ("https://shop.example", "null"):
            answer = client.post("/v1/t", data=CALL, headers=basic("wk") | {"Origin": origin})
            assert answer.headers["Access-Control-Allow-Origin"] == origin
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"

    def test_the_preflight_allows_what_is_asked(self, client: FlaskClient) -> None:
        asked = {
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,anonymousid",
            "Access-Control-Request-Private-Network": "true",
        }
        paths = ("v1/t", "v1/batch", "v1/m", "v1/projects/wk/settings", "sourceConfig/")
        for path in paths:
            headers = client.options(f"/{path}", headers=asked).headers
            assert headers["Access-Control-Allow-Origin"] == "https://shop.example"
            allowed = headers["Access-Control-Allow-Headers"]
            assert allowed == asked["Access-Control-Request-Headers"]
            assert {"GET", "POST"} <= set(headers["Access-Control-Allow-Methods"].split(", "))
            assert int(headers["Access-Control-Max-Age"]) > 0
            assert headers["Access-Control-Allow-Private-Network"] == "true"

    def test_the_preflight_names_the_headers_of_the_sdks(self, client: FlaskClient) -> None:
        allowed = client.options("/v1/t", headers={"Origin": "https://x"}).headers[
            "Access-Control-Allow-Headers"
        ]
        assert set(allowed.split(", ")) == {"Content-Type", "Authorization", "X-Retry-Count"}

    def test_without_an_origin_nothing_is_said(self, client: FlaskClient) -> None:
        headers = client.post("/v1/t", data=CALL, headers=basic("wk")).headers
        assert not [name for name, _ in headers if name.startswith("Access-Control")]
