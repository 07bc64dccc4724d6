"""Uploaded lists in the console: kept, replaced, taken back, and refused with the line at fault."""

from __future__ import annotations

import io
from typing import Any

from cdp.store.audiences import lists
from tests.console.factory import Browser, World, words
from tests.console.test_auth import viewer_of

NEW, VIPS = "/catalogue/lists", "/catalogue/lists/vips"


def follow(admin: Browser, address: str, **fields: str) -> str:
    """What is told after a form."""
    return words(admin.page(admin.post(address, **fields).location))


def file(content: bytes) -> tuple[Any, str]:
    return io.BytesIO(content), "vips.txt"


def test_a_list_is_uploaded_asked_for_replaced_and_removed(world: World, admin: Browser) -> None:
    assert "No lists yet" in admin.page(NEW)
    made = admin.post(
        NEW, key="vips", file=file(b"\xef\xbb\xbfana@x.org\r\n\r\n ben@x.org\r\nana@x.org")
    )
    assert made.location == VIPS
    assert "vips 2 0" in words(admin.page(NEW))
    who = 'traits.email in list("vips")'
    assert admin.post("/audiences/-new", name="Guests", who=who).status_code == 303
    page = words(admin.page(VIPS))
    assert "Asked for by the audience Guests" in page and "once nobody asks for it" in page
    assert "the list vips is asked for by the audience guests" in follow(
        admin, f"{VIPS}/remove", confirm="vips"
    )
    assert "Take the last upload back" not in page
    assert admin.post(VIPS, values="cleo@x.org").location == VIPS
    assert "The 2 values of before hold again" in words(admin.page(VIPS))
    assert "The 2 values of before hold again." in follow(admin, f"{VIPS}/revert")
    assert "It had these values already" in follow(admin, VIPS, values="ben@x.org\nana@x.org")
    admin.post("/audiences/guests/remove", confirm="guests")
    assert "type vips to go on" in follow(admin, f"{VIPS}/remove", confirm="vip")
    assert admin.post(f"{VIPS}/remove", confirm="vips").location == NEW
    assert admin.get(VIPS).status_code == 404


def test_what_is_wrong_is_told_at_its_field_and_changes_nothing(
    world: World, admin: Browser
) -> None:
    broken = admin.post(NEW, key="Vips!", file=file(b"ana\n\xff\xfe\n"))
    text = words(broken.text)
    assert broken.status_code == 422 and 'value="Vips!"' in broken.text
    assert "Nothing changed. Line 2: not UTF-8." in text and "a letter first" in text
    assert "Nothing changed. There are no values in it." in words(admin.post(NEW, key="vips").text)
    admin.post(NEW, key="vips", values="ana")
    twice = words(admin.post(NEW, key="vips", values="ben").text)
    assert "There is a list vips already: replace its values on its own page." in twice
    both = admin.post(VIPS, values="ben", file=file(b"cleo"))
    assert "not both" in both.text and both.status_code == 422
    long = words(admin.post(VIPS, values="a\n" + "x" * 501).text)
    assert "Line 2: a value of more than 500 characters." in long
    with world.store.read() as tx:
        assert lists.find(tx, "vips").size == 1
    assert admin.post("/catalogue/lists/none", values="a").status_code == 404
    viewer = viewer_of(world)
    assert viewer.post(VIPS, values="b").status_code == 403
    assert "Replace the values" not in viewer.page(VIPS)
