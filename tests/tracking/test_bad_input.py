"""Whatever is sent, the documented answer comes, and nothing is lost without a trace."""

from __future__ import annotations

import io

import pytest
from flask.testing import FlaskClient

from cdp.events import Message, Origin, Rejected, normalise, split
from cdp.log import Record
from cdp.tracking.body import MAX_READ_BYTES
from tests.tracking.conftest import NOW, MemoryLog, basic
from tests.tracking.corpus import ALL, Case


def pipeline(record: Record) -> list[Message | Rejected]:
    """What becomes of a record, short of the store."""
    pieces = split(record.kind, record.body)
    origin = Origin(record.source, record.received_at, "hw", pieces.sent_at)
    return [
        normalise(raw, origin, index, pieces.kind, pieces.shared)
        for index, raw in enumerate(pieces.items)
    ]


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_each_bad_body_has_its_answer_and_is_kept(
    case: Case, client: FlaskClient, log: MemoryLog
) -> None:
    answer = client.post(
        f"/v1/{case.path}", data=case.body, headers={**case.headers, **basic("wk")}
    )
    assert answer.status_code == case.status
    assert answer.content_type == "application/json"
    (record,) = log.records
    assert (record.source, record.received_at) == (1, NOW)
    if case.code:
        assert answer.json is not None
        assert (answer.json["code"], record.code, record.kind) == (case.code, case.code, "refused")
        assert answer.json["message"] == answer.json["error"] == record.detail
        assert len(record.body) <= 64 * 1024
        return
    assert answer.data == b'{"success": true}'
    fates = [m.code if isinstance(m, Rejected) else None for m in pipeline(record)]
    assert fates == list(case.fate)


def test_what_announces_more_than_5_mb_is_not_read(client: FlaskClient, log: MemoryLog) -> None:
    announced = {"CONTENT_LENGTH": str(MAX_READ_BYTES + 1), "wsgi.input": None}
    answer = client.post("/v1/batch", environ_overrides=announced)
    assert answer.status_code == 413
    assert log.records[0].code == "too_large"


def test_what_announces_nothing_is_read_up_to_5_mb(client: FlaskClient) -> None:
    def post(size: int) -> int:
        chunked = {"CONTENT_LENGTH": "", "wsgi.input": io.BytesIO(b" " * size)}
        return client.post("/v1/batch", environ_overrides=chunked).status_code

    assert post(MAX_READ_BYTES) == 400
    assert post(MAX_READ_BYTES + 1) == 413


def test_a_body_that_a_proxy_cut_short_may_come_again(client: FlaskClient, log: MemoryLog) -> None:
    cut = {"CONTENT_LENGTH": "40", "wsgi.input": io.BytesIO(b'{"event":')}
    answer = client.post("/v1/track", headers=basic("wk"), environ_overrides=cut)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert log.records[0].code == "incomplete_body"
