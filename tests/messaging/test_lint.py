"""What looks wrong about templates, and what doesn't."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.messaging.lint import Finding, lint

GOOD: dict[str, Any] = {
    "channel": "email", "subject": "Your order {{ event.id | default: '' }} is on its way",
    "preheader": "It comes tomorrow", "topic": "orders",
    "body": '<p>Hello</p><p><a href="https://shop.example/{{ event.id | default: 0 }}">See it</a>'
            '<img src="https://shop.example/a.png" alt=""> <a href="#top">up</a>'
            '<a href="mailto:a@shop.example">ask</a> <a href="{% unsubscribe_url %}">leave</a></p>',
}  # fmt: skip


def codes(**more: Any) -> set[tuple[str, str, str]]:
    body = {**GOOD, **more}
    return {(f.level, f.code, f.field) for f in lint("t", {k: v for k, v in body.items() if v})}


def body(text: str) -> set[tuple[str, str, str]]:
    return codes(body=text, topic=None)


def test_a_good_template_is_let_be() -> None:
    assert lint("t", GOOD) == []


@pytest.mark.parametrize(
    ("text", "level", "code"),
    [
        ('<p>x<a href="">y</a></p>', "error", "empty_link"),
        ('<p>x<a href="#">y</a></p>', "error", "empty_link"),
        ('<p>x<a href="mailto:">y</a></p>', "error", "empty_link"),
        ('<p>x<a href="/orders">y</a></p>', "error", "relative_link"),
        ('<p>x<a href="www.shop.example">y</a></p>', "error", "relative_link"),
        ('<p>x<a href="https:///x">y</a></p>', "error", "broken_link"),
        ('<p>x<a href="https://shop">y</a></p>', "error", "broken_link"),
        ('<p>x<a href="http://shop.example">y</a></p>', "warning", "http_link"),
        ('<p>x<a href="https://bit.ly/x">y</a></p>', "warning", "short_link"),
        ('<p>x<a href="javascript:x()">y</a></p>', "error", "harmful_link"),
        ('<p>x<img src="https://shop.example/a.png"></p>', "warning", "no_alt"),
        ('<p>x<img src="" alt="a"></p>', "error", "broken_image"),
        ('<p>x<img src="a.png" alt="a"></p>', "error", "relative_link"),
        ('<p>x<img src="data:image/png;base64,x" alt="a"></p>', "warning", "data_image"),
        ('<p><img src="https://shop.example/a.png" alt=""></p>', "warning", "only_images"),
        ("<p>x<script>y()</script></p>", "warning", "dropped"),
        ("<p>x [leave]({% unsubscribe_url %})</p>", "warning", "markdown"),
        ("<p>" + "x" * 105_000 + "</p>", "error", "size"),
        ("<p>{{ event.id }}</p>", "warning", "no_default"),
        ("<p>{% for i in event.items %}{% endfor %}x</p>", "warning", "no_default"),
        ("<p>{{ event.id }", "error", "compile"),
        ("<p>{{ snippets.gone }}", "error", "compile"),
    ],
)  # fmt: skip
def test_what_is_found_in_a_body(text: str, level: str, code: str) -> None:
    assert (level, code, "body") in body(text)


def test_an_address_is_shown_whole() -> None:
    far = "http://images.shop.example/" + "/".join(["campaigns"] * 9) + "/hero.png"
    link = '<a href="http://shop.example/{{ event.id }}">y</a>'
    text = f'<p>x<img src="{far}" alt="a">{link}</p>'
    told = {f.text for f in lint("t", {**GOOD, "body": text, "topic": None})}
    assert f"the image {far} is not https" in told
    assert "http://shop.example/{{…}} is not https" in told
    huge = f'<p>x<img src="{far}{"x" * 5000}.png" alt="a"></p>'
    [said] = [f.text for f in lint("t", {**GOOD, "body": huge, "topic": None})]
    assert len(said) < 350 and said.endswith("xxx.png is not https")


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ("x" * 71, "subject_long"),
        ("LAST CHANCE TO BUY", "subject_loud"),
        ("Buy now!!!", "subject_loud"),
        ("RE: your order", "subject_false"),
    ],
)
def test_what_is_found_in_a_subject(subject: str, code: str) -> None:
    assert codes(subject=subject) == {("warning", code, "subject")}


def test_what_is_found_elsewhere() -> None:
    assert codes(preheader=None) == {("hint", "no_preheader", "preheader")}
    assert codes(headers={"Precedence": "bulk"}) == {("warning", "header", "headers.Precedence")}
    assert codes(body="<p>x</p>") == {
        ("error", "no_unsubscribe", "body"), ("error", "no_unsubscribe", "text"),
    }  # fmt: skip
    assert codes(text="Hello") == {("error", "no_unsubscribe", "text")}
    local = {"pl": {"subject": "A!!!", "body": '<p>x<a href="">y</a>{% unsubscribe_url %}</p>'}}
    assert codes(locales=local) == {
        ("warning", "subject_loud", "locales.pl.subject"),
        ("error", "empty_link", "locales.pl.body"),
    }
    guarded = "<p>{% if event.x %}{{ event.x }}{% endif %}{{ event.y }}x</p>"
    assert body(guarded) == {("warning", "no_default", "body")}
    assert lint("t", {"channel": "sms", "body": "{{ event.y }}", "missing": "allow"}) == []
    falls = {"channel": "sms", "body": "{{ event.y }}", "missing": "fallback"}
    assert lint("t", {**falls, "fallbacks": {"event.y": "x"}}) == []
    assert [f.code for f in lint("t", falls)] == ["no_default"]


def test_other_channels() -> None:
    def found(**given: Any) -> list[tuple[str, str]]:
        return [(f.level, f.code) for f in lint("t", given)]

    assert found(channel="sms", body="x" * 500) == [("warning", "long")]
    assert found(channel="sms", body="https://bit.ly/x") == [("warning", "short_link")]
    assert found(channel="sms", body="Sale", topic="news") == [("warning", "no_unsubscribe")]
    assert found(channel="sms", body="Sale. STOP to end", topic="news") == []
    assert found(channel="push", title="x" * 60, body="y") == [("warning", "long")]
    assert found(channel="in_app", body='<a href="/x">y</a>') == [("error", "relative_link")]
    hook = {"channel": "webhook", "url": "https://x.example"}
    assert found(**hook, body='{"a": "{{ a | default: 1 }}", "b": {{ b | to_json }}}')[:1] == [
        ("warning", "no_default")
    ]
    assert ("error", "json") in found(**hook, body='{"a": }')
    assert ("warning", "json") in found(**hook, body='{"a": {{ a | default: 1 }}}')
    assert found(channel="webhook", url="http://x.example") == [("warning", "http_link")]


def test_errors_come_first_with_their_lines() -> None:
    findings = lint("t", {**GOOD, "body": 'x\n\n{{ event.n }} <a href="">y</a>', "topic": None})
    assert findings == [
        Finding("error", "empty_link", "body", "a link leads nowhere"),
        Finding("warning", "no_default", "body",
                "event.n has no default: who lacks it gets no message", 3),
    ]  # fmt: skip
