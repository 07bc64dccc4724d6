"""The words of the public pages, in the languages that there are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup, escape

FOLDER = Path(__file__).parent / "words"
USUAL = "en"


class Words(NamedTuple):
    """The words of one language. ``code`` as HTML has it; ``wish`` as it was asked for."""

    code: str
    texts: dict[str, str]
    wish: str = ""

    def say(self, key: str, **values: str) -> Markup:
        """A text, with ``values`` escaped in their places."""
        found = escape(self.texts[key])
        strong = {name: Markup("<strong>{}</strong>").format(v) for name, v in values.items()}
        return found.format(**strong)

    def plain(self, key: str, **values: str) -> str:
        """A text without any markup, for titles and buttons."""
        return self.texts[key].format(**values)


@cache
def languages() -> dict[str, Words]:
    """All languages, by code."""
    return {
        path.stem: Words(path.stem, json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(FOLDER.glob("*.json"))
    }


def names() -> dict[str, str]:
    """How each language calls itself, by code."""
    return {code: words.texts["language"] for code, words in languages().items()}


def words_for(*wishes: Iterable[str]) -> Words:
    """The words in the first language wished for that there is; ``pt-BR`` is met by ``pt``."""
    found = languages()
    for group in wishes:
        for wish in group:
            code = wish.replace("_", "-").lower()
            while code:
                if code in found:
                    return found[code]._replace(wish=wish)
                code = code.rpartition("-")[0]
    return found[USUAL]
