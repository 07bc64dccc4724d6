"""Hiding Liquid from what reads HTML, MJML and Markdown, and bringing it back.

Each piece of Liquid becomes a word of letters and digits (or a comment with it, where a
table's rows or an email's sections are), which parsers leave where it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cdp.messaging.templates.errors import TemplateError, Trouble
from cdp.messaging.templates.places import place

LIQUID = re.compile(
    r"\{%-?\s*(?P<block>raw|comment|doc)\s*-?%\}.*?\{%-?\s*end(?P=block)\s*-?%\}"
    r"|\{\{.*?\}\}|\{%.*?%\}",
    re.DOTALL,
)
_FOR_HTML = re.compile(r"\|\s*(?:escape|escape_once|newline_to_br)\b\s*(?=[|}-])")
_SAFE = re.compile(r"\|\s*safe\b")
#: A tag has at most 80 quoted values with 250 other characters between them, and what is
#: not closed ends with the text, so that nothing is looked at again and again.
_TAG = re.compile(
    r"<!--(?:.*?-->|.*)|<(/?)([a-zA-Z][\w:-]*)"
    r"((?:[^\"'>]{0,250}+(?:\"[^\"]*+\"|'[^']*+')){0,80}+[^\"'>]{0,1000}+)>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"([^\s=/>\"']+)(?:(\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s>]+))?")
#: Elements in which there are no elements.
_RAW = {"style", "title", "textarea", "script", "mj-style", "mj-title", "mj-preview"}
_STYLES = {"style", "mj-style"}
#: Attributes of MJML that become no CSS.
_NO_STYLE = {
    "alt", "base-url", "css-class", "href", "icon-unwrapped-url", "icon-wrapped-url", "id",
    "inline", "lang", "name", "path", "rel", "role", "sizes", "src", "srcset", "target",
    "thumbnails-src", "title", "usemap",
}  # fmt: skip
#: MJML's elements that hold other elements only, and take mj-raw among them.
_HOLDERS = {
    "mj-head", "mj-body", "mj-section", "mj-column", "mj-wrapper", "mj-group", "mj-hero",
}  # fmt: skip
_CLOSED = {
    "mj-social", "mj-navbar", "mj-carousel", "mj-accordion", "mj-accordion-element", "mjml",
    "mj-attributes",
}  # fmt: skip
#: Attributes with an address that something fetches or follows.
_ADDRESSES = {"src", "action", "formaction", "background", "poster", "xlink:href", "data"}
_EMPTY = {
    "mj-image",
    "mj-divider",
    "mj-spacer",
    "mj-font",
    "mj-all",
    "mj-class",
    "mj-html-attribute",
}


class Masker:
    """Hides Liquid in one message; ``field`` is where it stands."""

    def __init__(self, field: str, *sources: str) -> None:
        self.field = field
        self._hidden: list[str] = []
        self._replaced: set[int] = set()
        whole = "".join(sources).lower()
        salt = 0
        while f"lq{salt}x" in whole:
            salt += 1
        self._prefix = f"lq{salt}x"
        self._word = re.compile(
            rf"<!--({self._prefix}\d+q)-->|({self._prefix}\d+q)(?:=\"\")?", re.IGNORECASE
        )

    def hide(self, liquid: str) -> str:
        """A word for a piece of Liquid."""
        self._hidden.append(liquid)
        return f"{self._prefix}{len(self._hidden) - 1}q"

    def mask(self, text: str) -> str:
        """A text in which all Liquid is words."""
        return LIQUID.sub(lambda found: self.hide(found[0]), text)

    def show(self, text: str) -> str:
        """The text with its Liquid."""
        return self._word.sub(lambda found: self._liquid(found[1] or found[2]), text)

    def show_as_text(self, text: str) -> str:
        """The same for plain text: nothing is escaped for HTML, and a line of tags is none."""

        def liquid(found: re.Match[str]) -> str:
            said = _FOR_HTML.sub("", self._liquid(found[1] or found[2]))
            return _SAFE.sub("| strip_html", said)

        def line(found: re.Match[str]) -> str:
            words = re.findall(rf"{self._prefix}\d+q", found[0])
            shown = any(self._liquid(word).startswith("{{") for word in words)
            return found[0] if shown else found[0].strip()

        tags = rf"^[ \t]*(?:{self._prefix}\d+q[ \t]*)+\n"
        return self._word.sub(liquid, re.sub(tags, line, text, flags=re.MULTILINE))

    def lost(self, text: str) -> list[str]:
        """The Liquid whose words are not in a text."""
        there = {self._number(f[1] or f[2]) for f in self._word.finditer(text)} | self._replaced
        return [liquid for n, liquid in enumerate(self._hidden) if n not in there]

    def is_output(self, word: str) -> bool:
        """Whether a text begins with a word for ``{{ … }}``."""
        found = self._word.match(word)
        return found is not None and self._liquid(found[1] or found[2]).startswith("{{")

    def is_word(self, text: str) -> bool:
        """Whether a text is a word for Liquid and nothing else."""
        return self._word.fullmatch(text) is not None

    def apart(self, html: str) -> str:
        """HTML in which a row or an item of tags alone is these tags."""
        words = rf"((?:{self._prefix}\d+q)+)"
        row = rf"<tr>\s*<td[^>]*>{words}</td>(?:\s*<td[^>]*></td>)*\s*</tr>"
        item = rf"<li>\s*(?:<p>)?{words}(?:</p>)?\s*</li>"

        def tags(found: re.Match[str]) -> str:
            several = re.findall(rf"{self._prefix}\d+q", found[1] or found[2])
            if any(self._liquid(word).startswith("{{") for word in several):
                return found[0]
            return "".join(f"<!--{word}-->" for word in several)

        return re.sub(f"{row}|{item}", tags, html)

    def rows_inside(self, html: str) -> str:
        """HTML in which what decides about rows stands inside of their table's body."""
        word = rf"<!--{self._prefix}\d+q-->"
        return re.sub(rf"((?:{word}\s*)+)(<tbody>)", r"\2\1", html)

    def has_liquid(self, text: str) -> bool:
        """Whether a text has words for Liquid."""
        return self._word.search(text) is not None

    def _liquid(self, word: str) -> str:
        return self._hidden[self._number(word)]

    def _number(self, word: str) -> int:
        return int(word[len(self._prefix) : -1])

    def markup(self, source: str, mjml: bool = False) -> str:
        """HTML or MJML in which Liquid is words where it stands in texts and values.

        `TemplateError` where data could change what the markup means: in the name of
        an attribute, or in a value without quotes.
        """
        return self.scan(self.mask(source), source, mjml)

    def scan(self, masked: str, source: str, mjml: bool = False) -> str:
        """The same of what has its Liquid hidden already; ``source`` is for places."""
        found: list[str] = []
        at, raw, stack = 0, "", list[str]()
        for tag in _TAG.finditer(masked):
            if tag.start() < at:
                continue
            if raw:
                if tag[2] is None or not tag[1] or tag[2].lower() != raw:
                    continue
                text = masked[at : tag.start()]
                found.append(self._styled(text) if raw in _STYLES else text)
                raw = ""
            else:
                found.append(self._text(masked[at : tag.start()], stack, mjml, source))
            found.append(self._tag(tag, source) if tag[2] and not tag[1] else tag[0])
            at = tag.end()
            name = (tag[2] or "").lower()
            if tag[2] is None:
                continue
            if not tag[1] and name in _RAW:
                raw = name
            if name.startswith("mj"):
                if tag[1]:
                    while stack and stack.pop() != name:
                        pass
                elif not tag[3].rstrip().endswith("/") and name not in _EMPTY:
                    stack.append(name)
        rest = masked[at:]
        found.append(rest if raw else self._text(rest, stack, mjml, source))
        return "".join(found)

    def _text(self, text: str, stack: list[str], mjml: bool, source: str) -> str:
        inside = stack[-1] if stack else ""
        if not mjml or inside not in (*_HOLDERS, *_CLOSED):
            return self._word.sub(self._as_comment, text)

        def raw(found: re.Match[str]) -> str:
            if found[1]:
                return found[0]
            liquid = self._liquid(found[2])
            if inside in _CLOSED:
                raise self._trouble(
                    source, liquid, f"Liquid can't stand between the parts of {inside}"
                )
            return f"<mj-raw><!--{found[2]}--></mj-raw>"

        return self._word.sub(raw, text)

    def _as_comment(self, found: re.Match[str]) -> str:
        word = found[1] or found[2]
        # What is shown is a word of a sentence; what decides may stand between rows.
        return word if self._liquid(word).startswith("{{") else f"<!--{word}-->"

    def _tag(self, tag: re.Match[str], source: str) -> str:
        if not self.has_liquid(tag[3]):
            return tag[0]
        is_mjml = tag[2].lower().startswith("mj-")

        def attribute(found: re.Match[str]) -> str:
            name, equals, value = found[1], found[2], found[3]
            if self.has_liquid(name):
                first = self._word.search(name)
                assert first is not None
                liquid = self._liquid(first[1] or first[2])
                if liquid.startswith("{{"):
                    raise self._trouble(source, liquid, "a value can't make attributes of a tag")
            if not value or not self.has_liquid(value):
                return found[0]
            if value[0] not in "\"'":
                liquid = self.show(value)
                raise self._trouble(source, liquid, f"put quotes around the value of {name}")
            if name.lower().startswith("on"):
                raise self._trouble(source, self.show(value[1:-1]), f"{name} can't hold Liquid")
            if name.lower() == "background-url":
                value = self._all(value, "css_url__")
            elif name.lower() == "style" or (is_mjml and name.lower() not in _NO_STYLE):
                value = self._styled(value)
            elif name.lower() in _ADDRESSES and self.is_output(value[1:].lstrip()):
                value = value[0] + self._word.sub(self._guarded, value[1:-1], count=1) + value[-1]
            return f"{name}{equals}{value}"

        return f"<{tag[2]}{_ATTRIBUTE.sub(attribute, tag[3])}>"

    def _styled(self, text: str) -> str:
        return self._all(text, "css__")

    def _all(self, text: str, name: str) -> str:
        """A text in which each output has one more filter."""

        def piped_(found: re.Match[str]) -> str:
            word = found[1] or found[2]
            liquid = self._liquid(word)
            if not liquid.startswith("{{") or f"| {name}" in liquid:
                return found[0]
            self._replaced.add(self._number(word))
            return self.hide(piped(liquid, name))

        return self._word.sub(piped_, text)

    def _guarded(self, found: re.Match[str]) -> str:
        word = found[1] or found[2]
        self._replaced.add(self._number(word))
        return self.hide(piped(self._liquid(word), "address__"))

    def _trouble(self, source: str, liquid: str, text: str) -> TemplateError:
        at = source.find(liquid)
        where = place(source, at) if at >= 0 else (None, None)
        return TemplateError([Trouble(self.field, text, *where)])


def piped(liquid: str, name: str) -> str:
    """``{{ … }}`` with one more filter at its end."""
    body = liquid[2:-2]
    dash = "-" if body.endswith("-") else ""
    return "{{" + body.removesuffix("-").rstrip() + f" | {name} {dash}" + "}}"


def outputs(source: str, change: Callable[[str], str]) -> str:
    """The text with each ``{{ … }}`` changed."""

    def one(found: re.Match[str]) -> str:
        return change(found[0]) if found[0].startswith("{{") else found[0]

    return LIQUID.sub(one, source)
