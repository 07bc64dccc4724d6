"""The public addresses of images: kept for ever, and nothing but an image."""

from __future__ import annotations

import pytest

from cdp.messaging.images import read_image
from cdp.store.messages import images
from tests.messaging.test_images import picture
from tests.pages.house import House


def test_an_image_is_shown_to_all_and_kept_for_ever(house: House) -> None:
    found = read_image(picture("PNG"))
    with house.store.write() as tx:
        path = images.add(tx, 1, "ana", "dot", found).path
    answer = house.client.get(path)
    assert (answer.status_code, answer.data, answer.mimetype) == (200, found.data, "image/png")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "Set-Cookie" not in answer.headers
    again = house.client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    head = house.client.head(path)
    assert (head.status_code, head.data) == (200, b"")


@pytest.mark.parametrize("path", ["/files/x.png", "/files/%27or1.svg"])
def test_any_other_address_is_none(house: House, path: str) -> None:
    with house.store.write() as tx:
        kept = images.add(tx, 1, "ana", "dot", read_image(picture("PNG")))
    assert house.client.get(path).status_code == 404
    assert house.client.get(f"/files/{kept.hash}.gif").status_code == 404
    assert house.client.get(path).headers["Cache-Control"] == "no-store"
