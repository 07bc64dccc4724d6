"""The blocks that an email can be made of, and the MJML that they stand for.

A block is what a form has: a type and a few plain values. Texts are Liquid; those of `text`
and `footer` are Markdown without any HTML. Nothing that a block says becomes markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from cdp.messaging.colors import HEX, ink_on
from cdp.messaging.templates.masking import LIQUID, Masker

Block = Mapping[str, Any]

ALIGN = ("left", "center", "right")
#: The sides of two columns.
SIDES = ("left", "right")
#: How many blocks one list may have.
MAX_BLOCKS = 50
_HEADINGS = {1: 26, 2: 21, 3: 17}
_FONT = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
_COLOR, _BACKGROUND = "#0b57d0", "#f4f5f7"
_WIDTH = 600
_TAGS = (
    r"(?:\{%-?\s*(?:if|elsif|else|endif|unless|endunless|for|endfor|case|when|endcase)\b"
    r"(?:(?!%\}).)*%\}\s*)+"
)


class Type(NamedTuple):
    """A type of block: what people call it, its fields, and those that it can't be without."""

    title: str
    fields: tuple[str, ...]
    needed: tuple[str, ...] = ()


TYPES: dict[str, Type] = {
    "heading": Type("heading", ("text", "level", "align"), ("text",)),
    "text": Type("text", ("text", "align"), ("text",)),
    "image": Type("image", ("src", "alt", "link", "width", "align"), ("src",)),
    "button": Type("button", ("text", "link", "align"), ("text", "link")),
    "divider": Type("divider", ()),
    "spacer": Type("spacer", ("height",)),
    "columns": Type("two columns", SIDES),
    "footer": Type("footer", ("text", "unsubscribe", "preferences"), ("unsubscribe",)),
}
#: What may stand in a column.
INNER = ("heading", "text", "image", "button", "divider", "spacer")
#: What a theme may say: the colour of links and buttons, and that around the message.
THEME = ("color", "background")
_RANGES = {"level": (1, 3), "width": (16, _WIDTH), "height": (4, 200)}


def faults(blocks: Sequence[Any], where: str = "block") -> Iterator[str]:
    """What is wrong with some blocks, a sentence without its full stop each."""
    known = tuple(TYPES) if where == "block" else INNER
    if len(blocks) > MAX_BLOCKS:
        yield f"there are more than {MAX_BLOCKS} blocks"
    for number, block in enumerate(blocks, 1):
        at = f"{where} {number}"
        if not isinstance(block, Mapping):
            yield f"{at} is no block"
            continue
        type_ = TYPES.get(str(block.get("type"))) if block.get("type") in known else None
        if type_ is None:
            yield f"{at} has no type that there is: {', '.join(known)}"
            continue
        yield from _of_one(f"{at} ({type_.title})", block, type_)
        for side in SIDES if block["type"] == "columns" else ():
            if isinstance(block.get(side, []), Sequence) and not isinstance(block.get(side), str):
                yield from faults(block.get(side, []), f"{at}, {side}")
            else:
                yield f"{at}: {side} is a list of blocks"


def _of_one(at: str, block: Block, type_: Type) -> Iterator[str]:
    for name in type_.needed:
        if not str(block.get(name) or "").strip():
            yield f"{at} needs {_WORDS[name]}"
    for name, value in block.items():
        if name == "type" or (name in SIDES and type_ is TYPES["columns"]):
            continue
        if name not in type_.fields:
            yield f"{at} has no field {name}"
        elif name in _RANGES:
            low, high = _RANGES[name]
            if type(value) is not int or not low <= value <= high:
                yield f"{at}: {name} is a number from {low} to {high}"
        elif name == "align":
            if value not in ALIGN:
                yield f"{at}: align is {', '.join(ALIGN[:-1])} or {ALIGN[-1]}"
        elif not isinstance(value, str):
            yield f"{at}: {name} is a text"
        elif name in ("src", "link") and ("\n" in value or _scheme(value) == "bad"):
            yield f"{at}: {name} is one address, such as https://example.org/shoes"


_WORDS = {"text": "a text", "src": "an image", "link": "a link", "unsubscribe": "a way out"}


def _scheme(address: str) -> str:
    """bad, for an address that no mailbox should open."""
    found = re.match(r"\s*([a-zA-Z][\w+.-]*):", address)
    good = ("http", "https", "mailto", "tel", "sms")
    return "bad" if found and found[1].lower() not in good else ""


def finished(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """The blocks that can be shown, of some that are being written."""
    found = []
    for block in blocks:
        one = dict(block)
        for side in SIDES if one.get("type") == "columns" else ():
            if isinstance(one.get(side), list):
                one[side] = finished(one[side])
        if not any(faults([one])):
            found.append(one)
    return found


def mjml(
    blocks: Sequence[Block], theme: Mapping[str, str] | None = None, whole: bool = True
) -> str:
    """The MJML of some blocks; not ``whole``: the sections alone, for a layout."""
    theme = theme or {}
    color = theme["color"] if HEX.fullmatch(theme.get("color") or "") else _COLOR
    sections = "\n".join(_sections(blocks, color))
    if not whole:
        return sections
    background = theme.get("background") or ""
    background = background if HEX.fullmatch(background) else _BACKGROUND
    return (
        "<mjml>\n<mj-head>\n<mj-attributes>\n"
        f'<mj-all font-family="{_FONT}" />\n'
        '<mj-text font-size="16px" line-height="1.5" color="#1f2328" />\n'
        "</mj-attributes>\n"
        f"<mj-style>{_style(color)}</mj-style>\n</mj-head>\n"
        f'<mj-body background-color="{background}" width="{_WIDTH}px" css-class="page">\n'
        f"{sections}\n</mj-body>\n</mjml>\n"
    )


def _style(color: str) -> str:
    return f"""
.said p, .said ul, .said ol {{ margin: 0 0 12px; }}
.said p:last-child {{ margin-bottom: 0; }}
.said a {{ color: {color}; }}
@media (prefers-color-scheme: dark) {{
  body, .page {{ background-color: #0d1013 !important; }}
  .sheet, .sheet > table {{ background-color: #1a1e22 !important; }}
  .said div, .said h1, .said h2, .said h3 {{ color: #e6e8ea !important; }}
  .said a {{ color: #8ab4f8 !important; }}
  .sheet img {{ color: #e6e8ea !important; }}
}}
"""


def _sections(blocks: Sequence[Block], color: str) -> Iterator[str]:
    """Sections; what follows each other in one column stands in one."""
    run: list[str] = []
    for block in blocks:
        if block["type"] == "columns":
            if run:
                yield _section(_column(run))
            run = []
            sides = [[_element(one, color) for one in block.get(side, [])] for side in SIDES]
            yield _section("\n".join(_column(side) for side in sides))
        else:
            run.append(_element(block, color))
    if run:
        yield _section(_column(run))


def _section(columns: str) -> str:
    # Mail in a dark room has a dark sheet; its class is for that.
    return (
        '<mj-section background-color="#ffffff" padding="8px 0" css-class="sheet">\n'
        f"{columns}\n</mj-section>"
    )


def _column(elements: Sequence[str]) -> str:
    return "<mj-column>\n" + "\n".join(elements) + "\n</mj-column>"


def _element(block: Block, color: str) -> str:
    made: str = _MAKERS[block["type"]](block, color)
    return made


def _heading(block: Block, color: str) -> str:
    level = block.get("level") or 1
    size = _HEADINGS[level]
    style = f"margin:0;font-size:{size}px;line-height:1.25;color:#1f2328"
    said = f'<h{level} style="{style}">{said_plainly(block["text"])}</h{level}>'
    return f'<mj-text{_align(block, "left")} css-class="said">{said}</mj-text>'


def _text(block: Block, color: str) -> str:
    return f'<mj-text{_align(block, "left")} css-class="said">{formatted(block["text"])}</mj-text>'


def _image(block: Block, color: str) -> str:
    more = f' width="{block["width"]}px"' if block.get("width") else ""
    if block.get("link"):
        more += f' href="{said_plainly(block["link"].strip())}"'
    alt = said_plainly(" ".join(str(block.get("alt") or "").split()))
    src = said_plainly(block["src"].strip())
    return f'<mj-image src="{src}" alt="{alt}"{more}{_align(block, "center")} />'


def _button(block: Block, color: str) -> str:
    return (
        f'<mj-button href="{said_plainly(block["link"].strip())}"{_align(block, "left")} '
        f'background-color="{color}" color="{ink_on(color)}" border-radius="6px" '
        f'font-size="16px" font-weight="600">{said_plainly(block["text"])}</mj-button>'
    )


def _divider(block: Block, color: str) -> str:
    return '<mj-divider border-width="1px" border-color="#d0d7de" />'


def _spacer(block: Block, color: str) -> str:
    return f'<mj-spacer height="{block.get("height") or 24}px" />'


def _footer(block: Block, color: str) -> str:
    links = [f'<a href="{{% unsubscribe_url %}}">{said_plainly(block["unsubscribe"])}</a>']
    if block.get("preferences"):
        address = "{% manage_subscription_preferences_url %}"
        links.append(f'<a href="{address}">{said_plainly(block["preferences"])}</a>')
    said = formatted(block["text"]) if block.get("text") else ""
    return (
        '<mj-text align="center" font-size="13px" color="#57606a" css-class="said">'
        f"{said}<p>{' · '.join(links)}</p></mj-text>"
    )


_MAKERS = {
    "heading": _heading, "text": _text, "image": _image, "button": _button,
    "divider": _divider, "spacer": _spacer, "footer": _footer,
}  # fmt: skip


def _align(block: Block, usual: str) -> str:
    return f' align="{block.get("align") or usual}"'


def said_plainly(text: str) -> str:
    """A text that is no markup, but for the Liquid in it."""
    found, at = [], 0
    for liquid in LIQUID.finditer(text):
        found += [escape(text[at : liquid.start()]), liquid[0]]
        at = liquid.end()
    return "".join([*found, escape(text[at:])])


def formatted(text: str) -> str:
    """Markdown as HTML; HTML in it is shown as it was typed, and images stand for themselves."""
    from cdp.messaging.templates.markdown import plain_reader

    masker = Masker("blocks", text)
    html = masker.show(plain_reader().render(masker.mask(text)).strip())
    # A line of tags alone is no line of the message.
    html = re.sub(rf"<p>({_TAGS})</p>\n?", r"\1", html)
    html = re.sub(rf"(<p>|<br />\n)({_TAGS})<br />\n", r"\1\2", html)
    return re.sub(rf"<br />\n({_TAGS})</p>", r"\1</p>", html)
