"""Putting snippets, and what a layout is around, into a text before it is compiled.

``{{ snippets.footer }}`` and ``{% render "footer" %}`` become the snippet's text. What
``render`` is given is assigned before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cdp.messaging.templates.errors import TemplateError, Trouble
from cdp.messaging.templates.places import place

#: Snippets inside of snippets, and the longest text with all of them (characters).
MAX_DEPTH, MAX_SOURCE = 8, 500_000
_NAME = r"""(?:\.([A-Za-z_][\w-]*)|\[\s*(?:"([^"]+)"|'([^']+)')\s*\])"""
_OUTPUT = re.compile(r"\{\{-?\s*snippets" + _NAME + r"\s*-?\}\}")
_RENDER = re.compile(
    r"""\{%-?\s*(?:render|include)\s+(?:"([^"]+)"|'([^']+)')\s*"""
    r"""(?:(with|for)\s+([\w.\[\]"'-]+)(?:\s+as\s+(\w+))?\s*)?,?\s*((?:(?!-?%\}).)*?)\s*-?%\}""",
    re.DOTALL,
)
_ARGUMENT = re.compile(r"""(\w+)\s*:\s*("[^"]*"|'[^']*'|[^,\s]+)\s*,?\s*""")
_CONTENT = re.compile(r"\{\{-?\s*content\s*-?\}\}")


class Mention(NamedTuple):
    """That a text says a snippet: its key, and where (from 1)."""

    key: str
    line: int
    column: int


def mentions(source: str) -> Iterator[Mention]:
    """The snippets that a text says."""
    for pattern in (_OUTPUT, _RENDER):
        for found in pattern.finditer(source):
            yield Mention(_key(found), *place(source, found.start()))


def renamed(source: str, old: str, new: str) -> str:
    """The text with another key for a snippet."""

    def swap(found: re.Match[str]) -> str:
        if _key(found) != old:
            return found[0]
        at = next(n for n in (1, 2, 3) if n <= (found.re.groups) and found[n] == old)
        start, end = found.start(at) - found.start(), found.end(at) - found.start()
        return found[0][:start] + new + found[0][end:]

    return _RENDER.sub(swap, _OUTPUT.sub(swap, source))


def expanded(field: str, source: str, snippets: Mapping[str, str]) -> str:
    """The text with all snippets put in; `TemplateError`."""
    return _expanded(field, source, snippets, ())


def _expanded(field: str, source: str, snippets: Mapping[str, str], inside: tuple[str, ...]) -> str:
    def text_of(found: re.Match[str]) -> str:
        key = _key(found)
        if key not in snippets:
            raise _trouble(field, source, found, f"there is no snippet {key}")
        if key in inside:
            way = " → ".join([*inside, key])
            raise _trouble(field, source, found, f"the snippet {key} is inside of itself: {way}")
        if len(inside) >= MAX_DEPTH:
            raise _trouble(field, source, found, f"more than {MAX_DEPTH} snippets in each other")
        return _expanded(field, snippets[key], snippets, (*inside, key))

    def rendered(found: re.Match[str]) -> str:
        key, how, what, name, given = _key(found), found[3], found[4], found[5], found[6]
        left = _ARGUMENT.sub("", given)
        if left.strip():
            raise _trouble(field, source, found, f"render can't be given {left.strip()[:40]}")
        text = "".join(
            f"{{% assign {a[1]} = {a[2]} %}}" for a in _ARGUMENT.finditer(given)
        ) + text_of(found)
        if how == "with":
            return f"{{% assign {name or key} = {what} %}}{text}"
        if how == "for":
            return f"{{% for {name or key} in {what} %}}{text}{{% endfor %}}"
        return text

    made = _RENDER.sub(rendered, _OUTPUT.sub(text_of, source))
    if len(made) > MAX_SOURCE:
        raise TemplateError(
            [Trouble(field, f"with its snippets it has more than {MAX_SOURCE:,} characters")]
        )
    return made


def without(source: str) -> str:
    """The text with nothing but blanks where snippets are, so that places stay."""

    def blank(found: re.Match[str]) -> str:
        return "".join(char if char == "\n" else " " for char in found[0])

    return _RENDER.sub(blank, _OUTPUT.sub(blank, source))


def has_content(layout: str) -> bool:
    """Whether a layout says where its messages go."""
    return _CONTENT.search(layout) is not None


def around(layout: str, content: str) -> str:
    """A layout with something in it."""
    return _CONTENT.sub(lambda _: content, layout)


def _key(found: re.Match[str]) -> str:
    names = (found[1], found[2]) if found.re is _RENDER else (found[1], found[2], found[3])
    return next(name for name in names if name)


def _trouble(field: str, source: str, found: re.Match[str], text: str) -> TemplateError:
    return TemplateError([Trouble(field, text, *place(source, found.start()))])
