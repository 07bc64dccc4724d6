"""Messages that are no emails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdp.messaging.templates import RenderError
from cdp.plugin.messages import (
    Device,
    InAppContent,
    PushContent,
    SlackContent,
    SMSContent,
    WebhookContent,
)
from tests.messaging.templates.shop import ANA, NOW, rendered

EVIL: dict[str, Any] = {
    "customer": {"first_name": '"<!channel>\\\n</script>', "url": "javascript:alert(1)"},
}


def test_sms_with_links_that_count() -> None:
    body = {"channel": "sms", "body": "See https://x.example/a?b=1. Bye {{ customer.first_name }}",
            "media": ["https://x.example/{{ event.order_id }}.png"]}  # fmt: skip
    made = rendered(body, rewrite=lambda url: f"https://s.example/{len(url)}")
    content = made.content(to="+48600100200")
    assert isinstance(content, SMSContent)
    assert content.text == "See https://s.example/23. Bye Ana"
    assert content.media == ("https://x.example/A-1.png",)


def test_push() -> None:
    made = rendered(
        {"channel": "push", "title": "{{ customer.first_name }}", "body": "Hi", "ttl": "1d",
         "badge": 3, "link": "shop://orders/{{ event.order_id }}", "data": {"id": "{{ event.total }}"},  # noqa: E501
         "custom": {"ios": {"aps": {"alert": {"subtitle": "{{ event.order_id }}"}}}}}
    )  # fmt: skip
    content = made.content(devices=(Device("t", "ios"),))
    assert isinstance(content, PushContent)
    assert (content.title, content.badge, content.ttl_s) == ("Ana", 3, 86_400)
    assert (content.link, content.data) == ("shop://orders/A-1", {"id": "42.5"})
    assert content.custom == {"ios": {"aps": {"alert": {"subtitle": "A-1"}}}}


def test_buttons_of_a_push_lead_somewhere_or_say_a_word() -> None:
    body = {"channel": "push", "title": "Cart", "category": "CART", "buttons": [
        {"text": "Buy, {{ customer.first_name }}",
         "link": "https://x.example/{{ event.order_id }}"},
        {"text": "Open", "link": "shop://cart"}, {"text": "Later", "action": "later"},
    ]}  # fmt: skip
    made = rendered(body, rewrite=lambda url: f"https://s.example/{len(url)}")
    content = made.content(devices=(Device("t", "ios"),))
    assert isinstance(content, PushContent) and content.category == "CART"
    assert content.buttons == (
        {"text": "Buy, Ana", "link": "https://s.example/21"},
        {"text": "Open", "link": "shop://cart"}, {"text": "Later", "action": "later"},
    )  # fmt: skip
    in_app = {**body, "channel": "in_app"}
    del in_app["category"]
    plain = rendered(in_app, rewrite=lambda url: "https://s.example/").content(person="p")
    assert isinstance(plain, InAppContent)
    assert plain.buttons[0]["link"] == "https://x.example/A-1"


def test_in_app_is_cleaned_html() -> None:
    body = {
        "channel": "in_app", "form": "modal", "title": "Hi {{ customer.first_name }}",
        "body": "Hello *{{ customer.first_name }}* <script>bad()</script>"
                '<b onclick="x()">b</b> [go](https://x.example/)',
        "buttons": [{"text": "Go {{ customer.first_name }}", "link": "https://x.example/"}],
        "pages": ["^/cart"], "expires_after": "1d", "priority": 5,
    }  # fmt: skip
    content = rendered(body).content(person="u1")
    assert isinstance(content, InAppContent)
    assert "<em>Ana</em>" in content.html and "script" not in content.html
    assert "onclick" not in content.html and 'href="https://x.example/"' in content.html
    assert content.text.startswith("Hello Ana")
    assert content.buttons == ({"text": "Go Ana", "link": "https://x.example/"},)
    assert content.expires_at == (NOW + 86_400) * 1000 and content.pages == ("^/cart",)
    said = rendered(body, EVIL).fields["html"]
    assert "</script>" not in said
    with pytest.raises(RenderError, match="would lead to javascript"):
        rendered({**body, "body": "[x]({{ customer.url }})"}, EVIL)
    with pytest.raises(RenderError, match="would lead to javascript"):
        rendered({**body, "buttons": [{"text": "x", "link": "{{ customer.url }}"}]}, EVIL)


def test_a_webhook_whose_json_no_data_breaks() -> None:
    body = {
        "channel": "webhook", "url": "https://x.example/{{ customer.plan | default: 'p' }}",
        "method": "PUT", "headers": {"X-Name": "{{ customer.first_name }}"},
        "body": '{"a": "x {{ customer.first_name }} \\"{{ customer.first_name }}\\"", '
                '"all": {{ customer | to_json }}}',
    }  # fmt: skip
    content = rendered(body, EVIL).content()
    assert isinstance(content, WebhookContent)
    name = EVIL["customer"]["first_name"]
    assert json.loads(content.body) == {"a": f'x {name} "{name}"', "all": EVIL["customer"]}
    assert (content.url, content.method) == ("https://x.example/p", "PUT")
    assert "\n" not in content.headers["X-Name"]
    plain = {**body, "body": "Hi {{ customer.first_name }}"}
    assert rendered(plain).fields["body"] == "Hi Ana"


def test_slack_where_data_mentions_nobody() -> None:
    body = {"channel": "slack", "to": "#sales", "body": "*New:* {{ customer.first_name }} <!here>",
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text":
                        "{{ customer.first_name }}"}}]}  # fmt: skip
    content = rendered(body, EVIL).content()
    assert isinstance(content, SlackContent)
    assert content.text.startswith('*New:* "&lt;!channel&gt;') and content.text.endswith("<!here>")
    assert "<!" not in content.blocks[0]["text"]["text"]
    assert rendered(body, ANA).fields["channel"] == "#sales"
