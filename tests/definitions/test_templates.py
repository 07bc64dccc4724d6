"""Templates, layouts and snippets: what they may say, by themselves and beside each other."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.definitions import KINDS, DefinitionError, Draft, Id, check
from cdp.definitions.words import Word
from tests.definitions.test_check import nothing_seen

LAYOUT: Id = ("layout", "plain")
FOOT: Id = ("snippet", "foot")
HI: Id = ("template", "hi")


def read(id_: Id, **given: Any) -> Draft:
    return KINDS[id_[0]].read(id_[1], given)


def hi(**more: Any) -> Draft:
    return read(HI, **{"channel": "email", "subject": "Hi", "body": "x", **more})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "channel: Say which way it goes"),
        ({"channel": "fax", "body": "x"}, "channel: It must be email, sms"),
        ({"channel": "email", "body": "x"}, "subject: Say its subject."),
        ({"channel": "sms", "body": "x", "subject": "y"}, "the channel sms has no such field"),
        ({"channel": "sms", "bdoy": "x"}, "Did you mean body?"),
        ({"channel": "sms", "body": "a\n {{ b"}, "body: line 2, column 2: expected '}}'"),
        ({"channel": "sms", "body": "{{ a | nope }}"}, "column 8: there is no filter nope"),
        ({"channel": "sms", "body": "{{ a | append }}"}, "append: missing a required argument"),
        ({"channel": "sms", "body": "{% if a %}"}, "expected tag endif"),
        ({"channel": "sms", "body": "{{ a | in_json__ }}"}, "there is no filter in_json__"),
        ({"channel": "sms", "body": "x", "fallbacks": {"a": "b"}}, "with missing: fallback"),
        ({"channel": "sms", "body": "x", "missing": "fallback", "fallbacks": {'{"a"': "b"}},
         '{"a" is no variable, such as customer.first_name'),
        ({"channel": "webhook", "url": "https://x", "headers": {"a b": "c"}}, "headers.a b: "),
        ({"channel": "push", "title": "x", "ttl": "soon"}, "ttl: It must be a duration"),
        ({"channel": "in_app", "body": "x", "pages": ["("]}, "pages: '(' is no regular"),
        ({"channel": "in_app", "body": "x", "buttons": [{"link": "x"}]}, "Button 1 needs a text"),
        ({"channel": "email", "subject": "a\nb", "body": "x"}, "subject: It must be one line."),
        ({"channel": "email", "subject": "a", "body": "x", "headers": {"Bcc": "x"}}, "l writes"),
        ({"channel": "sms", "body": "x", "utm": {"medum": "x"}}, "utm.medum: There are source"),
        ({"channel": "sms", "body": "x", "locales": {"english": {}}}, "locales.english: It is no"),
        ({"channel": "sms", "body": "x", "locales": {"pl": {"utm": "x"}}}, "pl.utm: A locale"),
        ({"channel": "sms", "body": "x", "locales": {"pl": {"body": 3}}}, "locales.pl.body: Not a"),
        ({"channel": "sms", "body": "x", "locales": {"pl": {"body": "{{"}}}, "pl.body: line 1"),
    ],
)  # fmt: skip
def test_what_a_template_may_not_say(given: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError) as error:
        KINDS["template"].read("hi", given)
    assert said in str(error.value)


def test_what_is_kept_of_a_template() -> None:
    draft = hi(tracked=True, inline_css=True, missing="fail", utm={}, description="")
    assert draft.body == {"channel": "email", "subject": "Hi", "body": "x"}
    assert hi(tracked=False).body["tracked"] is False
    assert list(hi(**{"from": "a@b.c", "topic": "news"}).body) == [
        "channel", "topic", "subject", "body", "from",
    ]  # fmt: skip


def test_a_layout_says_where_messages_go() -> None:
    assert read(LAYOUT, body="<p>{{ content }}</p>").body
    with pytest.raises(DefinitionError, match="does not say where messages go"):
        read(LAYOUT, body="<p></p>")
    with pytest.raises(DefinitionError, match=r"body: Say what it says\."):
        read(FOOT)


def test_what_refers_to_each_other_is_compiled_together() -> None:
    layout, foot = (
        read(LAYOUT, body="<html><body>{{ content }}</body></html>"),
        read(FOOT, body="*x*"),
    )
    template = hi(layout="plain", body="Hi\n{{ snippets.foot }}")
    found = check({}, {HI: template, LAYOUT: layout, FOOT: foot}, nothing_seen)
    assert not any(finding.errors or finding.warnings for finding in found.values())
    alone = check({}, {HI: template}, nothing_seen)[HI].errors
    said = [(fault.text, fault.line) for fault in alone]
    assert ("there is no layout plain.", None) in said
    assert ("there is no snippet foot.", 2) in said
    there = {HI: template.body, LAYOUT: layout.body, FOOT: foot.body}
    gone = check(there, {LAYOUT: None}, nothing_seen)[LAYOUT].errors
    assert [fault.text for fault in gone] == ["plain is used by the template hi (layout)"]
    broken = read(FOOT, body="<a href={{ event.url }}>x</a>")
    found = check(there, {FOOT: broken}, nothing_seen)
    assert "the template hi fails with it: body: put quotes around" in found[FOOT].errors[0].text
    mjml = check(there, {HI: hi(layout="plain", body="<mjml></mjml>")}, nothing_seen)[HI].errors
    assert [(fault.field, fault.text) for fault in mjml] == [
        ("layout", "a body of MJML needs a layout of MJML")
    ]


def test_snippets_that_stand_in_each_other_are_refused() -> None:
    one, two = (
        read(("snippet", "a"), body="{{ snippets.b }}"),
        read(("snippet", "b"), body="{% render 'a' %}"),
    )
    found = check({}, {("snippet", "a"): one, ("snippet", "b"): two}, nothing_seen)
    assert "it would depend on itself" in found["snippet", "a"].errors[0].text


def test_what_is_referred_to_is_renamed() -> None:
    said = "{{ snippets.foot }} {{snippets['foot']}} {% render \"foot\", x: 'foot' %} foot"
    body = {"body": said, "layout": "plain", "channel": "email"}  # fmt: skip
    kind = KINDS["template"]
    new = {
        Word("snippet", "foot"): Word("snippet", "end"),
        Word("layout", "plain"): Word("layout", "x"),
    }
    made = kind.rename(body, new)
    assert (
        made["body"]
        == "{{ snippets.end }} {{snippets['end']}} {% render \"end\", x: 'foot' %} foot"
    )
    assert made["layout"] == "x"
    assert {use.word for use in kind.uses(made)} == {Word("snippet", "end"), Word("layout", "x")}
