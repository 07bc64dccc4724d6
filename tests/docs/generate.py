"""Writes the parts of the documentation that are read from the code.

``python -m tests.docs.generate`` (or ``make reference``) rewrites everything between
``<!-- begin NAME -->`` and ``<!-- end NAME -->`` in the pages; a test fails while a
committed page says something else than the code.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.docs import (
    admin_api,
    commands,
    condition_pages,
    cookbook,
    file_pages,
    journey_pages,
    liquid_pages,
    plugin_pages,
    server_pages,
)

ROOT = Path(__file__).parents[2]
BLOCKS = {
    **server_pages.BLOCKS,
    **commands.BLOCKS,
    **plugin_pages.BLOCKS,
    **admin_api.BLOCKS,
    **condition_pages.BLOCKS,
    **cookbook.BLOCKS,
    **file_pages.BLOCKS,
    **journey_pages.BLOCKS,
    **liquid_pages.BLOCKS,
}
_BLOCK = re.compile(r"(<!-- begin ([\w-]+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def pages() -> list[Path]:
    """All pages that people read, in the order of their paths."""
    return [
        *sorted(ROOT.glob("*.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
    ]


def blocks_of(text: str) -> list[str]:
    """The names of the blocks in a page."""
    return [found[2] for found in _BLOCK.finditer(text)]


def rewritten(text: str) -> str:
    """The page with its blocks as the code has them now."""

    def block(found: re.Match[str]) -> str:
        return f"{found[1]}\n{BLOCKS[found[2]]().strip()}\n\n{found[3]}"

    return _BLOCK.sub(block, text)


def main() -> int:
    """Rewrite the pages and say which ones changed."""
    for path in pages():
        old = path.read_text()
        new = rewritten(old)
        if new != old:
            path.write_text(new)
            print(f"rewritten: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
