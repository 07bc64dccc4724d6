"""``list("vip_emails")``: an uploaded list, to be asked with ``in``."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any

from cdp.conditions.ast import Uploaded
from cdp.conditions.forms.base import Form, Write
from cdp.conditions.functions.base import Example
from cdp.conditions.spelling import quoted

if TYPE_CHECKING:
    from cdp.conditions.parser import Parser
    from cdp.conditions.person import Evaluator


def _parse(parser: Parser, name: str) -> Uploaded:
    found = Uploaded(parser.expect("string", "the name of a list in quotes"))
    parser.expect_op(")")
    return found


def _write(node: Uploaded, write: Write) -> str:
    return f"list({quoted(node.name)})"


def _say(node: Uploaded, say: Write) -> str:
    return f"the list “{node.name}”"


def _evaluate(node: Uploaded, person: Evaluator) -> Container[Any]:
    return person.lists.get(node.name) or ()


LIST = Form(
    ("list",),
    Uploaded,
    'path in list("name")',
    "Whether a text is in an uploaded list, exactly as it stands there. Nothing is in a list that "
    "does not exist. It may also be asked of a message.",
    "list",
    (
        Example(
            'traits.email in list("vip_emails")',
            {
                "traits": {"email": [["2026-01-01", "jo@example.org"]]},
                "lists": {"vip_emails": ["ana@example.org", "jo@example.org"]},
            },
        ),
    ),
    _parse, _write, _say, _evaluate,
)  # fmt: skip
