"""The in-app channel: tokens, what is taken, what is shown."""

from __future__ import annotations

import base64
import gzip
import hmac
import json
import threading
import time
from collections.abc import Iterable
from html import unescape
from typing import Any

import jwt
import nh3
import pytest
from cdp_inapp import InApp
from cdp_inapp.channel import script
from cdp_inapp.content import clean, safe_link, shown, tree
from cdp_inapp.reporting import EACH as EACH_MINUTE
from cdp_inapp.reporting import Brake
from cdp_inapp.stream import BEAT_S, EACH, Stream
from cdp_inapp.tokens import MOST_S, BadToken, sign, verify
from hypothesis import given
from hypothesis import strategies as st

from cdp.plugin import (
    DestinationContext,
    EmailContent,
    Forged,
    InAppContent,
    InAppMessage,
    Inbound,
    Outgoing,
    SettingsError,
)
from tests.destinations.in_app import SECRET

NOW = 1_800_000_000
KEY = SECRET.encode()


class Queue:
    """An inbox in memory."""

    def __init__(self, **messages: list[InAppMessage]) -> None:
        self.messages = messages

    def waiting(self, person: tuple[str, str], now: int, limit: int) -> list[InAppMessage]:
        assert person[0] == "user_id"
        return self.messages.get(person[1], [])[:limit]

    def sent(self, person: tuple[str, str], ids: Iterable[str]) -> set[str]:
        return set(ids) & {message.id for message in self.messages.get(person[1], [])}


def message(id_: str = "m1", **content: Any) -> InAppMessage:
    return InAppMessage(id_, InAppContent("u1", **{"title": "Hello", **content}), 1000)


def channel(inbox: Any = None, **settings: Any) -> InApp:
    context = DestinationContext("In app", True)
    context.inbox = inbox or Queue(u1=[message()])
    return InApp({"secret": SECRET, **settings}, context)


def token(user: str = "u1", expires: float | None = None, **claims: Any) -> str:
    payload = {"sub": user, "exp": int(expires or time.time() + 600), **claims}
    return jwt.encode(payload, SECRET, algorithm="HS256")


def ask(method: str, path: str, token: str = "", body: bytes = b"", **headers: str) -> Inbound:
    if token:
        headers["authorization"] = f"Bearer {token}"
    return Inbound(method, path, f"https://x/{path}", {}, headers, body)


# -- tokens --------------------------------------------------------------------------


def test_tokens_are_those_of_an_independent_library() -> None:
    ours = sign(KEY, ("user_id", "u1"), NOW + 60)
    read = jwt.decode(ours, SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert read == {"sub": "u1", "exp": NOW + 60}
    theirs = jwt.encode({"sub": "ü", "exp": NOW + 60, "iat": NOW}, SECRET, algorithm="HS256")
    assert verify([KEY], theirs, NOW) == (("user_id", "ü"), NOW + 60)
    email = sign(KEY, ("email", "a@example.org"), NOW + 60)
    assert verify([KEY], email, NOW).person == ("email", "a@example.org")


def raw(header: Any, payload: Any, key: bytes = KEY, hash_: str = "sha256") -> str:
    parts = [json.dumps(part).encode() for part in (header, payload)]
    text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    signed = hmac.digest(key, text.encode(), hash_) if key else b""
    return text + "." + base64.urlsafe_b64encode(signed).decode().rstrip("=")


GOOD = {"sub": "u1", "exp": NOW + 60}
HS256 = {"alg": "HS256"}


@pytest.mark.parametrize(
    "bad",
    [
        "", "x", "a.b", "a.b.c", "....", "é.é.é", "x" * 5000, " ",
        raw({"alg": "none"}, GOOD, b""), raw({"alg": "none"}, GOOD), raw({"alg": "None"}, GOOD),
        raw({"alg": "hs256"}, GOOD), raw({"alg": ["HS256"]}, GOOD), raw({}, GOOD), raw([], GOOD),
        raw({"alg": "HS512"}, GOOD, hash_="sha512"), raw({"alg": "RS256"}, GOOD),
        raw({**HS256, "crit": ["exp"]}, GOOD),
        raw(HS256, GOOD, b""), raw(HS256, GOOD, b"another secret, 0123456789abcdef0123"),
        raw(HS256, GOOD, KEY + b"x"), raw(HS256, [GOOD]), raw(HS256, "u1"), raw(HS256, None),
        raw(HS256, {"exp": NOW + 60}), raw(HS256, {**GOOD, "sub": 1}),
        raw(HS256, {**GOOD, "sub": ""}),
        raw(HS256, {**GOOD, "sub": "x" * 600}), raw(HS256, {**GOOD, "sub_type": 7}),
        raw(HS256, {"sub": "u1"}), raw(HS256, {**GOOD, "exp": None}),
        raw(HS256, {**GOOD, "exp": "2"}),
        raw(HS256, {**GOOD, "exp": True}), raw(HS256, {**GOOD, "exp": float("inf")}),
        raw(HS256, {**GOOD, "exp": NOW - 61}), raw(HS256, {**GOOD, "exp": NOW + MOST_S + 3600}),
        raw(HS256, {**GOOD, "nbf": NOW + 600}), raw(HS256, {**GOOD, "nbf": "x"}),
        raw(HS256, GOOD)[:-1], raw(HS256, GOOD) + "A", raw(HS256, GOOD) + ".",
        raw(HS256, GOOD) + "\n",
    ],
)  # fmt: skip
def test_every_other_token_is_refused(bad: str) -> None:
    with pytest.raises(BadToken) as error:
        verify([KEY], bad, NOW)
    assert SECRET not in str(error.value)


def test_no_changed_token_is_taken() -> None:
    good = raw(HS256, GOOD)
    assert verify([KEY], good, NOW)
    for at in range(len(good)):
        other = "A" if good[at] != "A" else "B"
        changed = good[:at] + other + good[at + 1 :]
        try:
            # The last letter may have bits that nothing hangs on.
            assert verify([KEY], changed, NOW).person == ("user_id", "u1") and at == len(good) - 1
        except BadToken:
            continue


def test_two_secrets_hold_while_one_is_changed() -> None:
    new = b"the new secret, 0123456789abcdef0123456789"
    for key in (KEY, new):
        assert verify([new, KEY], raw(HS256, GOOD, key), NOW)
    with pytest.raises(BadToken):
        verify([new], raw(HS256, GOOD), NOW)
    changing = channel(secret=f"{new.decode().replace(' ', '_')} {SECRET}")
    assert changing.receive(ask("GET", "messages", token())) is not None


@given(st.text(max_size=60))
def test_no_text_breaks_the_check_of_tokens(text: str) -> None:
    with pytest.raises(BadToken):
        verify([KEY], text, NOW)
    with pytest.raises(BadToken):
        verify([KEY], f"{text}.{text}.{text}", NOW)


# -- settings and delivering ---------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [("secret", ""), ("secret", "short"), ("secret", f"{SECRET} short"), ("poll", 1),
     ("theme", {"accent": "url(https://evil.example)"}),
     ("theme", {"accent": "red;}*{display:none"}),
     ("theme", {"color": "red"})],
)  # fmt: skip
def test_wrong_settings_are_refused(name: str, value: Any) -> None:
    with pytest.raises(SettingsError) as error:
        channel(**{name: value})
    assert name in error.value.errors


def test_the_secret_is_hidden() -> None:
    assert SECRET not in json.dumps(InApp.masked({"secret": SECRET}))


def fate(content: Any) -> Any:
    return channel().deliver([Outgoing("d1", "key-1", content)])[0]


def test_a_message_is_taken_under_its_own_name() -> None:
    receipt = fate(InAppContent("u1", title="Hello", theme={"accent": "#f00"}, pages=("^/a",)))
    assert (receipt.kind, receipt.provider_id) == ("sent", "d1")
    assert channel().keeps_keys


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (InAppContent("u1"), "neither"),
        (InAppContent("u1", title="x", form="toast"), "toast"),
        (InAppContent("u1", title="x", pages=("(",)), "regular expression"),
        (InAppContent("u1", title="x", link="javascript:alert(1)"), "followed"),
        (InAppContent("u1", title="x", buttons=({"text": "a", "link": " data:x"},)), "followed"),
        (InAppContent("u1", title="x", buttons=({"link": "/x"},)), "no text"),
        (InAppContent("u1", title="x", theme={"accent": "}"}), "accent"),
        (InAppContent("u1", title="x", text="y" * 70_000), "bytes"),
        (EmailContent("a@example.org", ("b@example.org",), "Hello"), "no in-app"),
    ],
)
def test_what_could_not_be_shown_has_failed(content: Any, why: str) -> None:
    receipt = fate(content)
    assert receipt.kind == "failed" and why in receipt.reason


def test_it_is_checked_whether_browsers_find_the_client() -> None:
    def state(url: str) -> str:
        return InApp({"secret": SECRET}, DestinationContext("x", True, url)).checks()[0].state

    states = [state(url) for url in ("", "http://cdp.example.org", "https://cdp.example.org")]
    assert states == ["unknown", "warning", "ok"]


# -- what is shown -------------------------------------------------------------------

ATTACKS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>", "<a href='java&#10;script:alert(1)'>x</a>",
    "<a href=' &#x1; javascript:alert(1)'>x</a>", "<iframe srcdoc='<script>alert(1)</script>'>",
    "<p style='background:url(javascript:alert(1))'>x</p>", "<p onclick=alert(1)>x</p>",
    "<form action=//evil><button>x</button></form>", "<style>*{display:none}</style>",
    "<math><mtext></p><script>alert(1)</script>", "<img src='data:text/html,x'>",
    "<base href=//evil>", "<a href='data:text/html;base64,PHNjcmlwdD4='>x</a>",
    "<p><img src='x' srcset='javascript:1' onload='1'></p", "<!--><script>alert(1)</script>-->",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>", "<template><script>1</script>",
]  # fmt: skip


def nodes(node: Any) -> Iterable[Any]:
    if isinstance(node, list):
        yield node
        for child in node[2:]:
            yield from nodes(child)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_runs_is_left_in_content(attack: str) -> None:
    said = shown(message(html=f"before {attack} after"))
    assert "before" in json.dumps(said["body"])
    for top in said["body"]:
        for tag, attributes, *_ in nodes(top):
            assert tag in {"a", "p", "img", "div"}
            assert set(attributes) <= {"href", "src", "rel", "title"}
            for link in (attributes.get("href", ""), attributes.get("src", "")):
                assert not link.lower().strip().startswith(("javascript", "data")), link
    lowered = said["html"].lower()
    for bad in ("<script", "onerror", "onload", "onclick", "style", "<iframe", "<form", "srcset"):
        assert bad not in lowered


@given(st.text(alphabet="<>/=\"'& abhpsrcim!-:;", max_size=80))
def test_the_tree_says_what_the_cleaned_html_says(html: str) -> None:
    def text(node: Any) -> str:
        return node if isinstance(node, str) else "".join(map(text, node[2:]))

    cleaned = clean(html)
    words = "".join(map(text, tree(cleaned)))
    assert clean(cleaned) == cleaned
    # What is left without any tag is the text alone.
    assert words == unescape(nh3.clean(cleaned, tags=set()))


def test_html_becomes_a_tree_and_text_becomes_paragraphs() -> None:
    said = shown(message(html="<p>Hi <b>you</b><br>&amp; <a href='/x'>me</a></p>"))
    link = ["a", {"href": "/x", "rel": "noopener noreferrer"}, "me"]
    assert said["body"] == [["p", {}, "Hi ", ["b", {}, "you"], ["br", {}], "& ", link]]
    plain = shown(message(text="one <b>\n\ntwo"))
    assert plain["html"] == "" and plain["body"] == [["p", {}, "one <b>"], ["p", {}, "two"]]


@pytest.mark.parametrize(
    ("link", "safe"),
    [
        ("https://example.org/a?b#c", True), ("/a", True), ("a/b", True), ("#x", True),
        ("mailto:a@example.org", True), ("myapp://cart", True), ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False), ("java\nscript:alert(1)", False),
        ("\x01javascript:1", False),
        ("data:text/html,x", False), ("vbscript:x", False), ("file:///etc/passwd", False),
        ("", False),
    ],
)  # fmt: skip
def test_links_lead_somewhere_and_run_nothing(link: str, safe: bool) -> None:
    assert (safe_link(link) is not None) == safe


# -- the API -------------------------------------------------------------------------


def body(reply: Any) -> Any:
    assert reply is not None and reply.type.startswith("application/json")
    return json.loads(reply.body)


def test_a_person_gets_their_messages_and_nobody_elses() -> None:
    inbox = Queue(u1=[message("m1"), message("m2", form="modal")], u2=[message("m3")])
    said = body(channel(inbox, poll=60).receive(ask("GET", "messages", token("u1"))))
    assert [each["id"] for each in said["messages"]] == ["m1", "m2"]
    assert (said["unread"], said["poll"], said["stream"]) == (1, 60, True)
    assert said["messages"][0]["sent_at"] == "1970-01-01T00:00:01.000Z"
    assert body(channel(inbox).receive(ask("GET", "messages", token("u9"))))["messages"] == []


@pytest.mark.parametrize("path", ["messages", "stream"])
def test_without_a_good_token_nobody_gets_anything(path: str) -> None:
    for wrong in ("", "wk_a_write_key", token("u1", time.time() - 3600), token()[:-2]):
        with pytest.raises(Forged):
            channel().receive(ask("GET", path, wrong))
    basic = {"authorization": "Basic " + token()}
    with pytest.raises(Forged):
        channel().receive(Inbound("GET", path, "", {"token": token()}, basic, b""))


def test_there_is_nothing_else() -> None:
    assert channel().receive(ask("GET", "other")) is None
    assert channel().receive(ask("GET", "")) is None
    reply = channel().receive(ask("DELETE", "messages", token()))
    assert reply is not None and reply.status == 405


def say(*events: Any, as_user: str = "u1", in_body: bool = True, **more: Any) -> Any:
    said: dict[str, Any] = {"events": list(events), **more}
    if in_body:
        said["token"] = token(as_user)
    header = "" if in_body else token(as_user)
    return channel().receive(ask("POST", "events", header, json.dumps(said).encode()))


@pytest.mark.parametrize("in_body", [True, False])
def test_events_become_reports(in_body: bool) -> None:
    at = time.time() * 1000 - 5000
    reply = say(
        {"id": "m1", "type": "shown", "at": at},
        {"id": "m1", "type": "clicked", "ref": "r-1", "link": "https://x/", "button": "Go"},
        {"id": "m1", "type": "dismissed"},
        in_body=in_body,
    )
    assert body(reply) == {"taken": 3, "unknown": []}
    opened, clicked, dismissed = reply.reports
    assert (opened.kind, opened.id, opened.delivery) == ("opened", "m1:shown", "m1")
    assert opened.at == int(at)
    assert (clicked.id, clicked.detail) == (
        "m1:clicked:r-1",
        {"href": "https://x/", "link_id": "Go"},
    )
    assert (dismissed.kind, dismissed.id) == ("dismissed", "m1:dismissed")


def test_what_is_told_again_has_the_same_name() -> None:
    event = {"id": "m1", "type": "clicked", "link": "/a", "at": 1}
    assert say(event).reports[0].id == say(event).reports[0].id
    assert say(event).reports[0].id != say({**event, "link": "/b"}).reports[0].id


def test_another_persons_message_cannot_be_marked() -> None:
    reply = say({"id": "m1", "type": "dismissed"}, {"id": "nobodys", "type": "shown"}, as_user="u2")
    assert reply.reports == [] and body(reply) == {"taken": 0, "unknown": ["m1", "nobodys"]}


def test_a_clock_that_is_wrong_is_not_believed() -> None:
    now = time.time() * 1000
    future, past = say(
        {"id": "m1", "type": "shown", "at": now + 1e12}, {"id": "m1", "type": "shown", "at": -1e300}
    ).reports
    assert abs(future.at - now) < 60_000 and past.at > now - 8 * 86_400_000


@pytest.mark.parametrize(
    "bad",
    [b"", b"[]", b"null", b"{", b"\xff", b'{"events": 1}', b'{"events": [{"id": 1}]}',
     b'{"events": [{"id": "m1", "type": "loved"}]}', b"[" * 60_000,
     json.dumps({"events": [{"id": "m1", "type": "shown"}] * 101}).encode()],
)  # fmt: skip
def test_events_that_say_nothing_are_refused(bad: bytes) -> None:
    reply = channel().receive(ask("POST", "events", token(), bad))
    assert reply is not None and reply.status == 400 and not reply.reports
    assert body(reply)["error"]


def test_events_need_a_token_too() -> None:
    said = {"events": [{"id": "m1", "type": "shown"}]}
    for more in ({}, {"token": "x"}, {"token": token("u1", time.time() - 3600)}):
        with pytest.raises(Forged):
            channel().receive(ask("POST", "events", "", json.dumps(said | more).encode()))


def test_no_single_person_keeps_the_store_busy() -> None:
    time_ = [0.0]
    brake = Brake(lambda: time_[0])
    assert [brake.lets(("user_id", "u1")) for _ in range(EACH_MINUTE + 1)][-2:] == [True, False]
    assert brake.lets(("user_id", "u2"))
    time_[0] = 60.0
    assert brake.lets(("user_id", "u1"))
    made, said = channel(), json.dumps({"events": []}).encode()
    replies: list[Any] = [
        made.receive(ask("POST", "events", token(), said)) for _ in range(EACH_MINUTE * 2 + 1)
    ]
    assert replies[-1].status == 429 and "Retry-After" in replies[-1].headers


# -- streams -------------------------------------------------------------------------


def test_a_stream_tells_of_changes_and_gives_a_sign_of_life() -> None:
    time_, stopped, ended = [0.0], threading.Event(), []
    state = [b'{"a":1}']
    stream = Stream(lambda: state[0], 100.0, stopped, lambda: ended.append(1), lambda: time_[0])
    assert next(stream) == b'retry: 2000\nevent: messages\ndata: {"a":1}\n\n'
    time_[0] = BEAT_S
    assert next(stream) == b": still here\n\n"
    state[0] = b'{"a":2}'
    assert next(stream) == b'event: messages\ndata: {"a":2}\n\n'
    time_[0] = 101.0
    assert list(stream) == [] and ended == [1]
    stream.close()
    assert ended == [1]


def test_streams_end_when_the_channel_is_closed() -> None:
    made = channel()
    reply = made.receive(ask("GET", "stream", token()))
    assert reply is not None and reply.type == "text/event-stream"
    assert b'"m1"' in next(iter(reply.body))  # type: ignore[arg-type]
    made.close()
    assert list(reply.body) == []


def test_one_person_has_so_many_streams_and_no_more() -> None:
    made = channel()
    replies: list[Any] = [made.receive(ask("GET", "stream", token())) for _ in range(EACH + 1)]
    assert [reply.status for reply in replies] == [200] * EACH + [503]
    assert int(replies[-1].headers["Retry-After"]) > 0
    assert made.receive(ask("GET", "stream", token("u2"))).status == 200  # type: ignore[union-attr]
    replies[0].body.close()  # never begun
    assert made.receive(ask("GET", "stream", token())).status == 200  # type: ignore[union-attr]


def test_streams_can_be_switched_off() -> None:
    reply = channel(stream=False).receive(ask("GET", "stream", token()))
    assert reply is not None and reply.status == 503 and "Retry-After" in reply.headers


def test_a_stream_ends_with_its_token() -> None:
    made = channel()
    reply = made.receive(ask("GET", "stream", token("u1", time.time() - 30)))
    assert reply is not None and list(reply.body) == []


# -- the script ----------------------------------------------------------------------


def test_the_client_is_at_most_5_kb() -> None:
    plain, packed, _ = script()
    assert len(packed) <= 5 * 1024
    assert gzip.decompress(packed) == plain
    for forbidden in (b"innerHTML", b"eval(", b"Function(", b".cssText", b"setAttribute('style"):
        assert forbidden not in plain


def test_the_client_comes_gzipped_or_not_or_not_at_all() -> None:
    made = channel()
    packed: Any = made.receive(ask("GET", "client.js", **{"accept-encoding": "gzip, br"}))
    plain: Any = made.receive(ask("GET", "client.js"))
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"]
    assert plain.type.startswith("text/javascript") and "max-age" in plain.headers["Cache-Control"]
    again: Any = made.receive(ask("GET", "client.js", **{"if-none-match": plain.headers["ETag"]}))
    assert again.status == 304 and again.body == b""
