"""Emails: Markdown, MJML and HTML, layouts and snippets, links, the text beside the HTML."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cdp.messaging.templates import (
    MissingVariable,
    RenderError,
    TemplateError,
    Urls,
    compile_template,
)
from cdp.plugin.messages import EmailContent
from tests.messaging.templates.shop import ANA, NOW, URLS, email, html, rendered

MARKDOWN = """\
# Thanks, {{ customer.first_name | default: "friend" }}

You bought, for **{{ event.total | currency: "EUR" }}**:

{% for i in event.items %}
- {{ i.name }}
{% endfor %}

[See it]({{ event.url }}), or <a href="{% unsubscribe_url %}">leave</a>.
"""
MJML = """\
<mjml><mj-body>
  {% if event.total > 10 %}<mj-section><mj-column>
    {% for i in event.items %}
    <mj-text><b class="{{ i.kind | default: "x > y" }}">{{ i.name }}</b> &amp; more</mj-text>
    {% endfor %}
    <mj-button href="{{ event.url }}">See {{ event.order_id }}</mj-button>
    <mj-table>{% for i in event.items %}<tr><td>{{ i.price }}</td></tr>{% endfor %}</mj-table>
    <mj-image src="{{ event.image | default: "https://shop.example/a.png" }}" alt="A shoe" />
  </mj-column></mj-section>{% endif %}
</mj-body></mjml>
"""


def test_markdown() -> None:
    made = rendered(email(MARKDOWN, preheader="{{ event.items.size }} <things>"))
    said, plain = made.fields["html"], made.fields["text"]
    assert "Thanks, Ana</h1>" in said and "<strong" in said and "Sock &amp; Co</li>" in said
    assert 'href="https://shop.example/orders/A-1?a=1&amp;b=2"' in said
    assert 'href="https://shop.example/u?t=1&amp;p=2"' in said
    assert said.index("2 &lt;things&gt;") < said.index("Thanks") and "things" not in plain
    assert plain.startswith("Thanks, Ana\n\nYou bought, for €42.50:\n")
    assert "- Shoe\n" in plain and "- Sock & Co\n" in plain
    assert "See it (https://shop.example/orders/A-1?a=1&b=2), or leave (" in plain
    assert "{" not in plain


def test_mjml_with_liquid_in_attributes_in_texts_and_between_elements() -> None:
    made = rendered(email(MJML))
    said = made.fields["html"]
    assert said.count('class="x &gt; y"') == 0 and said.count('class="x > y"') == 2
    assert "Sock &amp; Co</b> &amp; more" in said and "See A-1</a>" in said
    assert re.search(r"<tr><td>30</td></tr><tr><td>12.5</td></tr></table>", said)
    assert 'src="https://shop.example/a.png"' in said and "{" not in made.fields["text"]
    assert "lq0x" not in said and "fonts.googleapis.com" not in said
    assert "See A-1 (https://shop.example/orders/A-1?a=1&b=2)" in made.fields["text"]
    assert "Shoe" not in html(MJML, {**ANA, "event": {**ANA["event"], "total": 1}})


def test_html_with_its_css_inlined() -> None:
    page = (
        "<!doctype html><html><head><style>p { color: red } @media (max-width: 9px) { p { margin:"
        " 0 } }</style></head><body><table>{% for i in event.items %}<tr><td>{{ i.name }}</td></tr>"
        '{% endfor %}</table><p style="width: {{ event.total }}px">x</p></body></html>'
    )
    said = rendered(email(page)).fields["html"]
    assert '<p style="color: red;width: 42.5px">' in said and "@media" in said
    assert "<tbody><tr><td>Shoe</td></tr><tr><td>Sock &amp; Co</td></tr></tbody>" in said
    assert "color: red;width" not in rendered(email(page, inline_css=False)).fields["html"]


def test_a_layout_and_snippets_are_put_in() -> None:
    layouts = {
        "page": {"body": "<html><body><h1>Shop</h1>{{ content }}{{ snippets.foot }}</body></html>"},
        "mj": {"body": "<mjml><mj-body><mj-section><mj-column><mj-text>{{ content }}</mj-text>"
                       "</mj-column></mj-section></mj-body></mjml>"},
    }  # fmt: skip
    snippets = {
        "foot": {"body": "<i>{{ snippets['who'] }}</i>", "locales": {"pl": {"body": "<i>Pa</i>"}}},
        "who": {"body": "Bye {{ customer.first_name }}"},
        "item": {"body": "<b>{{ item.name }} {{ size }}</b>"},
    }
    known: dict[str, Any] = {"layouts": layouts, "snippets": snippets}
    said = html("Hello *you*", layout="page", **known)
    assert said.index("Shop") < said.index("<em>you</em>") < said.index("<i>Bye Ana</i>")
    assert "<i>Pa</i>" in html(
        "Hello", layout="page", locale="pl-PL", locales={"pl": {"body": "Cześć"}}, **known
    )
    assert "<em>you</em>" in html("Hello *you*", layout="mj", **known)
    said = html("<div>{% render 'item' for event.items, size: 'L' %}</div>", **known)
    assert "<b>Shoe L</b><b>Sock &amp; Co L</b>" in said
    assert "<b>Shoe M</b>" in html(
        "<p>{% render 'item' with event.items[0], size: 'M' %}</p>", **known
    )
    for body, more, text in (
        ("{{ snippets.gone }}", {}, "there is no snippet gone"),
        ("x", {"layout": "gone"}, "there is no layout gone"),
        ("<mjml></mjml>", {"layout": "page"}, "needs a layout of MJML"),
    ):
        with pytest.raises(TemplateError, match=text):
            html(body, **more, **known)
    circle = {"a": {"body": "{{ snippets.b }}"}, "b": {"body": "{{ snippets.a }}"}}
    with pytest.raises(TemplateError, match="the snippet a is inside of itself: a → b → a"):
        html("{{ snippets.a }}", snippets=circle)


def test_links_are_counted_and_get_parameters() -> None:
    body = (
        '<p><a href="https://x.example/a?b=1&amp;c=2#d">a</a><a href="{{ event.url }}">b</a>'
        '<a class="untracked" href="https://x.example/">c</a><a href="mailto:a@b.c">d</a>'
        '<a href="#top">e</a><a href="{% unsubscribe_url %}">f</a><a href="https://x.example/'
        '{{ event.order_id }}?utm_source=own">g</a>'
        "<a href=\"{% cio_link url:'https://x.example/h' track:false url_params:false %}\">h</a>"
        "</p>"
    )
    seen: list[str] = []

    def rewrite(url: str) -> str:
        seen.append(url)
        return f"https://t.example/?n={len(seen)}&x=<"

    utm = {"source": "mail", "campaign": "{{ customer.plan }} & co"}
    said = html(body, utm=utm, rewrite=rewrite)
    assert seen == [
        "https://x.example/a?b=1&c=2&utm_source=mail&utm_campaign=pro%20%26%20co#d",
        "https://shop.example/orders/A-1?a=1&b=2&utm_source=mail&utm_campaign=pro%20%26%20co",
        "https://x.example/A-1?utm_source=own&utm_campaign=pro%20%26%20co",
    ]
    found = re.findall(r'href="([^"]*)"', said)
    assert found == [
        "https://t.example/?n=1&amp;x=&lt;", "https://t.example/?n=2&amp;x=&lt;",
        "https://x.example/?utm_source=mail&amp;utm_campaign=pro%20%26%20co", "mailto:a@b.c",
        "#top", "https://shop.example/u?t=1&amp;p=2", "https://t.example/?n=3&amp;x=&lt;",
        "https://x.example/h",
    ]  # fmt: skip
    seen.clear()
    html(body, tracked=False, rewrite=rewrite)
    assert seen == []


def test_the_pixel_stands_at_the_end() -> None:
    said = html("Hi", urls=Urls(pixel="https://t.example/o?a=1&b=2"))
    assert said.rstrip().endswith(
        '<img src="https://t.example/o?a=1&amp;b=2" width="1" height="1" alt=""></body></html>'
    )
    assert "<img" not in html("Hi")


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", " JaVaScRiPt:x", "java\nscript:x", "data:text/html,x", "vbscript:x",
     "\x01javascript:x", "file:///etc/passwd"],
)  # fmt: skip
@pytest.mark.parametrize(
    "body",
    ['<a href="{{ event.url }}">x</a>', '<img src="{{ event.url }}">', "[x]({{ event.url }})",
     "<a href=\"{% cio_link url: event.url %}\">x</a>", "![x]({{ event.url }})",
     '<p>{% for i in event.l %}<a href="{{ i }}">x</a>{% endfor %}</p>'],
)  # fmt: skip
def test_data_leads_nowhere_harmful(url: str, body: str) -> None:
    with pytest.raises(RenderError, match="a link would lead to"):
        html(body, {"event": {"url": url, "l": [url]}})


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p><a href={{ event.url }}>x</a></p>", "put quotes around the value of href"),
        ("<p {{ event.url }}>x</p>", "a value can't make attributes"),
        ('<p onclick="{{ event.url }}">x</p>', "onclick can't hold Liquid"),
        ("<mjml><mj-body><mj-nothing/></mj-body></mjml>", "there is no element mj-nothing"),
        ("<mjml><mj-body><mj-section></mj-body></mjml>", "MJML: "),
        ("<mj-section><mj-column><mj-social>{% if a %}<mj-social-element/>{% endif %}</mj-social>"
         "</mj-column></mj-section>", "between the parts of mj-social"),
    ],
)  # fmt: skip
def test_what_data_could_turn_round_is_refused(body: str, text: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(text)):
        html(body)


def test_data_in_css_is_one_value() -> None:
    evil = "red;position:fixed;background:url(https://evil.example)} p{x"
    scope = {"event": {"color": evil, "ok": "rgb(1, 2, 3)", "n": 1.5, "image": "https://x/')a.png"}}
    said = html(
        '<style>p { color: {{ event.color }} }</style><p style="color: {{ event.ok }}; width: '
        '{{ event.n }}px">x</p><p style="color: {{ event.color }}">y</p>', scope,
    )  # fmt: skip
    assert "evil.example" not in said and "position:" not in said
    assert "rgb(1, 2, 3)" in said and "1.5px" in said
    said = html(
        '<mjml><mj-body><mj-section background-color="{{ event.color }}" background-url="'
        '{{ event.image }}"><mj-column><mj-text color="{{ event.ok }}" css-class="a;b">x</mj-text>'
        "</mj-column></mj-section></mj-body></mjml>", scope,
    )  # fmt: skip
    assert "evil.example" not in said and "rgb(1, 2, 3)" in said and "https://x/%27%29a.png" in said


def test_headers_stay_single_lines_and_addresses_single() -> None:
    body = email(
        "x", "Hi {{ customer.first_name }}", headers={"X-Order": "{{ event.id }}"},
        reply_to="{{ event.reply }}", **{"from": "{{ event.agent }} <help@shop.example>"},
    )  # fmt: skip
    scope = {
        "customer": {"first_name": "Ana\r\nBcc: eve@example.org\x00"},
        "event": {"id": "1\n2", "agent": 'Eve <eve@example.org>, "x', "reply": "a@example.org"},
    }
    fields = rendered(body, scope).fields
    assert fields["subject"] == "Hi Ana Bcc: eve@example.org"
    assert fields["headers"] == {"X-Order": "1 2"}
    assert fields["sender"] == "Eve eveexample.org x <help@shop.example>"
    assert fields["reply_to"] == "a@example.org"
    scope["event"]["reply"] = "a@example.org, eve@example.org"
    with pytest.raises(RenderError, match="no address"):
        rendered(body, scope)
    with pytest.raises(RenderError, match="subject: the subject is empty"):
        rendered(email("x", "{{ event.s }}"), {"event": {"s": "\n"}})


def test_locales_fall_back_to_wider_ones() -> None:
    body = email(
        "Hello *you*", "Hello",
        locales={"pt": {"subject": "Olá"}, "pt-BR": {"subject": "Oi", "body": "Oi *você*"},
                 "ar": {"body": "<p>مرحبا</p>"}},
    )  # fmt: skip
    compiled = compile_template("t", body)
    said = {name: compiled.render(ANA, name, URLS, None, NOW) for name in
            ("", "en", "pt", "pt-PT", "pt_br", "ar-EG")}  # fmt: skip
    assert {name: (made.locale, made.fields["subject"]) for name, made in said.items()} == {
        "": ("", "Hello"), "en": ("", "Hello"), "pt": ("pt", "Olá"), "pt-PT": ("pt", "Olá"),
        "pt_br": ("pt-BR", "Oi"), "ar-EG": ("ar", "Hello"),
    }  # fmt: skip
    assert '<html lang="ar" dir="rtl">' in said["ar-EG"].fields["html"]
    assert "<em>você</em>" in said["pt_br"].fields["html"]


def test_the_text_can_be_written_by_hand_and_the_content_is_finished_by_the_sender() -> None:
    made = rendered(
        email("Hi", text="By hand, {{ customer.first_name }}\n", amp="<p>{{ event.total }}")
    )
    content = made.content(sender="shop@example.org", to=("ana@example.org",))
    assert isinstance(content, EmailContent)
    assert (content.text, content.amp) == ("By hand, Ana\n", "<p>42.5")
    assert (content.subject, content.to) == ("Hi", ("ana@example.org",))
    with pytest.raises(MissingVariable) as error:
        rendered(email("Hi", text="{{ customer.nick }}"))
    assert error.value.where == "text"
