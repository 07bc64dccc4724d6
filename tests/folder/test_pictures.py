"""Images of a folder: they come with the templates that show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.folder import work
from cdp.folder.model import World
from cdp.messaging.images import path_of, read_image
from cdp.store import Store
from cdp.store.messages import images
from tests.folder.shop import apply, define, empty, pull, stored, world, write
from tests.messaging.test_images import picture

BASE = "https://shop.example"
HI = """\
kind: template
key: hi
channel: email
subject: Hi
body: hi.md
"""
PUSH = """\
kind: template
key: sale
channel: push
title: Sale
image: images/shoes/red.jpg
link: https://shop.example/images/red.png
"""
TEXT = "![Logo](images/logo.png)\n\n<img src='images/logo.png' alt='again'>\n\nhttps://x.example/images/no.png\n"


def here(room: int | None = None) -> World:
    return world()._replace(base=BASE, room=room)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return empty(tmp_path / "store")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    write(made, hi=HI, sale=PUSH)
    (made / "hi.md").write_text(TEXT)
    (made / "images/shoes").mkdir(parents=True)
    (made / "images/logo.png").write_bytes(picture("PNG"))
    (made / "images/shoes/red.jpg").write_bytes(picture("JPEG"))
    return made


def address(data: bytes) -> str:
    found = read_image(data)
    return f"{BASE}{path_of(found.hash, found.type)}"


def test_an_apply_brings_images_along_and_a_pull_leaves_the_files_as_they_are(
    store: Store, root: Path
) -> None:
    planned = work.plan(store, root, here())
    assert [one.file for one in planned.images] == ["images/logo.png", "images/shoes/red.jpg"]
    apply(store, root, here())
    with store.read() as tx:
        assert {(one.name, one.type) for one in images.newest(tx, 9)} == {
            ("logo", "png"), ("red", "jpeg"),
        }  # fmt: skip
    body = stored(store, ("template", "hi"))["body"]
    logo = address(picture("PNG"))
    assert body.count(logo) == 2 and "https://x.example/images/no.png" in body
    assert stored(store, ("template", "sale"))["image"] == address(picture("JPEG"))
    assert stored(store, ("template", "sale"))["link"] == "https://shop.example/images/red.png"
    assert pull(store, root, here()) == {} and (root / "hi.md").read_text() == TEXT
    assert work.plan(store, root, here()).images == [] and apply(store, root, here()) == []


def test_a_pull_writes_images_that_the_folder_lacks_under_free_names(
    store: Store, tmp_path: Path
) -> None:
    other = picture("PNG", (9, 9))
    with store.write() as tx:
        one = images.add(tx, 1, "ada", "Été & co", read_image(picture("PNG")))
        two = images.add(tx, 2, "ada", "logo", read_image(other))
    shown = f"![a]({BASE}{one.path}) ![b]({BASE}{two.path}) ![c](https://old.example{two.path})"
    gone = f"{BASE}/files/{'0' * 32}.png"
    define(store, ("template", "hi"), channel="email", subject="Hi", body=f"{shown} {gone}")
    root = tmp_path / "out"
    (root / "images").mkdir(parents=True)
    (root / "images/logo.png").write_bytes(picture("PNG", (1, 1)))
    pull(store, root, here())
    text = (root / "templates/hi.yaml").read_text()
    assert "images/Ete_co.png" in text and f"images/logo_{two.hash[:8]}.png" in text
    assert f"https://old.example{two.path}" in text and gone in text
    assert (root / f"images/logo_{two.hash[:8]}.png").read_bytes() == other
    # The same folder makes another space show the same.
    fresh = empty(tmp_path / "other")
    apply(fresh, root, here())
    assert stored(fresh, ("template", "hi")) == stored(store, ("template", "hi"))
    with fresh.read() as tx:
        assert images.data_of(tx, two.hash) == other


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("![a](images/none.png)", "there is no file images/none.png in the folder"),
        ("![a](images/bad.png)", "it can't be read as a PNG, JPEG, GIF or WebP image"),
        ("![a](images/out.png)", "is outside of the folder"),
    ],
)
def test_what_is_no_image_of_the_folder_is_told_at_its_place(
    store: Store, root: Path, text: str, wrong: str
) -> None:
    (root / "images/bad.png").write_bytes(b"<svg/>")
    (root / "images/out.png").symlink_to(root.parent / "secret.png")
    (root / "hi.md").write_text(text)
    with pytest.raises(work.BadFiles) as caught:
        work.plan(store, root, here())
    [fault] = caught.value.faults
    assert fault.file == "hi.yaml" and fault.line == 5 and wrong in fault.text


def test_too_many_bytes_are_refused_before_anything_is_applied(store: Store, root: Path) -> None:
    with pytest.raises(work.BadFiles, match="1 error") as caught:
        work.plan(store, root, here(room=10))
    assert "set CDP_IMAGES_MB" in caught.value.faults[0].text
    planned = work.plan(store, root, here())
    with pytest.raises(images.NoRoom):
        work.apply(store, planned, here(room=10), "eve", 1)
    assert stored(store, ("template", "hi")) is None
    with store.read() as tx:
        assert images.count(tx) == 0
