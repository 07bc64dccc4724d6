"""Liquid as templates have it: values, what is missing, filters, and bounds."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from cdp.messaging.templates import MissingVariable, RenderError, compile_template
from tests.messaging.templates.shop import ANA, NOW, html, text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Hi {{ customer.first_name }}", "Hi Ana"),
        ("Hi {{ customer.nick | default: 'there' }}", "Hi there"),
        ("{{ customer.nick | upcase | default: 'there' }}", "there"),
        ("{{ customer.nothing | default: 'x' }}", "x"),
        ("{{ customer.first_name | upcase | append: '!' }}", "ANA!"),
        ("{{ event.total }} {{ event.items.size }} {{ event.items[1].name }}", "42.5 2 Sock & Co"),
        ("{{ event.items.first.name }} {{ event['order_id'] }}", "Shoe A-1"),
        ("{% for i in event.items %}{{ forloop.index }}. {{ i.name }} {% endfor %}",
         "1. Shoe 2. Sock & Co "),
        ("{% for i in event.nope %}x{% else %}none{% endfor %}", "none"),
        ("{% if customer.nick %}a{% elsif customer.nick.size > 0 %}b{% else %}c{% endif %}", "c"),
        ("{% if customer.plan == 'pro' and customer.vip != true %}yes{% endif %}", "yes"),
        ("{% assign n = customer.first_name %}{{ n }} {{ n | downcase }}", "Ana ana"),
        ("{% capture x %}<{{ customer.plan }}>{% endcapture %}{{ x }}", "<pro>"),
        ("{% assign customer = 'x' %}{{ customer }}", "x"),
        ("{{ true }} {{ customer.plan | split: '' | join: '-' }}", "true p-r-o"),
        ("{{ event.items.first }}", '{"name": "Shoe", "price": 30}'),
        ("{% raw %}{{ x }}{% endraw %}{% comment %}{{ y }}{% endcomment %}", "{{ x }}"),
        ("{{ 'now' | date: '%Y-%m-%d' }} {{ now | date: '%H' }}", "2026-01-01 00"),
        ("{{ 1767225600 | timezone: 'Europe/Warsaw' | date: '%H:%M' }}", "01:00"),
        ("{{ '2026-03-01T10:00:00+02:00' | date: '%-d %B %H:%M' }}", "1 March 10:00"),
        ("{{ 1234567.891 | format_number: 2 }} {{ 1234 | format_number }}", "1,234,567.89 1,234"),
        ("{{ 1234.5 | currency: 'EUR' }} {{ '3' | currency: 'USD', 'de' }}", "€1,234.50 3,00\xa0$"),
        ("{{ 'a' | md5 }}", hashlib.md5(b"a").hexdigest()),
        ("{{ 'a' | sha1 }}", hashlib.sha1(b"a").hexdigest()),
        ("{{ 'a' | sha256 }}", hashlib.sha256(b"a").hexdigest()),
        ("{{ 'a' | base64 }}{{ 'YQ==' | base64_decode }}", "YQ==a"),
        ("{{ event.items.first | to_json }}", '{"name": "Shoe", "price": 30}'),
    ],
)  # fmt: skip
def test_what_is_said(source: str, said: str) -> None:
    assert text(source) == said


@pytest.mark.parametrize(
    ("source", "variable"),
    [
        ("{{ customer.nick }}", "customer.nick"),
        ("{{ customer.nothing }}", "customer.nothing"),
        ("{{ customer.address.city | upcase }}", "customer.address.city"),
        ("{{ event.items[7].name }}", "event.items[7].name"),
        ("{{ 'a' | append: customer.nick }}", "customer.nick"),
        ("{% for i in event.items %}{{ i.size_of }}{% endfor %}", "i.size_of"),
        ("{% for i in event.nope %}{{ i }}{% endfor %}", "event.nope"),
        ("{% assign x = customer.nick %}{{ x }}", "customer.nick"),
        ("{% echo customer.nick %}", "customer.nick"),
        ("{{ nobody }}", "nobody"),
    ],
)
def test_a_missing_variable_fails_the_message_by_name(source: str, variable: str) -> None:
    with pytest.raises(MissingVariable) as error:
        text(source)
    assert error.value.variable == variable
    assert str(error.value) == f"body: {variable} has no value and no default"


def test_a_template_may_fall_back_or_allow_it() -> None:
    said = "Hi {{ customer.nick }}{% for i in event.nope %}{{ i }}{% endfor %}!"
    falls = {"missing": "fallback", "fallbacks": {"customer.nick": "you", "event.nope": ""}}
    assert text(said, **falls) == "Hi you!"
    with pytest.raises(MissingVariable, match=r"customer\.other"):
        text("{{ customer.other }}", **falls)
    compiled = compile_template("t", {"channel": "sms", "body": said, "missing": "allow"})
    made = compiled.render(ANA, now=NOW)
    assert made.fields["text"] == "Hi !"
    assert made.allowed == ("customer.nick", "event.nope")


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..1000000000) %}{% endfor %}",
        "{% for i in (1..5000) %}{% for j in (1..5000) %}a{% endfor %}{% endfor %}",
        "{{ (1..100000000000) | join }}",
        "{{ (1..100000000) | reverse | first }}",
        "{% assign x = 'aa' %}{% for i in (1..60) %}{% assign x = x | append: x %}{% endfor %}",
        "{% assign x = 'a' %}{% for i in (1..30) %}{% assign x = x | append: x %}"
        "{% endfor %}{{ x | replace: 'a', x }}",
        "{% assign x = 9 %}{% for i in (1..99) %}{% assign x = x | times: x %}{% endfor %}{{ x }}",
        "{% for i in (1..9000) %}{{ event.big }}{% endfor %}",
        "{{ event.total | divided_by: 0 }}",
        "{{ event.items | timezone: 'Europe/Warsaw' }}",
        "{{ 0 | timezone: '../../etc/passwd' }}",
        "{{ 'x' | currency: 'EUR' }}",
        "{% break %}",
        "{% unsubscribe_url %}",
    ],
)
def test_no_template_hangs_or_eats_memory(source: str) -> None:
    scope: dict[str, Any] = {"event": {**ANA["event"], "big": "x" * 30_000}}
    with pytest.raises(RenderError):
        compile_template("t", {"channel": "sms", "body": source}).render(scope, now=NOW)


def test_data_is_escaped_in_html_alone_and_what_the_author_writes_is_not() -> None:
    hostile = {"customer": {"first_name": "<script>alert('1')</script>"}}
    said = html("<p>{{ customer.first_name }} {{ 'a' | append: '<br>' }}</p>", hostile)
    assert "<script" not in said and "&lt;script&gt;" in said and "a<br>" in said
    assert "<script>" in text("{{ customer.first_name }}", hostile)
    assert "<b>x</b>" in html("<p>{{ event.html | safe }}</p>", {"event": {"html": "<b>x</b>"}})
    loop = "<p>{% for i in event.items %}{{ i }}{{ i | upcase }}{% endfor %}</p>"
    assert "<b>" not in html(loop, {"event": {"items": ["<b>"]}})
    kept = "<p>{% capture x %}{{ event.x }}{% endcapture %}{{ x }}{{ event }}</p>"
    assert "<b>" not in html(kept, {"event": {"x": "<b>"}})
