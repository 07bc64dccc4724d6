"""Tags beyond Shopify's standard ones: addresses of the delivery, and links."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from typing import Any

from liquid import Node
from liquid.ast import BlockNode
from liquid.builtin.expressions import parse_primitive
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.builtin.tags.tablerow_tag import TablerowNode, TablerowTag
from liquid.exceptions import LiquidSyntaxError
from liquid.parser import get_parser
from liquid.tag import Tag
from liquid.token import TOKEN_COLON, TOKEN_COMMA, TOKEN_EOF, TOKEN_TAG, TOKEN_WORD
from markupsafe import escape

from cdp.messaging.templates.errors import RenderError
from cdp.messaging.templates.links import Link, address
from cdp.messaging.templates.policy import Missing, Run
from cdp.messaging.templates.stringify import shown

#: What stands for addresses that the sender knows: the tag, and the field of `Urls`.
URL_TAGS = {
    "unsubscribe_url": "unsubscribe",
    "manage_subscription_preferences_url": "preferences",
    "view_in_browser_url": "view_in_browser",
}
_URL_ABOUT = {
    "unsubscribe_url": "Where the person unsubscribes.",
    "manage_subscription_preferences_url": "Where the person chooses topics and channels.",
    "view_in_browser_url": "The message as a page.",
}


class UrlNode(Node):
    """An address that the sender knows."""

    __slots__ = ("tag",)

    def __init__(self, token: Any, tag: str) -> None:
        super().__init__(token)
        self.tag, self.blank = tag, False

    def render_to_output(self, context: Any, buffer: Any) -> int:
        written: int = buffer.write(self.said(context.run, context.autoescape))
        return written

    def said(self, run: Run | None, html: bool) -> str:
        """The address; `RenderError` where the delivery has none."""
        found: str = getattr(run.urls, URL_TAGS[self.tag]) if run is not None else ""
        if not found:
            text = f"this message has no {self.tag}"
            raise RenderError(text, variable=self.tag, where=run.where if run else "")
        return escape(found) if html else found


class _UrlTag(Tag):
    block = False

    def parse(self, stream: Any) -> Node:
        stream.expect(TOKEN_TAG)
        return UrlNode(stream.current, stream.current.value)


def url_tags() -> list[type[Tag]]:
    """A tag for each of `URL_TAGS`."""
    return [
        type(name, (_UrlTag,), {"name": name, "__doc__": _URL_ABOUT[name]}) for name in URL_TAGS
    ]


class CioLinkNode(Node):
    """A link with its own rules."""

    __slots__ = ("arguments",)

    def __init__(self, token: Any, arguments: dict[str, Any]) -> None:
        super().__init__(token)
        self.arguments, self.blank = arguments, False

    def expressions(self) -> Any:
        return self.arguments.values()

    def render_to_output(self, context: Any, buffer: Any) -> int:
        written: int = buffer.write(self.said(context))
        return written

    def said(self, context: Any) -> str:
        """The address, by its own rules."""
        given = {name: value.evaluate(context) for name, value in self.arguments.items()}
        link = Link(given.get("track", True) is not False, given.get("url_params") is not False)
        found = address(unescape(shown(given["url"])), link, context.run)
        return escape(found) if context.autoescape else found


class CioLinkTag(Tag):
    """A link that is, or is not, tracked or given UTM parameters."""

    name, block = "cio_link", False

    def parse(self, stream: Any) -> Node:
        token = stream.eat(TOKEN_TAG)
        arguments = dict(_arguments(self.env, stream.into_inner(tag=token, eat=False)))
        unknown = [name for name in arguments if name not in ("url", "track", "url_params")]
        if unknown or "url" not in arguments:
            text = f"cio_link has no {unknown[0]}" if unknown else "cio_link needs a url"
            raise LiquidSyntaxError(f"{text}: url, track, url_params", token=token)
        return CioLinkNode(token, arguments)


def _arguments(env: Any, tokens: Any) -> Iterator[tuple[str, Any]]:
    """``name: value`` pairs, with or without commas between them."""
    while tokens.current.kind != TOKEN_EOF:
        if tokens.current.kind == TOKEN_COMMA:
            next(tokens)
            continue
        name = tokens.eat(TOKEN_WORD).value
        tokens.eat(TOKEN_COLON)
        yield name, parse_primitive(env, tokens)


class LinkNode(Node):
    """Around the address of a link in HTML; put by the compiler."""

    __slots__ = ("block", "link")

    def __init__(self, token: Any, link: Link, block: BlockNode) -> None:
        super().__init__(token)
        self.link, self.block, self.blank = link, block, False

    def children(self, static_context: Any, *, include_partials: bool = True) -> Any:
        return [self.block]

    def render_to_output(self, context: Any, buffer: Any) -> int:
        inner = context.get_buffer(buffer)
        self.block.render(context, inner)
        written: int = buffer.write(self.said(inner.getvalue(), context.run, context.autoescape))
        return written

    def said(self, inner: str, run: Run | None, html: bool) -> str:
        """The address, once what is inside has been rendered."""
        own = all(isinstance(node, UrlNode | CioLinkNode) for node in self.block.nodes)
        if own or run is None:
            return inner  # such an address has rules of its own
        found = address(unescape(inner) if html else inner, self.link, run)
        return escape(found) if html else found


class LinkTag(Tag):
    """``{% link__ MODE %}…{% endlink__ %}``, where MODE says t(racked) and p(arameters)."""

    name, end = "link__", "endlink__"

    def parse(self, stream: Any) -> Node:
        token = stream.eat(TOKEN_TAG)
        mode = stream.current.value
        stream.into_inner(tag=token)
        block = get_parser(self.env).parse_block(stream, frozenset((self.end,)))
        stream.expect(TOKEN_TAG, value=self.end)
        return LinkNode(token, Link("t" in mode, "p" in mode), block)


class PixelNode(Node):
    """The image that tells of an opening; put by the compiler."""

    def __init__(self, token: Any) -> None:
        super().__init__(token)
        self.blank = False

    def render_to_output(self, context: Any, buffer: Any) -> int:
        written: int = buffer.write(self.said(context.run))
        return written

    def said(self, run: Run | None) -> str:
        """The image, or nothing."""
        if run is None or not run.urls.pixel:
            return ""
        return f'<img src="{escape(run.urls.pixel)}" width="1" height="1" alt="">'


class PixelTag(Tag):
    """``{% pixel__ %}``."""

    name, block = "pixel__", False

    def parse(self, stream: Any) -> Node:
        stream.expect(TOKEN_TAG)
        return PixelNode(stream.current)


class BoundedFor(ForNode):
    """A loop whose turns count, by how much is inside of it; over what must be there.

    With an ``else`` it says itself what happens where nothing is.
    """

    def render_to_output(self, context: Any, buffer: Any) -> int:
        context.weight = 1 + len(self.block.nodes)
        if self.default is None:
            _wanted(self.expression.iterable, context)
        return super().render_to_output(context, buffer)


class BoundedForTag(ForTag):
    """``{% for %}``."""

    node_class = BoundedFor


class BoundedTablerow(TablerowNode):
    """A table, likewise."""

    def render_to_output(self, context: Any, buffer: Any) -> int:
        context.weight = 1 + len(self.block.nodes)
        _wanted(self.expression.iterable, context)
        return super().render_to_output(context, buffer)


class BoundedTablerowTag(TablerowTag):
    """``{% tablerow %}``."""

    node_class = BoundedTablerow


def _wanted(iterable: Any, context: Any) -> None:
    found = iterable.evaluate(context)
    if context.run is not None and (found is None or isinstance(found, Missing)):
        context.run.missing(found.path if isinstance(found, Missing) else str(iterable))
