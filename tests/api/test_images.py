"""`/api/images`: kept, listed, removed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cdp.api.room import EXTENSION
from cdp.store.defined import defining
from tests.api.calls import Api
from tests.factories import Space
from tests.messaging.test_images import picture


def add(api: Api, data: bytes, status: int = 201, **query: str) -> Any:
    answer = api.call("POST", "/api/images", query_string=query, data=data)
    assert answer.status_code == status, answer.text
    return answer.json


def test_images_are_kept_once_listed_and_removed(api: Api, space: Space) -> None:
    logo = add(api, picture("PNG"), name="Logo")
    assert (logo["name"], logo["type"], logo["width"], logo["used_by"]) == ("Logo", "png", 4, [])
    assert logo["address"].endswith(f"/files/{logo['hash']}.png")
    assert add(api, picture("PNG"), name="Again") == logo
    add(api, picture("GIF"))
    first = api.get("/api/images?limit=1")
    rest = api.get(f"/api/images?limit=1&next={first['next']}")
    names = {one["name"] for one in (*first["data"], *rest["data"])}
    assert names == {"Logo", "Image"} and rest["next"] is None
    with space.store.write() as tx:
        body = {"channel": "email", "subject": "Hi", "body": f"![a]({logo['address']})"}
        defining.put(tx, 1, ("template", "hi"), body, "ana")
    assert api.get(f"/api/images/{logo['hash']}")["used_by"][0]["key"] == "hi"
    used = api.call("DELETE", f"/api/images/{logo['hash']}")
    assert used.status_code == 409 and "It is shown by the template" in used.text
    with space.store.write() as tx:
        defining.remove(tx, 2, ("template", "hi"), "ana")
    assert api.call("DELETE", f"/api/images/{logo['hash']}").status_code == 200
    assert api.call("DELETE", f"/api/images/{logo['hash']}").status_code == 404
    assert api.call("GET", "/api/images?next=x").status_code == 400


def test_what_is_no_image_or_too_much_is_refused_in_words(api: Api, space: Space) -> None:
    assert "can't be read as a PNG" in str(add(api, b"<svg/>", 400))
    assert "more than 2 MB" in str(add(api, bytes(3 << 20), 400))
    found = space.app.extensions[EXTENSION]
    found.settings = replace(found.settings, images_mb=0)
    full = add(api, picture("PNG"), 409)
    assert "images have 0.0 of 0.0 MB" in str(full) and "CDP_IMAGES_MB" in str(full)
