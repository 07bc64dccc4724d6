"""The Liquid of templates: what it sees, its tags, its filters with what their examples say."""

from __future__ import annotations

from collections.abc import Callable

from cdp.messaging.templates.building import INNER, SIDES, TYPES
from cdp.messaging.templates.filters import OURS
from cdp.messaging.templates.guards import HIDDEN
from cdp.messaging.templates.language import language
from cdp.messaging.templates.names import CHANNELS, FIELDS
from cdp.messaging.templates.part import Part
from cdp.messaging.templates.policy import Policy, Run
from cdp.messaging.templates.rendered import Urls
from cdp.messaging.templates.tags import URL_TAGS, CioLinkTag, url_tags
from tests.docs.markdown import table

NOW = 1_767_225_600
DATA = {
    "items": [
        {"name": "Shoe", "price": 30, "big": True},
        {"name": "Sock", "price": 4, "big": False},
    ],
    "names": ["Eve", "ana", None, "Eve"],
    "now": NOW,
    "today": NOW,
}
#: An example of each filter of Liquid's own.
STANDARD = {
    "abs": "-3 | abs",
    "append": '"a" | append: "b"',
    "at_least": "3 | at_least: 5",
    "at_most": "7 | at_most: 5",
    "base64_decode": '"YQ==" | base64_decode',
    "base64_encode": '"a" | base64_encode',
    "base64_url_safe_decode": '"YQ==" | base64_url_safe_decode',
    "base64_url_safe_encode": '"a?b" | base64_url_safe_encode',
    "capitalize": '"ana" | capitalize',
    "ceil": "1.2 | ceil",
    "compact": 'names | compact | join: " "',
    "concat": "names | concat: names | size",
    "default": 'nobody | default: "friend"',
    "divided_by": "7 | divided_by: 2",
    "downcase": '"ANA" | downcase',
    "escape": '"<b>" | escape',
    "escape_once": '"&lt;b>" | escape_once',
    "escapejs": '"it\'s" | escapejs',
    "find": 'items | find: "name", "Sock" | map: "price"',
    "find_index": 'items | find_index: "name", "Sock"',
    "first": "names | first",
    "floor": "1.8 | floor",
    "has": 'items | has: "big", true',
    "join": 'names | compact | join: ", "',
    "last": "names | last",
    "lstrip": '"  a" | lstrip',
    "map": 'items | map: "name" | join: " "',
    "minus": "5 | minus: 2",
    "modulo": "7 | modulo: 4",
    "newline_to_br": '"a" | newline_to_br',
    "plus": "5 | plus: 2",
    "prepend": '"b" | prepend: "a"',
    "reject": 'items | reject: "big" | map: "name"',
    "remove": '"abcb" | remove: "b"',
    "remove_first": '"abcb" | remove_first: "b"',
    "remove_last": '"abcb" | remove_last: "b"',
    "replace": '"abcb" | replace: "b", "x"',
    "replace_first": '"abcb" | replace_first: "b", "x"',
    "replace_last": '"abcb" | replace_last: "b", "x"',
    "reverse": 'items | reverse | map: "name" | join: " "',
    "round": "1.256 | round: 1",
    "rstrip": '"a  " | rstrip',
    "safe": '"<b>" | safe',
    "size": "names | size",
    "slice": '"abcd" | slice: 1, 2',
    "sort": 'items | sort: "price" | map: "name" | join: " "',
    "sort_natural": 'names | compact | sort_natural | join: " "',
    "split": '"a,b" | split: "," | last',
    "squish": '" a   b " | squish',
    "strip": '" a " | strip',
    "strip_html": '"<b>a</b>" | strip_html',
    "strip_newlines": '"a" | strip_newlines',
    "sum": 'items | sum: "price"',
    "times": "3 | times: 4",
    "truncate": '"A long text" | truncate: 8',
    "truncatewords": '"A long text" | truncatewords: 2',
    "uniq": 'names | compact | uniq | join: " "',
    "upcase": '"ana" | upcase',
    "url_decode": '"a+b" | url_decode',
    "url_encode": '"a b&c" | url_encode',
    "where": 'items | where: "big" | map: "name"',
}
OBJECTS = (
    ("customer", "Traits of the person, computed ones too, and `id`, `email` and `phone`."),
    ("event", "Properties of the event that caused the message."),
    ("event_name, event_id, event_timestamp", "Of that event."),
    ("trigger", "What a request or a broadcast brought along: `message_data` of `/v1/send/…`."),
    ("journey", "What a journey has kept of its way."),
    ("campaign", "`id`, `name` and `type` of what sends it."),
    ("message", "`id`, `name` and `type` of the template."),
    ("delivery_id", "This one message."),
    ("now, today", "When it is rendered, for `date`."),
    ("content", "In a layout: where the message goes."),
    ("snippets.KEY", "The text of a snippet, with its own Liquid."),
)
TAGS = (
    ("if, elsif, else, unless, case, when", "What is said under a condition."),
    ("for, else, break, continue, cycle, tablerow", "Something for each; `else` for none."),
    ("assign, capture, increment, decrement", "Names for values."),
    ("echo, liquid, ifchanged", "Output without braces; many tags in one; only what differs."),
    ("comment, doc, raw, #", "What is not said; what is no Liquid."),
    ('render "KEY"', "A snippet; `render \"KEY\" for LIST as NAME`, `render \"KEY\", a: 1`."),
)  # fmt: skip


def said(example: str) -> str:
    """What an example says in a text."""
    run = Run(dict(DATA), Policy(), Urls(), None, "en")
    return Part(f"{{{{ {example} }}}}", "example", html=False).render(run)


def _code(text: str) -> str:
    return f"`{text}`"


def liquid_objects() -> str:
    """What templates see."""
    return table(("Name", "Is"), [(_code(name), text) for name, text in OBJECTS])


def liquid_tags() -> str:
    """Tags, ours first."""
    own = [(tag.name, tag.__doc__ or "") for tag in url_tags()]
    link = f"{CioLinkTag.__doc__} `{{% cio_link url: event.url track:false url_params:false %}}`"
    rows = [(_code(name), text) for name, text in own]
    rows.append((_code(CioLinkTag.name), link))
    return table(("Tag", "Does"), [*rows, *((_code(name), text) for name, text in TAGS)])


def liquid_filters() -> str:
    """Filters with examples: ours, and those of Liquid."""
    rows = []
    for name, function in OURS.items():
        about, _, example = (function.__doc__ or "").partition(" ::")
        about = about.replace("``", "`").strip()
        rows.append((_code(name), f"{about} {_code(example.strip())}"))
    ours = table(("Filter", "Gives"), rows)
    standard = table(
        ("Filter", "Example", "Says"),
        [(_code(name), _code(example), _code(said(example))) for name, example in STANDARD.items()],
    )
    return f"### Of Headwater\n\n{ours}\n\n### Of Liquid\n\n{standard}"


def template_fields() -> str:
    """Which fields a template of each channel may have."""
    rows = [(f"`{c}`", ", ".join(f"`{name}`" for name in FIELDS[c])) for c in CHANNELS]
    return table(("Channel", "Fields beside those of all"), rows)


def email_blocks() -> str:
    """The blocks of emails with their fields."""
    rows = []
    for name, type_ in TYPES.items():
        fields = [f"`{field}`{'' if field in type_.needed else '?'}" for field in type_.fields]
        if name == "columns":
            sides = " and ".join(f"`{side}`" for side in SIDES)
            fields = [f"{sides}: lists of {', '.join(INNER)}"]
        rows.append((f"`{name}`", ", ".join(fields) or "none"))
    return table(("Block", "Fields; ? stands after those that may be left out"), rows)


def missing() -> set[str]:
    """Filters and tags that the page says nothing of."""
    filters = set(language(True).filters) - set(HIDDEN) - set(OURS) - set(STANDARD)
    told = {name.strip() for names, _ in TAGS for name in names.split(",")}
    tags = {name for name in language(True).tags if name.isidentifier() and not name.endswith("__")}
    return filters | (
        tags - told - set(URL_TAGS) - {CioLinkTag.name, "content", "output", "illegal"}
    )


BLOCKS: dict[str, Callable[[], str]] = {
    "liquid-objects": liquid_objects,
    "liquid-tags": liquid_tags,
    "liquid-filters": liquid_filters,
    "template-fields": template_fields,
    "email-blocks": email_blocks,
}
