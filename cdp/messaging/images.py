"""Images that messages show: read and looked over before one is kept."""

from __future__ import annotations

import io
import re
import warnings
from hashlib import sha256
from typing import Any, NamedTuple

#: The largest file (bytes), side, and all frames together (pixels).
MAX_BYTES, MAX_SIDE, MAX_PIXELS = 2 << 20, 4096, 50_000_000
#: The endings of their addresses with their media types: nothing that can hold a script.
TYPES = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
_MADE = re.compile(rf"/files/([0-9a-f]{{32}})\.(?:{'|'.join(TYPES)})")


class BadImage(ValueError):
    """A file that is not kept, and why."""


class Image(NamedTuple):
    """An image. ``type`` is one of `TYPES`; sides in pixels; ``hash`` names its content."""

    hash: str
    type: str
    width: int
    height: int
    data: bytes


def path_of(hash_: str, type_: str) -> str:
    """The path of an image's address on our own host."""
    return f"/files/{hash_}.{type_}"


def named_in(text: str) -> set[str]:
    """The hashes of the images whose addresses a text says."""
    return set(_MADE.findall(text))


def read_image(data: bytes) -> Image:
    """The image in a file, decoded once to be sure that it is one; `BadImage`.

    A photo loses what cameras write into it: where and when it was taken is nobody's to read.
    """
    if len(data) > MAX_BYTES:
        raise BadImage(f"it has more than {MAX_BYTES >> 20} MB; mailboxes load small ones gladly")
    from PIL import Image as pillow

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            found = pillow.open(io.BytesIO(data), formats=[name.upper() for name in TYPES])
            _check_size(found)
            made = _decoded(found, data)
    except BadImage:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, MemoryError,
            pillow.DecompressionBombError, pillow.DecompressionBombWarning):  # fmt: skip
        raise BadImage("it can't be read as a PNG, JPEG, GIF or WebP image") from None
    width, height, kept = made
    return Image(sha256(kept).hexdigest()[:32], str(found.format).lower(), width, height, kept)


def _check_size(found: Any) -> None:
    if max(found.size) > MAX_SIDE:
        raise BadImage(f"it is {found.width} × {found.height} pixels; {MAX_SIDE:,} is the most")
    if found.width * found.height * getattr(found, "n_frames", 1) > MAX_PIXELS:
        raise BadImage(f"its frames have more than {MAX_PIXELS // 1_000_000} million pixels")


def _decoded(found: Any, data: bytes) -> tuple[int, int, bytes]:
    """Width and height, and the file as it is kept."""
    for number in range(getattr(found, "n_frames", 1)):
        found.seek(number)
        found.load()
    if found.format != "JPEG" or not found.getexif():
        return found.width, found.height, data
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(found)
    out = io.BytesIO()
    profile = found.info.get("icc_profile")
    upright.save(out, "JPEG", quality=92, optimize=True, exif=b"", icc_profile=profile)
    return upright.width, upright.height, out.getvalue()
