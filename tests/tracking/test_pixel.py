from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from cdp.log import LogFull, LogUnavailable
from cdp.tracking.body import BadBody
from cdp.tracking.pixel import message_of
from tests.tracking.conftest import MemoryLog

MESSAGE = {"event": "Opened", "userId": "ü?>1", "properties": {"n": 1}, "writeKey": "wk"}


def urlsafe(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def get(client: FlaskClient, path: str, query: Any) -> Any:
    answer = client.get(f"/v1/pixel/{path}", query_string=query)
    assert answer.content_type == "image/gif"
    assert answer.data[:6] == b"GIF89a" and answer.data.endswith(b";")
    assert "no-store" in answer.headers["Cache-Control"]
    return answer


@pytest.mark.parametrize("kind", ["track", "identify", "page", "screen", "group", "alias"])
@pytest.mark.parametrize(
    "data",
    [
        urlsafe(MESSAGE),
        urlsafe(MESSAGE).rstrip("="),
        base64.b64encode(json.dumps(MESSAGE, ensure_ascii=False).encode()).decode(),
    ],
)
def test_data_in_all_its_encodings_is_a_call(
    data: str, kind: str, client: FlaskClient, log: MemoryLog
) -> None:
    assert get(client, kind, {"data": data}).status_code == 200
    (record,) = log.records
    assert (record.kind, record.source, record.code) == (kind, 1, None)
    body = json.loads(record.body)
    assert body == {**MESSAGE, "context": {"library": {"name": "pixel"}}}


def test_a_plus_that_became_a_blank_is_mended(client: FlaskClient, log: MemoryLog) -> None:
    data = base64.b64encode(json.dumps({**MESSAGE, "a": "~~~>>>"}).encode()).decode()
    assert "+" in data
    client.get(f"/v1/pixel/track?data={data}")
    assert json.loads(log.records[0].body)["a"] == "~~~>>>"


def test_dotted_keys_are_objects(client: FlaskClient, log: MemoryLog) -> None:
    query = "writeKey=wk&event=Mail+Opened&userId=u1&properties.subject=Hi%21&properties.a.b=1"
    get(client, "track", query + "&context.campaign.name=may&traits.x=&a.b=2&context.ip=1.2.3.4")
    body = json.loads(log.records[0].body)
    assert body == {
        "writeKey": "wk", "event": "Mail Opened", "userId": "u1", "a.b": "2",
        "properties": {"subject": "Hi!", "a": {"b": "1"}}, "traits": {"x": ""},
        "context": {"campaign": {"name": "may"}, "ip": "1.2.3.4", "library": {"name": "pixel"}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("track", {"data": "%%%"}, "invalid_data"),
        ("track", {"data": urlsafe(MESSAGE)[:-9], "writeKey": "wk"}, "invalid_data"),
        ("track", {"data": base64.b64encode(b'"\xff"').decode()}, "invalid_data"),
        ("track", {"data": urlsafe([MESSAGE])}, "not_an_object"),
        ("track", {"data": urlsafe({**MESSAGE, "p": "x" * 32_768})}, "message_too_large"),
        ("delete", {"data": urlsafe(MESSAGE)}, "unknown_type"),
        ("track", "", "no_write_key"),
        ("track", {"writeKey": "who?"}, "unknown_write_key"),
        ("track", {"writeKey": "off"}, "source_disabled"),
        ("track", "writeKey=who%FF%00?", "unknown_write_key"),
    ],
)
def test_a_bad_pixel_is_a_dot_all_the_same_and_kept_as_refused(
    path: str, query: Any, code: str, client: FlaskClient, log: MemoryLog
) -> None:
    assert get(client, path, query).status_code == 200
    (record,) = log.records
    assert (record.kind, record.code) == ("refused", code)


@pytest.mark.parametrize(("error", "status"), [(LogFull(""), 429), (LogUnavailable(""), 503)])
def test_a_pixel_that_could_not_be_kept_does_not_say_200(
    error: Exception, status: int, client: FlaskClient, log: MemoryLog
) -> None:
    log.error = error
    answer = get(client, "track", {"data": urlsafe(MESSAGE)})
    assert answer.status_code == status
    assert answer.headers["Retry-After"].isdecimal()


@given(st.text(max_size=60) | st.lists(st.tuples(
    st.sampled_from(["context", "context.a", "context.a.b", "properties.x.y", "data", "traits"]),
    st.text(max_size=8))).map(lambda pairs: "&".join(f"{k}={v}" for k, v in pairs)))  # fmt: skip
def test_any_query_is_a_call_or_bad(query: str) -> None:
    try:
        raw, _ = message_of(query)
    except BadBody as bad:
        assert bad.detail
    else:
        assert isinstance(json.loads(raw), dict)
