"""Templates and data of a small shop."""

from __future__ import annotations

from typing import Any

from cdp.messaging.templates import Rendered, Urls, compile_template

URLS = Urls(
    unsubscribe="https://shop.example/u?t=1&p=2",
    preferences="https://shop.example/preferences",
    view_in_browser="https://shop.example/view",
)
NOW = 1_767_225_600  # 2026-01-01T00:00:00Z
ANA: dict[str, Any] = {
    "customer": {"first_name": "Ana", "email": "ana@example.org", "plan": "pro", "nothing": None},
    "event": {
        "order_id": "A-1",
        "total": 42.5,
        "url": "https://shop.example/orders/A-1?a=1&b=2",
        "items": [{"name": "Shoe", "price": 30}, {"name": "Sock & Co", "price": 12.5}],
    },
}


def email(body: str, subject: str = "Hi", **more: Any) -> dict[str, Any]:
    """The body of an email's definition."""
    return {"channel": "email", "subject": subject, "body": body, **more}


def rendered(body: dict[str, Any], scope: dict[str, Any] = ANA, **more: Any) -> Rendered:
    """What a template says to Ana, or to whom the scope is."""
    known = {name: more.pop(name, {}) for name in ("layouts", "snippets")}
    return compile_template("t", body, **known).render(
        scope, more.pop("locale", ""), more.pop("urls", URLS), more.pop("rewrite", None), NOW
    )


def html(body: str, scope: dict[str, Any] = ANA, **more: Any) -> str:
    """The HTML of an email, what stands in its body."""
    fields = {name: more.pop(name) for name in list(more) if name in ("format", "utm", "missing",
              "fallbacks", "layout", "preheader", "tracked", "locales", "inline_css")}  # fmt: skip
    found: str = rendered(email(body, **fields), scope, **more).fields["html"]
    return found[found.index("<body") :]


def text(body: str, scope: dict[str, Any] = ANA, **more: Any) -> str:
    """What an SMS with this text says."""
    found: str = rendered({"channel": "sms", "body": body, **more}, scope).fields["text"]
    return found
