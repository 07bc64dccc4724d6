"""Blocks: what they become, and that nothing they say becomes markup."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.definitions import KINDS, DefinitionError
from cdp.messaging.templates import TemplateError, Urls, compile_template
from cdp.messaging.templates.building import faults, finished, formatted, mjml

URLS = Urls("https://shop.example/u/1", "https://shop.example/p/1", "https://shop.example/v/1")
BLOCKS: list[dict[str, Any]] = [
    {"type": "heading", "text": "Hello {{ customer.first_name | default: 'you' }}"},
    {"type": "text", "text": "**Two** things & more:\n\n- one\n- [two]({{ event.url }})"},
    {"type": "image", "src": "https://i.example/a.png?a=1&b=2", "alt": 'A "shoe"', "width": 200,
     "link": "https://shop.example/shoe"},
    {"type": "button", "text": "See {{ event.name }}", "link": "{{ event.url }}",
     "align": "center"},
    {"type": "divider"},
    {"type": "spacer", "height": 40},
    {"type": "columns", "left": [{"type": "text", "text": "left"}],
     "right": [{"type": "button", "text": "right", "link": "https://shop.example/r"}]},
    {"type": "footer", "text": "Shop Ltd", "unsubscribe": "Leave", "preferences": "Choose"},
]  # fmt: skip
SCOPE = {"customer": {"first_name": "Ana"},
         "event": {"url": "https://shop.example/x?a=1&b=2", "name": "<b>Shoe</b>"}}  # fmt: skip


def email(blocks: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"channel": "email", "subject": "Hi", "blocks": blocks, **more}


def said(body: dict[str, Any], locale: str = "", **more: Any) -> dict[str, Any]:
    compiled = compile_template("t", body, **more)
    compiled.check()
    return compiled.render(SCOPE, locale, URLS).fields


def test_each_block_is_in_the_html_and_in_the_text() -> None:
    made = said(email(BLOCKS, theme={"color": "#ffcc00"}))
    html, text = made["html"], made["text"]
    assert "<h1" in html and "Hello Ana</h1>" in html
    assert "<strong>Two</strong> things &amp; more" in html
    assert 'href="https://shop.example/x?a=1&amp;b=2"' in html
    assert 'src="https://i.example/a.png?a=1&amp;b=2"' in html and "&quot;shoe&quot;" in html
    assert "See &lt;b&gt;Shoe&lt;/b&gt;" in html and "<b>Shoe" not in html
    # Black is read better upon this yellow.
    assert "#ffcc00" in html and "color:#000000" in html
    assert "height:40px" in html.replace(" ", "")
    assert html.index(">left<") < html.index("shop.example/r")
    assert 'href="https://shop.example/u/1"' in html and ">Leave</a>" in html
    assert "prefers-color-scheme: dark" in html
    for part in ("Hello Ana", "- one", "See <b>Shoe</b>", "Shop Ltd", "https://shop.example/u/1"):
        assert part in text
    assert "{" not in text and "{{" not in html and "{%" not in html


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>',
        "</mj-text><mj-raw><b>x</b></mj-raw>", "&lt;b&gt; & <!-- x",
    ],
)  # fmt: skip
def test_nothing_that_a_block_says_is_markup(evil: str) -> None:
    blocks = [
        {"type": "heading", "text": evil}, {"type": "text", "text": evil},
        {"type": "button", "text": evil, "link": f"https://x.example/{evil}"},
        {"type": "image", "src": f"https://x.example/{evil}", "alt": evil},
        {"type": "footer", "text": evil, "unsubscribe": evil, "preferences": evil},
    ]  # fmt: skip
    html = said(email(blocks))["html"]
    for bad in ("<script", "onerror=alert(1)>", "<b>x", "<mj-"):
        assert bad not in html.replace("&quot;&gt;&lt;img src=x onerror=alert(1)&gt;", "")


def test_liquid_around_lines_leaves_none_of_its_own() -> None:
    text = "{% if customer.first_name %}\nHello\n{% endif %}\nand\n\n"
    text += "{% if false %}\n\nno\n\n{% endif %}"
    assert formatted(text).count("<br />") <= 1
    html = said(email([{"type": "text", "text": text}]))["html"]
    assert "Hello" in html and ">no<" not in html and "<p></p>" not in html


def test_links_that_run_something_are_none() -> None:
    assert "<a" not in formatted("[x](javascript:alert(1))")
    assert "<img" not in formatted("![x](https://x.example/a.png)")
    wrong = [{"type": "button", "text": "x", "link": "javascript:alert(1)"}]
    assert "one address" in next(faults(wrong))


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"type": "carousel"}, "no type"),
        ({"type": "button", "text": "x"}, r"block 1 \(button\) needs a link"),
        ({"type": "spacer", "height": 2000}, "from 4 to 200"),
        ({"type": "heading", "text": "x", "level": "2"}, "number from 1 to 3"),
        ({"type": "text", "text": "x", "align": "top"}, "left, center or right"),
        ({"type": "text", "text": "x", "color": "red"}, "no field color"),
        ({"type": "columns", "left": [{"type": "columns"}]}, "block 1, left 1 has no type"),
        ({"type": "columns", "left": [{"type": "image"}]}, r"left 1 \(image\) needs an image"),
    ],
)
def test_what_is_wrong_with_a_block_is_said_with_its_place(
    block: dict[str, Any], text: str
) -> None:
    with pytest.raises(DefinitionError, match=text):
        KINDS["template"].read("t", email([block]))
    assert finished([block, {"type": "divider"}])[-1] == {"type": "divider"}
    KINDS["template"].read("t", email(finished([block, {"type": "divider"}])))


def test_a_template_has_a_body_or_blocks() -> None:
    read = KINDS["template"].read
    assert read("t", email(BLOCKS, theme={"color": "#ffcc00"})).body["blocks"] == BLOCKS
    for body, text in (
        ({**email(BLOCKS), "body": "x"}, "body and blocks"),
        (email([]), "body or blocks"),
        (email(BLOCKS, theme={"color": "red"}), "#1d5bc4"),
        (email(BLOCKS, theme={"font": "x"}), "color, background"),
        (email([{"type": "text", "text": "{% if %}"}]), "blocks"),
    ):
        with pytest.raises(DefinitionError, match=text):
            read("t", body)
    # Those of Slack are Slack's.
    read("s", {"channel": "slack", "to": "#a", "blocks": [{"type": "section"}]})


def test_a_language_has_blocks_or_a_body_of_its_own() -> None:
    pt = {"blocks": [{"type": "text", "text": "Olá"}]}
    body = email(
        BLOCKS, locales={"pt": pt, "de": {"body": "**Hallo**"}, "fr": {"subject": "Salut"}}
    )
    KINDS["template"].read("t", body)
    assert "Olá" in said(body, "pt")["html"] and "Hello" not in said(body, "pt")["html"]
    assert "<strong>Hallo</strong>" in said(body, "de")["html"]
    made = said(body, "fr")
    assert made["subject"] == "Salut" and "Hello Ana" in made["html"]
    mixed = {"channel": "email", "subject": "Hi", "body": "Hi", "locales": {"pt": pt}}
    KINDS["template"].read("t", mixed)
    assert "Olá" in said(mixed, "pt")["html"]


def test_blocks_stand_in_a_layout_of_mjml() -> None:
    top = "<mj-section><mj-column><mj-text>Top</mj-text></mj-column></mj-section>"
    layout = f"<mjml><mj-body>{top}{{{{ content }}}}</mj-body></mjml>"
    made = said(email(BLOCKS, layout="l"), layouts={"l": {"body": layout}})
    assert made["html"].index("Top") < made["html"].index("Hello Ana")
    with pytest.raises(TemplateError, match="MJML"):
        said(email(BLOCKS, layout="l"), layouts={"l": {"body": "<html>{{ content }}</html>"}})


def test_written_as_mjml_they_say_the_same() -> None:
    body = {"channel": "email", "subject": "Hi", "format": "mjml", "body": mjml(BLOCKS)}
    assert said(body) == said(email(BLOCKS))
