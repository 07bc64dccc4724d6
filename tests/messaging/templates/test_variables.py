"""Which variables a template needs, by its text alone."""

from __future__ import annotations

import pytest

from cdp.messaging.templates.variables import variables


def uses(body: str, **more: str) -> dict[str, list[str]]:
    found = variables({"channel": "sms", "body": body, **more}, {}, {})
    return {variable.name: [use.how for use in variable.uses] for variable in found}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("{{ customer.a }} {{ customer.a | upcase }}", {"customer.a": ["shown", "shown"]}),
        ("{{ customer.a | default: event.b }}", {"customer.a": ["defaulted"], "event.b": ["used"]}),
        ("{{ customer['a b'].c }}", {"customer.a b.c": ["shown"]}),
        ("{{ customer.last }} {{ event.l.first.x }} {{ event.l[0].y }} {{ event.l.size }}",
         {"customer.last": ["shown"], "event.l[].x": ["shown"], "event.l[].y": ["shown"],
          "event.l": ["shown"]}),
        ("{% for i in event.l %}{{ i.n }}{{ i }}{{ forloop.index }}{% endfor %}",
         {"event.l": ["looped"], "event.l[].n": ["shown"], "event.l[]": ["guarded"]}),
        ("{% for i in event.l %}{% for j in i.m %}{{ j.n }}{% endfor %}{% endfor %}",
         {"event.l": ["looped"], "event.l[].m": ["looped"], "event.l[].m[].n": ["shown"]}),
        ("{% for i in event.l %}x{% else %}y{% endfor %}", {"event.l": ["asked"]}),
        ("{% if customer.a and event.b > 3 %}{{ customer.a }}{{ event.b }}{% else %}{{ event.b }}"
         "{% endif %}",
         {"customer.a": ["asked", "guarded"], "event.b": ["asked", "guarded", "shown"]}),
        ("{% unless customer.a %}x{% endunless %}", {"customer.a": ["asked"]}),
        ("{% case customer.a %}{% when 'x' %}{{ event.b }}{% endcase %}",
         {"customer.a": ["asked"], "event.b": ["shown"]}),
        ("{% assign a = customer.b %}{{ a.c }}{% assign d = customer.e | upcase %}{{ d }}",
         {"customer.b": ["used"], "customer.b.c": ["shown"], "customer.e": ["used"]}),
        ("{% capture x %}{{ event.a }}{% endcapture %}{{ x }}", {"event.a": ["shown"]}),
        ("{% cio_link url: event.a %}{% unsubscribe_url %}{{ now }}", {"event.a": ["used"]}),
        ("{% raw %}{{ x }}{% endraw %}{% comment %}{{ y }}{% endcomment %}", {}),
        ("{{ broken", {}),
    ],
)  # fmt: skip
def test_variables(source: str, found: dict[str, list[str]]) -> None:
    assert uses(source) == found


def test_layouts_snippets_and_locales_are_read_as_well() -> None:
    body = {
        "channel": "email", "subject": "{{ event.a | default: 'x' }}", "layout": "page",
        "body": "{{ snippets.foot }}\n{{ event.b }}",
        "locales": {"pl": {"subject": "{{ event.c }}"}},
    }  # fmt: skip
    layouts = {
        "page": {"body": "{{ content }} {{ customer.d }}"},
        "other": {"body": "{{ event.z }}"},
    }
    found = {v.name: v for v in variables(body, layouts, {"foot": {"body": "{{ customer.e }}"}})}
    assert {name: v.needed for name, v in found.items()} == {
        "customer.d": True, "customer.e": True, "event.a": False, "event.b": True, "event.c": True,
    }  # fmt: skip
    assert found["event.a"].defaulted and found["customer.d"].uses[0].field == "layout page: body"
    use = found["event.b"].uses[0]
    assert (use.field, use.line, use.column) == ("body", 2, 4)
    assert found["event.c"].uses[0].field == "locales.pl.subject"
