"""What the shop's messages are made of: blocks, an image, a layout, a snippet."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from sqlalchemy import Connection

from cdp.messaging.images import read_image
from cdp.store.defined import defining
from cdp.store.messages import images


def write_stationery(tx: Connection, now: int) -> None:
    """A template of blocks in two languages, with an image; a layout and a snippet."""
    image = images.add(tx, now, "demo", "Spring shoes", read_image(picture((480, 200))))
    blocks: list[dict[str, Any]] = [
        {"type": "heading", "text": "Hello {{ customer.first_name | default: 'you' }}"},
        {"type": "image", "src": f"http://127.0.0.1:8321{image.path}", "alt": "Shoes in a row"},
        {"type": "text", "text": "**Spring** is here:\n\n- shoes\n- [and more](https://shop.example)"},
        {"type": "columns", "left": [{"type": "text", "text": "For a walk"}],
         "right": [{"type": "button", "text": "Look", "link": "https://shop.example/new"}]},
        {"type": "footer", "text": "{{ snippets.address }}", "unsubscribe": "Unsubscribe"},
    ]  # fmt: skip
    spring = {"channel": "email", "subject": "Spring", "blocks": blocks,
              "locales": {"pl": {"subject": "Wiosna"}}}  # fmt: skip
    page = "<html lang='en'><body><h1>The shop</h1>{{ content }}</body></html>"
    for id_, body in (
        (("snippet", "address"), {"body": "Shop Ltd, 1 Main Street",
                                  "locales": {"pl": {"body": "Sklep"}}}),
        (("layout", "page"), {"name": "Page", "body": page}),
        (("template", "spring"), {**spring, "blocks": blocks[:-1]}),
    ):  # fmt: skip
        defining.put(tx, now, id_, body, "demo")
    defining.put(tx, now, ("template", "spring"), spring, "demo")


def picture(size: tuple[int, int]) -> bytes:
    """A PNG of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, "#7a9e4c").save(out, "PNG")
    return out.getvalue()
