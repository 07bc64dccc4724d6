"""HTTP/2, against a server that speaks it with a library of its own way of misbehaving."""

import threading
from pathlib import Path

import pytest

from cdp.plugin import Guard, GuardedHTTP, Retry, Unanswered
from tests.destinations.push.h2server import Call, H2Server, Says
from tests.real.server import wait_until


def client(timeout: float = 60.0) -> GuardedHTTP:
    return GuardedHTTP(Guard(allow_private=True), timeout, http2=True)


def test_calls_one_after_the_other_share_a_connection_and_others_have_their_own() -> None:
    at_once = threading.Barrier(3, timeout=60)

    def answer(call: Call) -> Says:
        if call.headers[":path"] == "/together":
            at_once.wait()
        return Says(200, {"path": call.headers[":path"]})

    with H2Server(answer) as server:
        made = client()
        for number in range(5):
            assert made.request("GET", f"{server.url}/{number}").status == 200
        assert server.connections == 1
        threads = [
            threading.Thread(target=made.request, args=("POST", f"{server.url}/together", b"x"))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.calls) == 8 and server.connections == 3


def test_a_connection_that_was_closed_while_it_was_idle_is_not_used_again() -> None:
    with H2Server(lambda _: Says(200, {"n": 1}, then="bye")) as server:
        made = client()
        for number in range(1, 4):
            answer = made.request("POST", server.url, b"{}")
            assert (answer.status, answer.body) == (200, b'{"n": 1}')
            wait_until(lambda number=number: server.ended == number)
        assert server.connections == 3 and len(server.calls) == 3


def test_what_the_other_side_says_while_idle_keeps_the_connection() -> None:
    with H2Server(lambda _: Says(200, {"n": 1}, then="ping")) as server:
        made = client()
        for _ in range(3):
            assert made.request("POST", server.url, b"{}").status == 200
        assert server.connections == 1


@pytest.mark.parametrize("then", ["refuse", "go away"])
def test_a_call_that_was_surely_not_looked_at_is_for_later(then: str) -> None:
    with H2Server(lambda _: Says(then=then)) as server, pytest.raises(Retry) as caught:
        client().request("POST", server.url, b"{}")
    assert not isinstance(caught.value, Unanswered)


@pytest.mark.parametrize("then", ["hang up", "reset"])
def test_a_call_that_broke_may_have_counted(then: str) -> None:
    with H2Server(lambda _: Says(then=then)) as server, pytest.raises(Unanswered):
        client().request("POST", server.url, b"{}")


def test_no_answer_within_the_time_may_have_counted() -> None:
    slow = H2Server(lambda _: Says(then="wait"))
    with slow as server, pytest.raises(Unanswered, match="timed out"):
        client(0.2).request("POST", server.url, b"{}")


def test_a_long_body_waits_for_room() -> None:
    body = bytes(range(256)) * 2000  # several times what a stream has room for at first
    with H2Server(lambda call: Says(200, {"length": len(call.body)})) as server:
        answer = client().request("POST", server.url, body)
    assert answer.body == b'{"length": 512000}'
    assert server.calls[0].body == body


def test_an_answer_is_read_as_far_as_it_is_of_use() -> None:
    text = "x" * 25_000
    with H2Server(lambda _: Says(200, {"text": text})) as server:
        made = client()
        assert len(made.request("GET", server.url).body) == 25_012
        assert made.request("GET", server.url).status == 200


def test_a_server_that_speaks_no_http2_is_told_apart(tmp_path: Path) -> None:
    import ssl

    from tests.destinations.certificates import certificate, server_context

    pem = certificate("localhost")
    with H2Server(lambda _: Says(), server_context(pem, tmp_path)) as server:
        trusts = ssl.create_default_context(cadata=pem.public)
        made = GuardedHTTP(Guard(allow_private=True), 5.0, tls=trusts, http2=True)
        with pytest.raises(Retry, match=r"speaks no HTTP/2|resolved|refused") as caught:
            made.request("GET", server.url)
    assert not isinstance(caught.value, Unanswered)
