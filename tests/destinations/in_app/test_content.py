"""What is taken, and what of it is shown."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import unescape
from typing import Any

import nh3
import pytest
from cdp_inapp import InApp
from cdp_inapp.content import clean, safe_link, shown, tree
from hypothesis import given
from hypothesis import strategies as st

from cdp.plugin import (
    DestinationContext,
    EmailContent,
    InAppContent,
    Outgoing,
    SettingsError,
)
from tests.destinations.in_app.client import channel, message
from tests.destinations.in_app.waiting import SECRET

NOW = 1_800_000_000
KEY = SECRET.encode()


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
