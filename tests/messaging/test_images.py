"""Images are decoded before they are kept, and lose what is nobody's to read."""

from __future__ import annotations

import io
import zlib
from typing import Any

import pytest
from PIL import Image

from cdp.messaging.images import MAX_BYTES, BadImage, named_in, path_of, read_image


def picture(format_: str, size: tuple[int, int] = (4, 3), **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#1d5bc4").save(out, format_, **more)
    return out.getvalue()


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "WEBP"])
def test_an_image_is_kept_as_it_is_under_a_name_of_its_content(format_: str) -> None:
    data = picture(format_)
    found = read_image(data)
    assert (found.type, found.width, found.height) == (format_.lower(), 4, 3)
    assert found.data == data
    assert found.hash == read_image(data).hash != read_image(picture(format_, (5, 3))).hash
    assert named_in(f'<img src="https://x.example{path_of(found.hash, found.type)}">') == {
        found.hash
    }


def test_a_photo_loses_where_it_was_taken_and_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by the camera
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010E] = "at home"
    found = read_image(picture("JPEG", (8, 4), exif=exif))
    assert b"at home" not in found.data and b"Exif" not in found.data
    assert (found.width, found.height) == (4, 8)
    assert Image.open(io.BytesIO(found.data)).size == (4, 8)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"<svg onload=x>", b"%PDF-1.4", b"GIF89a", picture("BMP"), picture("PNG")[:40],
        picture("JPEG", (64, 64))[:200], picture("PNG") [:-20] + b"\x00" * 20,
    ],
)  # fmt: skip
def test_what_is_no_whole_image_of_these_types_is_refused(data: bytes) -> None:
    with pytest.raises(BadImage, match="can't be read"):
        read_image(data)


def test_what_is_too_large_to_be_decoded_is_not() -> None:
    with pytest.raises(BadImage, match="2 MB"):
        read_image(b"\x89PNG" + bytes(MAX_BYTES))
    with pytest.raises(BadImage, match="4,096"):
        read_image(picture("PNG", (5000, 1)))
    # A header that promises more than anybody could hold.
    head = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    bomb = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\x0d" + head + zlib.crc32(head).to_bytes(4, "big")
    with pytest.raises(BadImage):
        read_image(bomb)
    frames = [Image.new("P", (2000, 2000), n) for n in range(15)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(BadImage, match="frames"):
        read_image(out.getvalue())
