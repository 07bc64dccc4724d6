"""Images in the console and on their public addresses."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from cdp.messaging.images import MAX_BYTES
from cdp.store.defined import defining
from cdp.store.messages import images
from tests.console.chromium import NEEDS_CHROMIUM, serving, tab
from tests.console.factory import World
from tests.console.test_masking import viewer_of
from tests.messaging.test_images import picture

IMAGES = "/messages/images"


def upload(world: World, *files: tuple[bytes, str], **headers: str) -> Any:
    browser = world.admin()
    data = {"csrf": browser.csrf(), "file": [(io.BytesIO(data), name) for data, name in files]}
    return browser.client.post(IMAGES, data=data, headers=headers)


def kept(world: World) -> list[images.Kept]:
    with world.store.read() as tx:
        return images.newest(tx, 100)


def test_an_image_is_uploaded_once_and_listed(world: World) -> None:
    assert "No image yet" in world.admin().page(IMAGES)
    data = picture("PNG")
    answer = upload(world, (data, "C:\\shoes\\Red <b>shoe</b>.png"), (picture("GIF"), "dot.gif"))
    assert answer.status_code == 303
    upload(world, (data, "again.png"))
    assert {(one.name, one.type) for one in kept(world)} == {("b>", "png"), ("dot", "gif")}
    page = world.admin().page(IMAGES)
    assert "CDP_PUBLIC_URL" in page and "<b>shoe" not in page
    one = world.admin().page(f"{IMAGES}/{kept(world)[0].hash}")
    assert f"http://127.0.0.1:8321/files/{kept(world)[0].hash}." in one


def test_what_is_no_image_is_not_kept_and_the_reason_is_told(world: World) -> None:
    for data in (b"<svg/>", b"MZ", bytes(MAX_BYTES + 9)):
        assert upload(world, (data, "x.png")).status_code == 303
        assert kept(world) == []
        assert "Not kept" in upload(world, (data, "x.png"), **{"HX-Request": "true"}).text
    assert "Choose a file first" in upload(world, **{"HX-Request": "true"}).text


def test_a_used_image_can_not_go_and_a_free_one_goes_once_one_is_sure(world: World) -> None:
    upload(world, (picture("PNG"), "a.png"))
    one = kept(world)[0]
    body = {"channel": "email", "subject": "Hi", "body": f"![a](https://x.example{one.path})"}
    with world.store.write() as tx:
        defining.put(tx, 1, ("template", "hi"), body, "ana")
    address, admin = f"{IMAGES}/{one.hash}", world.admin()
    assert "/messages/templates/hi" in admin.page(address)
    admin.post(f"{address}/remove", sure="1")
    assert kept(world) == [one]
    with world.store.write() as tx:
        defining.put(tx, 2, ("template", "hi"), {**body, "body": "no more"}, "ana")
    admin.post(f"{address}/remove")
    assert kept(world) == [one]
    admin.post(f"{address}/remove", sure="1")
    assert kept(world) == []
    assert admin.get(address).status_code == 404
    # Whoever goes back to a version that shows it is told.
    with world.store.write() as tx:
        defining.put(tx, 3, ("template", "hi"), body, "ana")
    assert "is not there any more" in admin.page("/messages/templates/hi")
    changes = re.findall(r"image", admin.page("/settings/activity"))
    assert changes


def test_a_viewer_looks_and_changes_nothing(world: World) -> None:
    upload(world, (picture("PNG"), "a.png"))
    viewer = viewer_of(world)
    assert "Upload images" not in viewer.page(IMAGES)
    assert viewer.post(f"{IMAGES}/{kept(world)[0].hash}/remove", sure="1").status_code == 403
    assert len(kept(world)) == 1


@pytest.mark.browser
class TestInChromium:
    pytestmark = NEEDS_CHROMIUM

    def test_one_is_uploaded_and_chosen_while_writing(self, chromium: Any, world: World) -> None:
        with serving(world) as address, tab(chromium, address) as page:
            page.goto("/messages/templates/-new?channel=email")
            page.get_by_role("button", name="Put in an image").click()
            file = {"name": "Red shoe.png", "mimeType": "image/png", "buffer": picture("PNG")}
            page.get_by_label("Upload images").set_input_files(file)
            page.get_by_role("button", name="Red shoe").click()
            text = page.get_by_label("Message").input_value()
            page.goto("/messages/templates/-new?channel=email&with=blocks")
            page.get_by_role("group", name="Add a block").get_by_role(
                "button", name="Image"
            ).click()
            page.get_by_role("button", name="Choose an image").click()
            page.get_by_role("button", name="Red shoe").click()
            src = page.get_by_label("Address of the image").input_value()
        path = kept(world)[0].path
        assert text == f"![Red shoe](http://127.0.0.1:8321{path})"
        assert src == f"http://127.0.0.1:8321{path}"

    def test_what_has_come_can_be_used_at_once(self, chromium: Any, world: World) -> None:
        with serving(world) as address, tab(chromium, address) as page:
            page.goto("/messages/templates/-new?channel=email")
            page.evaluate(
                """() => new MutationObserver((seen, observer) => {
                  const field = document.getElementById("f-upload");
                  if (!field) return;
                  observer.disconnect();
                  field.dispatchEvent(new Event("change", { bubbles: true }));
                }).observe(document.body, { childList: true, subtree: true })"""
            )
            page.get_by_role("button", name="Put in an image").click()
            page.locator("#images-found", has_text="Choose a file first").wait_for()
            # Opened again, nothing of the old list takes a file while the new one is on its way.
            page.get_by_role("button", name="Close").click()
            held: list[Any] = []
            page.route(f"**{IMAGES}", lambda route: held.append(route))
            page.get_by_role("button", name="Put in an image").click()
            page.locator("#f-upload").wait_for(state="detached")
            page.unroute_all(behavior="ignoreErrors")
