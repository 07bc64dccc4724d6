"""``cdp templates``, ``cdp layouts``, ``cdp snippets``: what messages say."""

from __future__ import annotations

from cdp.cli.definitions import group_of
from cdp.definitions.layout import LAYOUT, SNIPPET
from cdp.definitions.template import TEMPLATE

templates = group_of(
    TEMPLATE,
    "templates",
    "What messages say, for one channel, in their locales.",
    (
        "welcome --channel email --subject 'Hello {{ customer.first_name }}' --body @welcome.md",
        "welcome --subject 'Hi!'",
    ),
)
layouts = group_of(
    LAYOUT,
    "layouts",
    "What emails stand in.",
    ("plain --body @plain.html", "plain --body @plain.html"),
)
snippets = group_of(
    SNIPPET,
    "snippets",
    "Texts that many messages say.",
    ("footer --body 'Shop, 1 Main Street'", "footer --body 'Shop, 2 Main Street'"),
)
