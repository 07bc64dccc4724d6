"""Bad input over real HTTP: the documented answer, never a 500, and the pipeline goes on."""

from __future__ import annotations

import base64
import json
import socket
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from tests.real.bad_input import CASES, PERSON, Case, dump, track
from tests.real.server import WRITE_KEY, ServeProcess, wait_until

pytestmark = pytest.mark.real


class Outcome(NamedTuple):
    """What came of all cases."""

    answers: dict[str, requests.Response]
    stored: Counter[str]
    bodies: dict[str, dict[str, Any]]
    rejected: list[dict[str, Any]]


@pytest.fixture(scope="module")
def outcome(serve: ServeProcess) -> Outcome:
    """Send everything, then a good message; when that is there all before it was seen."""
    answers = {case.name: send(serve, case) for case in CASES}
    last = Case("a good one", "/v1/track", dump(track("last")), 200, arrives=("last",))
    assert send(serve, last).status_code == 200

    def complete() -> list[dict[str, Any]]:
        lines = serve.cli("events", "--json", "--user", PERSON, "--limit", "1000").splitlines()
        found = [json.loads(line) for line in lines]
        return found if any(item["messageId"] == "last" for item in found) else []

    found = wait_until(complete, what="for the good message after the bad ones")
    return Outcome(
        answers,
        Counter(item["messageId"] for item in found),
        {item["messageId"]: item for item in found},
        serve.rejected(),
    )


def send(serve: ServeProcess, case: Case) -> requests.Response:
    auth = (case.key, "") if case.key else None
    headers = {"content-type": "application/json", **case.headers}
    return requests.post(
        serve.url + case.path, data=case.body, headers=headers, auth=auth, timeout=20
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_has_its_documented_answer(outcome: Outcome, case: Case) -> None:
    answer = outcome.answers[case.name]
    assert answer.status_code == case.status, answer.text
    if case.status == 200:
        assert answer.json() == {"success": True}
    else:
        assert answer.json()["code"] == case.codes[0]
        assert set(answer.json()) >= {"code", "message", "error"}
    for id_ in case.arrives:
        assert outcome.stored[id_] == 1


def test_everything_refused_is_kept_with_its_reason(outcome: Outcome) -> None:
    wanted = Counter(code for case in CASES for code in case.codes)
    found = Counter(item["code"] for item in outcome.rejected)
    assert {code: found[code] for code in wanted} == wanted
    assert all(item["reason"] for item in outcome.rejected)


def test_nothing_refused_is_stored(outcome: Outcome) -> None:
    wanted = {id_ for case in CASES for id_ in case.arrives} | {"last"}
    assert set(outcome.stored) == wanted


def test_what_can_be_mended_is_mended(outcome: Outcome) -> None:
    properties = {id_: body.get("properties") for id_, body in outcome.bodies.items()}
    assert properties["nul"] == {"ab": "cd"}
    assert properties["half"] == properties["half-2"] == {"cut": "\ufffd"}
    assert properties["twice"] == {"k": 2}
    assert properties["special"] == {"__proto__": 1, "": 2, "a.b": 3, "$x": 4}


def test_a_batch_of_10_000_messages_is_taken_whole(serve: ServeProcess) -> None:
    person = "10k"
    body = {"batch": [{"type": "track", "event": "E", "userId": person}] * 10_000}
    compact = json.dumps(body, separators=(",", ":"))
    answer = requests.post(serve.url + "/v1/batch", compact, auth=(WRITE_KEY, ""), timeout=60)
    assert answer.status_code == 200

    def stored() -> int:
        return serve.cli("events", "--json", "--user", person, "--limit", "20000").count("\n")

    wait_until(lambda: stored() == 10_000, what="for 10,000 messages")


def test_the_pixel_answers_with_an_image_whatever_it_is_given(serve: ServeProcess) -> None:
    good = base64.urlsafe_b64encode(
        dump(track("pixel", userId="pixel-person", writeKey=WRITE_KEY))
    ).decode().rstrip("=")  # fmt: skip
    for query in ("", "data=%%%", "data=AAAA", "data=" + "A" * 50_000, "writeKey=x", "a..b=1"):
        answer = requests.get(f"{serve.url}/v1/pixel/track?{query}", timeout=60)
        assert (answer.status_code, answer.content[:6]) == (200, b"GIF89a"), query[:40]
    requests.get(f"{serve.url}/v1/pixel/track?data={good}", timeout=60)
    wait_until(lambda: serve.events("user_id:pixel-person"))


def test_requests_that_break_off_or_are_no_http_harm_nothing(serve: ServeProcess) -> None:
    head = f"POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {_basic()}\r\n".encode()
    body = dump(track("wire", userId="wire-person"))
    chunk = b"%x\r\n%s\r\n" % (len(body), body)
    broken = [
        b"\x16\x03\x01\x02\x00 hello, TLS?\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        head + b"Content-Length: 5000\r\n\r\n" + body,
        head + b"Content-Length: -1\r\n\r\n" + body,
        head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk,
        head + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
        head[:40],
    ]
    for sent in broken:
        with socket.create_connection(("127.0.0.1", serve.port), 5) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(5)
            answer = _read(connection)
        assert b" 500 " not in answer.split(b"\r\n")[0], (sent[-60:], answer)
    with socket.create_connection(("127.0.0.1", serve.port), 5) as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n")
        connection.settimeout(60)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
    events = wait_until(lambda: serve.events("user_id:wire-person"))
    assert [event["message_id"] for event in events] == ["wire"]


def _basic() -> str:
    return base64.b64encode(f"{WRITE_KEY}:".encode()).decode()


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(10_000)
    except OSError:
        return b""


def test_the_server_never_complained(serve: ServeProcess, outcome: Outcome) -> None:
    said = "".join(serve.output)
    assert "Traceback" not in said, said[-3000:]
    assert Path(serve.data).exists()
