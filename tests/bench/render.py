"""Messages rendered a second of one core, beside what bare Liquid does with the same bodies."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure

NOW = 1_767_225_600
PLAIN = """\
Hello {{ customer.first_name | default: "there" }},

your order {{ event.order_id }} over {{ event.total }} {{ event.currency }} has left us and goes to
{{ customer.city }}. Questions? Just answer to this message, {{ customer.first_name }}.
"""
MJML = """\
<mjml><mj-body>
  <mj-section><mj-column><mj-image src="https://shop.example/logo.png" alt="Shop" width="120px" />
    <mj-text font-size="20px">Thank you, {{ customer.first_name | default: "friend" }}!</mj-text>
    <mj-text>{{ event.order_id }} over {{ event.total }} goes to {{ customer.city }}.</mj-text>
    <mj-table>{% for item in event.items %}
      <tr><td>{{ item.name }}</td><td align="right">{{ item.price }}</td></tr>
    {% endfor %}</mj-table>
    <mj-button href="https://shop.example/orders/{{ event.order_id }}">See it</mj-button>
  </mj-column></mj-section>
  <mj-section>
    <mj-column><mj-text>{{ customer.plan | upcase }}</mj-text></mj-column>
    <mj-column><mj-text><a href="https://shop.example/?a=1&amp;b=2">Shop</a>,
      <a href="{% unsubscribe_url %}">unsubscribe</a></mj-text></mj-column>
  </mj-section>
</mj-body></mjml>
"""


def render(folder: Path, quick: bool) -> list[Figure]:
    """Plain texts, and emails of MJML; the limit is the library with the same Liquid alone."""
    rounds = 3 if quick else 8
    return [
        _measured("render", _plain, 4_000 if quick else 15_000, rounds, 20_000),
        _measured("render_mjml", _mjml, 800 if quick else 3_000, rounds, 3_000),
    ]


def _scopes(count: int) -> list[dict[str, Any]]:
    return [
        {
            "customer": {"first_name": f"Ana {n}", "city": "Gdańsk", "plan": "pro", "id": f"u{n}"},
            "event": {
                "order_id": f"A-{n}",
                "total": n + 0.5,
                "currency": "EUR",
                "items": [{"name": "Shoe & co", "price": 30}, {"name": "Sock", "price": n}],
            },
        }
        for n in range(count)
    ]


def _plain() -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """What is measured: ours, and the library alone."""
    return _both({"channel": "sms", "body": PLAIN, "tracked": False}, [PLAIN])


def _mjml() -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    body = {"channel": "email", "subject": "Order {{ event.order_id }}", "body": MJML}
    return _both(body, None)


def _both(
    body: dict[str, Any], sources: list[str] | None
) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    from liquid import Environment

    from cdp.messaging.templates import Urls, compile_template

    compiled = compile_template("t", body)
    urls = Urls(unsubscribe="https://shop.example/u/1")
    if sources is None:
        made = compiled.sources()
        sources = [body["subject"], *(_bare(text) for text in made.values())]
    bare = [Environment(autoescape=True).from_string(source) for source in sources]

    def ours(scope: Any) -> Any:
        return compiled.render(scope, "", urls, None, NOW)

    def library(scope: Any) -> Any:
        return [template.render(**scope) for template in bare]

    return ours, library


def _bare(source: str) -> str:
    """The Liquid of a part without what only we know."""
    for tag in ("{% link__ tp %}", "{% endlink__ %}", "{% pixel__ %}"):
        source = source.replace(tag, "")
    return source.replace("{% unsubscribe_url %}", "https://shop.example/u/1")


def _measured(
    name: str,
    make: Callable[[], tuple[Callable[[Any], Any], Callable[[Any], Any]]],
    count: int,
    rounds: int,
    goal: int,
) -> Figure:
    ours, library = make()
    scopes = _scopes(count)
    best = {ours: 0.0, library: 0.0}
    for _ in range(rounds):
        for do, some in ((ours, scopes), (library, scopes[: count // 4])):
            began = time.process_time()
            for scope in some:
                do(scope)
            best[do] = max(best[do], len(some) / (time.process_time() - began))
    said = f"{goal:,} messages/s"
    return Figure(
        name, "messages/s", best[ours], best[library], f"ours >= {said}", best[ours] >= goal
    )
