"""A part of a message (a subject, a body) that is compiled once and rendered often."""

from __future__ import annotations

from typing import Any

from liquid.builtin.content import ContentNode
from liquid.exceptions import LiquidError, LiquidInterrupt

from cdp.messaging.templates.blocks import Lite, block, said_by_data
from cdp.messaging.templates.context import MAX_OUTPUT, Buffer, Context
from cdp.messaging.templates.errors import RenderError
from cdp.messaging.templates.language import language, parse
from cdp.messaging.templates.output import Fast, OurOutput, fast, slow
from cdp.messaging.templates.plaintext import tidy
from cdp.messaging.templates.policy import Run
from cdp.messaging.templates.tags import CioLinkNode, LinkNode, PixelNode, UrlNode


class Part:
    """Liquid that was read. ``where`` is what errors call it.

    What only data decides is a function of it; the rest, such as loops, is the library's.
    """

    def __init__(self, source: str, where: str, *, html: bool) -> None:
        self.where, self.html, self.source = where, html, source
        self.template = parse(source, html)
        self._pieces: list[Any] = []
        assigned = _assigned(self.template.nodes)
        for node in self.template.nodes:
            self._pieces.append(self._piece(node, assigned))
        _join(self._pieces)
        self._is_constant = all(isinstance(piece, str) for piece in self._pieces)
        self._is_fast = all(isinstance(p, str) or callable(p) for p in self._pieces)

    def _piece(self, node: Any, assigned: set[str]) -> Any:
        if isinstance(node, ContentNode):
            return node.text
        env = language(self.html)
        if isinstance(node, OurOutput):
            quick = fast(node, env, assigned)
            if quick is None and said_by_data(node.expression, assigned):
                return slow(node.expression, self.html, lambda run: Lite(run, env))
            return quick or node
        if isinstance(node, CioLinkNode):
            if all(said_by_data(value, assigned) for value in node.arguments.values()):
                return lambda run: node.said(Lite(run, env))
            return node
        if isinstance(node, UrlNode):
            return lambda run: node.said(run, self.html)
        if isinstance(node, PixelNode):
            return node.said
        if isinstance(node, LinkNode):
            inner = [self._piece(child, assigned) for child in node.block.nodes]
            if all(isinstance(piece, str) or callable(piece) for piece in inner):
                return _link(node, inner, self.html)
            return node
        return block(node, lambda child: self._piece(child, assigned), env, assigned) or node

    def render(self, run: Run) -> str:
        """The text of this part for one message; `RenderError`."""
        pieces = self._pieces
        if self._is_constant:
            return "".join(pieces)
        run.where = self.where
        try:
            if self._is_fast:
                text = "".join([p if type(p) is str else p(run) for p in pieces])
            else:
                text = self._slowly(run)
        except RenderError:
            raise
        except (LiquidError, LiquidInterrupt) as error:
            raise RenderError(
                str(error.args[0]) if error.args else "broken", where=self.where
            ) from None
        except (ArithmeticError, ValueError, TypeError, LookupError, RecursionError) as error:
            raise RenderError(f"{type(error).__name__}: {error}"[:200], where=self.where) from None
        if len(text) > MAX_OUTPUT:
            raise RenderError(f"it has more than {MAX_OUTPUT:,} characters", where=self.where)
        # Halves of pairs of JSON's are no characters.
        return text if text.isascii() else text.encode(errors="replace").decode()

    def _slowly(self, run: Run) -> str:
        context = Context(self.template, run=run)
        buffer = Buffer()
        for piece in self._pieces:
            if type(piece) is str:
                buffer.write(piece)
            elif callable(piece):
                buffer.write(piece(run))
            else:
                piece.render(context, buffer)
        return buffer.getvalue()


class TextPart(Part):
    """A text part that was made of HTML: what Liquid leaves empty leaves no empty lines."""

    def render(self, run: Run) -> str:
        return tidy(super().render(run))


def _link(node: LinkNode, inner: list[str | Fast], html: bool) -> Fast:
    def link(run: Run) -> str:
        text = "".join([piece if isinstance(piece, str) else piece(run) for piece in inner])
        return node.said(text, run, html)

    return link


def _join(pieces: list[Any]) -> None:
    """Make one of texts that follow each other."""
    at = 1
    while at < len(pieces):
        if isinstance(pieces[at], str) and isinstance(pieces[at - 1], str):
            pieces[at - 1 : at + 1] = [pieces[at - 1] + pieces[at]]
        else:
            at += 1


def _assigned(nodes: Any) -> set[str]:
    """The names that the template itself gives to values."""
    found: set[str] = set()
    for node in nodes:
        found |= {str(name) for name in node.template_scope()}
        found |= _assigned(node.children(None))
    return found
