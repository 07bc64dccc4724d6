"""The plain text of an email, made of its HTML while Liquid is hidden in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from cdp.messaging.templates.masking import Masker

_SKIPPED = {"head", "style", "script", "title", "template", "noscript"}
_VOID = {"br", "img", "hr", "meta", "link", "input", "area", "base", "col", "source", "wbr"}
_BLOCKS = {
    "p", "div", "table", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote",
    "section", "article", "header", "footer", "pre", "center", "body", "html",
}  # fmt: skip
_APART = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table"}
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_BLANKS = re.compile(r"[ \t\r\f\v\xa0]*\n[ \t\r\f\v\xa0]*")
_BULLET = re.compile(r"- |\d+\. ")
_INVISIBLE = re.compile(r"[\u200b-\u200d\u2060\ufeff\xad\u034f]")


def plain_text(html: str, masker: Masker) -> str:
    """What masked HTML says: paragraphs apart, links with their addresses, images by their alt."""
    reader = _Reader(masker)
    reader.feed(html)
    reader.close()
    return tidy("".join(reader.found))


def tidy(text: str) -> str:
    """A text without blanks around lines and with one empty line in a row at most."""
    return re.sub(r"\n{3,}", "\n\n", _BLANKS.sub("\n", text)).strip() + "\n"


class _Reader(HTMLParser):
    def __init__(self, masker: Masker) -> None:
        super().__init__(convert_charrefs=True)
        self.masker = masker
        self.found: list[str] = []
        #: Elements that are open: name, and whether what is inside is left out.
        self.open: list[tuple[str, bool]] = []
        self.links: list[tuple[str, int]] = []
        self.counts: list[int] = []

    @property
    def skips(self) -> bool:
        return bool(self.open) and self.open[-1][1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _VOID:
            self._void(tag, given)
            return
        hidden = self.skips or tag in _SKIPPED or _HIDDEN.search(given.get("style", "")) is not None
        self.open.append((tag, hidden))
        if tag == "a":
            self.links.append((given.get("href", ""), len(self.found)))
        if hidden:
            return
        self._line(tag)
        if tag in ("ul", "ol"):
            self.counts.append(0 if tag == "ol" else -1)
        elif tag == "li":
            self.found.append(self._bullet())
        elif tag in ("td", "th"):
            self.found.append(" ")

    def _line(self, tag: str) -> None:
        """Begin a line where an element begins or ends, or a paragraph."""
        last = next((piece for piece in reversed(self.found) if piece.strip(" ")), "\n")
        if tag not in _BLOCKS or _BULLET.fullmatch(last):
            return
        in_list = tag in ("ul", "ol") and len(self.counts) > 1
        if tag in _APART and not in_list:
            self.found.append("\n\n")
        elif not last.endswith("\n"):
            self.found.append("\n")

    def _void(self, tag: str, given: dict[str, str]) -> None:
        if self.skips:
            return
        if tag == "br":
            self.found.append("\n")
        elif tag == "hr":
            self.found.append("\n\n---\n\n")
        elif tag == "img" and given.get("alt", "").strip("+- "):
            self.found.append(_spaced(given["alt"]))

    def _bullet(self) -> str:
        if not self.counts or self.counts[-1] < 0:
            return "- "
        self.counts[-1] += 1
        return f"{self.counts[-1]}. "

    def handle_endtag(self, tag: str) -> None:
        if not any(name == tag for name, _ in self.open):
            return
        hidden = False
        while self.open:
            name, hidden = self.open.pop()
            if name == tag:
                break
        if tag == "a" and self.links:
            self._close_link(*self.links.pop(), hidden=hidden)
        if hidden:
            return
        self._line(tag)
        if tag in ("ul", "ol") and self.counts:
            self.counts.pop()

    def _close_link(self, href: str, begins: int, *, hidden: bool) -> None:
        said = "".join(self.found[begins:]).strip()
        address = href.strip().removeprefix("mailto:")
        if hidden or not address or address.startswith("#") or said == address:
            return
        if not said:
            self.found.append(href.strip())
        else:
            self.found.append(f" ({address})")

    def handle_data(self, data: str) -> None:
        if not self.skips:
            text = _INVISIBLE.sub("", data)
            # What HTML says with entities must not become Liquid here.
            text = text.replace("{{", "{ {").replace("{%", "{ %")
            if text.strip() or not (self.found and self.found[-1].endswith("\n")):
                self.found.append(_spaced(text))

    def handle_comment(self, data: str) -> None:
        if not self.skips and self.masker.is_word(data):
            self.found.append(data)
            if self.open and self.open[-1][0] == "ol" and self.counts:
                self.counts[-1] = -1  # how many items come is not known yet


def _spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text)
