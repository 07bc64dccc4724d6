"""Laws of rendering: hostile data changes nothing but what it is shown as; nothing breaks."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cdp.definitions import KINDS, DefinitionError
from cdp.messaging.lint import lint
from cdp.messaging.templates import RenderError, TemplateError, compile_template
from cdp.messaging.templates.part import Part
from cdp.messaging.templates.policy import Policy, Run
from cdp.messaging.templates.rendered import Urls
from cdp.messaging.templates.variables import variables
from tests.messaging.templates.shop import NOW, URLS, email

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "25"))
SOME = settings(max_examples=4 * EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>", '"><img src=x onerror=x()>', "' onmouseover='x", "--><b>",
        "]]>", "{{ customer }}", "{% raw %}", "a\r\nBcc: x@y.z", "\x00\x1b[31m", "&lt;b&gt;",
        "\u2028", "\ud800", "</style><script>", "<!channel>", '\\", "admin": true, "', "x" * 5000,
        "\u202eevil", "lq0x0q",
    ]
)  # fmt: skip
TEXT = st.text(max_size=30) | HOSTILE
VALUE = (
    TEXT | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.lists(TEXT, max_size=2)
)
BODY = """\
<p title="{{ v }}" style="color: {{ v }}">{{ v }} {{ v | upcase }} {{ v | append: v }}</p>
<style>p { color: {{ v }} }</style><!-- {{ v }} -->
{% for i in l %}<i class='{{ i }}'>{{ i }}</i>{% endfor %}
{% capture c %}{{ v }}{% endcapture %}{{ c }}
<a href="https://x.example/{{ v }}">{{ v | truncate: 10 }}</a>{{ v | newline_to_br }}
"""


class Shape(HTMLParser):
    """The tags of a page with the names of their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag != "br":
            self.found.append((tag, [name for name, _ in attrs]))

    def handle_endtag(self, tag: str) -> None:
        if tag != "br":
            self.found.append(tag)

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")


PAGE = compile_template("t", email(BODY, "S {{ v }}", format="html", preheader="{{ v }}"))
MARKDOWN = compile_template(
    "t", email("# {{ v }}\n\n- {{ v }}\n\n[{{ v }}](https://x.example) `{{ v }}`")
)
HOOK = compile_template(
    "t", {"channel": "webhook", "url": "https://x.example",
          "body": '{"a": "{{ v }}", "b": ["x{{ v | upcase }}"], "c": {{ v | to_json }}}'}
)  # fmt: skip


@SOME
@given(VALUE, st.lists(TEXT, min_size=2, max_size=2))
def test_data_never_changes_what_a_message_is(value: Any, items: list[str]) -> None:
    plain = {"v": "plain", "l": ["one", "two"]}
    scope = {"v": value, "l": items}
    for compiled in (PAGE, MARKDOWN):
        was = compiled.render(plain, "", URLS, None, NOW).fields
        now = compiled.render(scope, "", URLS, None, NOW).fields
        assert Shape(now["html"]).found == Shape(was["html"]).found
        assert now["subject"].splitlines() in ([now["subject"]], [])
        assert "\x00" not in now["subject"]
    body = HOOK.render(scope, "", URLS, None, NOW).fields["body"]
    assert set(json.loads(body)) == {"a", "b", "c"}


PIECES = st.sampled_from(
    [
        "{{ v }}", "{{ v | upcase }}", "{{ v | default: 'x' }}", "{{ o.a.b }}", "{% if v %}",
        "{% endif %}", "{% for i in l %}", "{% endfor %}", "{{ i }}", "{% else %}", "{{", "{%",
        "}}", "%}", "<p>", "</p>", '<a href="', '">', "<!--", "-->", "<mjml>", "<mj-body>",
        "<mj-text>", "</mj-text>", "</mj-body>", "</mjml>", "<style>", "</style>", "\n", "\n\n",
        "| a |\n", "|---|\n", "- x\n", "# t\n", "`", "[x](", ")", "{% raw %}", "{% endraw %}",
        "{% unsubscribe_url %}", "{% assign v = l %}", "{{ snippets.x }}", "<td ", "<table>",
        "<tr>", "{% render 'x' %}", "lq0x0q", "<script>", "&amp;", "é", "{% comment %}",
        "{% endcomment %}", "{% link__ t %}", "{% break %}", "{{ v | times: v }}",
        "{% cio_link url:v %}",
    ]
)  # fmt: skip
SOURCE = st.lists(PIECES | st.text(max_size=5), max_size=14).map("".join)


@SOME
@given(SOURCE, st.sampled_from(["markdown", "html", "mjml", None]))
@example("{% for i in l %}\n- {{ i }}\n{% endfor %}", "markdown")
def test_whatever_is_written_is_told_or_rendered(source: str, format_: str | None) -> None:
    given_ = {"channel": "email", "subject": "x", "body": source, "preheader": source[:50]}
    if format_:
        given_["format"] = format_
    try:
        body = KINDS["template"].read("t", {k: v for k, v in given_.items() if v}).body
    except DefinitionError:
        return
    snippets = {"x": {"body": "*x* {{ v }}"}}
    variables(body, {}, snippets)
    lint("t", body, {}, snippets)
    compiled = compile_template("t", body, {}, snippets)
    try:
        compiled.check()
    except TemplateError:
        return
    for scope in (
        {},
        {"v": "<x>", "l": [1, "<y>"], "o": {"a": {"b": 1}}},
        {"v": 3, "l": 4, "o": []},
    ):
        try:
            made = compiled.render(scope, "", URLS, None, NOW)
        except RenderError:
            continue
        assert "<x>" not in made.fields["html"].replace("&lt;x&gt;", "")


FILTERS = st.sampled_from(
    [
        "", "| upcase", "| default: 'd'", "| append: '<b>'", "| escape", "| size",
        "| strip | capitalize", "| default: 3 | plus: 1", "| json", "| truncate: 3",
        "| split: ',' | first", "| times: 2",
    ]
)  # fmt: skip


@SOME
@given(FILTERS, FILTERS, VALUE | st.none(), st.booleans())
def test_the_fast_way_says_what_the_slow_way_says(
    one: str, two: str, value: Any, html: bool
) -> None:
    output = f"{{{{ v.x {one} {two} }}}}"
    # A template that assigns the name is left to the library.
    quick, slow = (
        Part(output, "x", html=html),
        Part(f"{{% if false %}}{{% assign v = 1 %}}{{% endif %}}{output}", "x", html=html),
    )
    for scope in ({"v": {"x": value}}, {"v": {}}, {}):
        said = []
        for part in (quick, slow):
            run = Run({**scope, "now": NOW}, Policy(), Urls(), None, "")
            try:
                said.append(part.render(run))
            except RenderError as error:
                said.append(error.variable or "refused")
        assert said[0] == said[1]


@pytest.mark.parametrize("html", [True, False])
def test_huge_data_is_refused(html: bool) -> None:
    part = Part("{{ v }}", "body", html=html)
    with pytest.raises(RenderError, match="more than"):
        part.render(Run({"v": "x" * 2_000_000}, Policy(), Urls(), None, ""))


BLOCKS = st.lists(
    st.sampled_from(
        [
            "{% for i in l %}{{ i }}{{ forloop.index }}{% if forloop.last %}.{% endif %}"
            "{% endfor %}",
            "{% for i in l reversed limit:2 offset:1 %}{{ i | upcase }},{% endfor %}",
            "{% for i in o %}{{ i[0] }}={{ i[1] }}{% else %}none{% endfor %}",
            "{% for i in l %}{% for j in l %}{{ forloop.parentloop.index }}{{ j }}{% endfor %}"
            "{% endfor %}",
            "{% for i in l %}{% if i == v %}same{% elsif i contains 'a' %}a{% else %}-{% endif %}"
            "{% endfor %}",
            "{% unless v %}no{% else %}{{ v | json }}{% endunless %}",
            "{% if v and l.size > 1 or o.x %}yes{% endif %}",
            "{% for i in n %}{{ i }}{% endfor %}",
            "{% for i in l %}  {% endfor %}{% if v %} {% endif %}",
            "{% for i in (1..3) %}{{ i }}{{ l[0] }}{{ o.x | default: i }}{% endfor %}",
            "{{ l | join: ',' }}{{ l.first }}{{ v | date: '%Y' }}"
            "{{ o.x | plus: 1 | format_number }}",
            "{% for v in l %}{{ v }}{% endfor %}{{ v | default: 'd' }}",
            "{% link__ tp %}https://x.example/{{ v | url_encode }}{% endlink__ %}",
            "{% for i in l %}{% link__ t %}https://x.example/{{ i | default: 'x' }}{% endlink__ %}"
            "{% endfor %}",
        ]
    ),
    min_size=1,
    max_size=4,
).map("".join)
ITEMS = st.none() | st.lists(VALUE | st.none(), max_size=3)


@SOME
@given(BLOCKS, VALUE | st.none(), ITEMS, st.dictionaries(st.just("x"), VALUE), st.booleans())
def test_loops_and_conditions_say_what_the_library_says(
    source: str, value: Any, items: Any, more: Any, html: bool
) -> None:
    names = "".join(f"{{% assign {name} = 1 %}}" for name in ("v", "l", "o", "i", "j"))
    quick = Part(source, "x", html=html)
    slow = Part(f"{{% if false %}}{names}{{% endif %}}{source}", "x", html=html)
    assert quick._is_fast and not slow._is_fast
    said = []
    for part in (quick, slow):
        data = {"v": value, "l": items, "o": more, "now": NOW, "today": NOW}
        run = Run(dict(data), Policy(), Urls(), None, "")
        try:
            said.append(part.render(run))
            assert run.data == data
        except RenderError as error:
            said.append(error.variable or "refused")
    assert said[0] == said[1]


@pytest.mark.parametrize("format_", ["markdown", "html", "mjml"])
@pytest.mark.parametrize(
    "source",
    ["<a '" * 9000, "<a " * 9000, '<a "\'' * 9000, "<!-- " * 9000, "<a " + "b=c " * 9000 + ">",
     "[a](" * 4000, "{% if a %}\n- x\n{% endif %}\n" * 500, "{{ x }}" * 5000],
)  # fmt: skip
def test_what_is_never_closed_is_read_once(source: str, format_: str) -> None:
    body = {"channel": "email", "subject": "x", "body": source, "format": format_}
    try:
        compile_template("t", body).check()
    except TemplateError as error:
        assert error.troubles
