"""What each channel's content is made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from email.utils import parseaddr
from functools import lru_cache
from typing import Any, TypeAlias

from cdp.messaging.templates import html
from cdp.messaging.templates import snippets as putting
from cdp.messaging.templates.errors import RenderError, TemplateError, Trouble
from cdp.messaging.templates.html import Text
from cdp.messaging.templates.links import Link, address
from cdp.messaging.templates.masking import LIQUID
from cdp.messaging.templates.names import format_of, seconds
from cdp.messaging.templates.part import Part, TextPart
from cdp.messaging.templates.policy import Run
from cdp.messaging.templates.tree import Make, in_json, line, text, tree, with_filter

#: A template's body with the overrides of a locale, and what it may refer to.
Body: TypeAlias = Mapping[str, Any]
_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
_ADDRESS = re.compile(r"[^@\s<>\",;:()\[\]]+@[^@\s<>\",;:()\[\]]+")


class Known(dict[str, str]):
    """Texts of snippets by key."""


def email(body: Body, layout: Text | None, snippets: Known, locale: str) -> dict[str, Make]:
    """The fields of an `EmailContent`."""

    def put(field: str) -> str:
        return putting.expanded(field, str(body.get(field) or ""), snippets)

    text_ = str(body["body"])
    sources = html.email(
        Text(text_, format_of(text_, body.get("format"))),
        layout,
        preheader=str(body.get("preheader") or ""),
        snippets=snippets,
        locale=locale,
        inline_css=body.get("inline_css", True),
        tracked=body.get("tracked", True),
    )
    made: dict[str, Make] = {
        "subject": _filled(line(put("subject"), "subject"), "subject"),
        "html": Part(sources.html, "body", html=True).render,
    }
    own = put("text") if body.get("text") else None
    plain = TextPart(sources.text, "text", html=False) if own is None else None
    made["text"] = (plain or Part(own or "", "text", html=False)).render
    if body.get("amp"):
        made["amp"] = Part(put("amp"), "amp", html=True).render
    for field, name in (("from", "sender"), ("reply_to", "reply_to")):
        if body.get(field):
            made[name] = _address(put(field), field)
    if body.get("headers"):
        heads = {name: line(value, f"headers.{name}") for name, value in body["headers"].items()}
        made["headers"] = lambda run: {name: make(run) for name, make in heads.items()}
    return made


def sms(body: Body, layout: Text | None, snippets: Known, locale: str) -> dict[str, Make]:
    """The fields of an `SMSContent`."""
    say = text(putting.expanded("body", str(body["body"]), snippets), "body")
    made: dict[str, Make] = {"text": _filled(_with_links(say, body.get("tracked", True)), "body")}
    if body.get("media"):
        media = [_followed(url, "media") for url in body["media"]]
        made["media"] = lambda run: tuple(make(run) for make in media)
    if body.get("from"):
        made["sender"] = line(str(body["from"]), "from")
    return made


def push(body: Body, layout: Text | None, snippets: Known, locale: str) -> dict[str, Make]:
    """The fields of a `PushContent`."""
    made: dict[str, Make] = {}
    for name in ("title", "body"):
        if body.get(name):
            made[name] = text(putting.expanded(name, str(body[name]), snippets), name)
    for name in ("image", "link"):
        if body.get(name):
            made[name] = _followed(str(body[name]), name, body.get("tracked", True))
    if body.get("buttons"):
        made["buttons"] = _buttons(body["buttons"], body.get("tracked", True), True)
    for name in ("sound", "collapse_key", "category"):
        if body.get(name):
            made[name] = line(str(body[name]), name)
    if body.get("badge") is not None:
        made["badge"] = tree(body["badge"], "badge")
    if body.get("ttl"):
        made["ttl_s"] = tree(seconds(str(body["ttl"])), "ttl")
    if body.get("data"):
        made["data"] = tree({k: str(v) for k, v in body["data"].items()}, "data")
    if body.get("custom"):
        made["custom"] = tree(body["custom"], "custom")
    return made


def in_app(body: Body, layout: Text | None, snippets: Known, locale: str) -> dict[str, Make]:
    """The fields of an `InAppContent`."""
    made: dict[str, Make] = {}
    if body.get("title"):
        made["title"] = text(putting.expanded("title", str(body["title"]), snippets), "title")
    if body.get("body"):
        text_ = str(body["body"])
        said = format_of(text_, body.get("format"))
        if said == "mjml":
            raise TemplateError([Trouble("format", "a message inside a page is Markdown or HTML")])
        sources = html.fragment(Text(text_, said), snippets)
        made["html"] = Part(sources.html, "body", html=True).render
        made["text"] = TextPart(sources.text, "body", html=False).render
    for name in ("image", "link"):
        if body.get(name):
            made[name] = _followed(str(body[name]), name, tracked=False)
    if body.get("buttons"):
        made["buttons"] = _buttons(body["buttons"], tracked=False, parameters=False)
    for name in ("form", "priority"):
        if body.get(name) is not None:
            made[name] = tree(body[name], name)
    if body.get("pages"):
        pages = tuple(body["pages"])
        made["pages"] = lambda run: pages
    if body.get("expires_after"):
        lasts = (seconds(str(body["expires_after"])) or 0) * 1000
        made["expires_at"] = lambda run: run.data["now"] * 1000 + lasts
    for name in ("theme", "data"):
        if body.get(name):
            made[name] = tree(body[name], name)
    return made


def webhook(body: Body, layout: Text | None, snippets: Known, locale: str) -> dict[str, Make]:
    """The fields of a `WebhookContent`."""
    source = putting.expanded("body", str(body.get("body") or ""), snippets)
    named = {name.lower(): value for name, value in (body.get("headers") or {}).items()}
    is_json = "json" in named.get("content-type", "") or source.lstrip()[:1] in ("{", "[")
    if source.lstrip().startswith(("{{", "{%")) and "json" not in named.get("content-type", ""):
        is_json = False
    heads = {
        name: line(value, f"headers.{name}") for name, value in (body.get("headers") or {}).items()
    }
    return {
        "url": _followed(str(body["url"]), "url", tracked=False, parameters=False),
        "method": tree(body.get("method") or "POST", "method"),
        "headers": lambda run: {name: make(run) for name, make in heads.items()},
        "body": text(source, "body", in_json if is_json else lambda said: said),
    }


def slack(body: Body, layout: Text | None, snippets: Known, locale: str) -> dict[str, Make]:
    """The fields of a `SlackContent`; data can't mention anybody."""

    def escaped(source: str) -> str:
        return with_filter(source, "slack__")

    source = putting.expanded("body", str(body.get("body") or ""), snippets)
    made: dict[str, Make] = {
        "channel": line(str(body.get("to") or ""), "to"),
        "text": text(source, "body", escaped),
    }
    if body.get("blocks"):
        blocks = tree(body["blocks"], "blocks", escaped)
        made["blocks"] = lambda run: tuple(blocks(run))
    return made


MAKERS: dict[str, Callable[[Body, Text | None, Known, str], dict[str, Make]]] = {
    "email": email,
    "sms": sms,
    "push": push,
    "in_app": in_app,
    "webhook": webhook,
    "slack": slack,
}


def _filled(make: Make, field: str) -> Make:
    def filled(run: Run) -> str:
        said: str = make(run)
        if not said.strip():
            raise RenderError(f"the {field} is empty", where=field)
        return said

    return filled


def _address(source: str, field: str) -> Make:
    """An address with a name; data can't add another."""
    whole = LIQUID.fullmatch(source.strip()) is not None
    make = line(source if whole else with_filter(source, "one_line__"), field)

    def one(run: Run) -> str:
        said: str = make(run)
        if not _is_address(said):
            raise RenderError(f"{said[:80]!r} is no address", where=field)
        return said

    return one


@lru_cache(maxsize=1000)
def _is_address(text: str) -> bool:
    several = text.count("@") > 1 and "<" not in text
    return not several and _ADDRESS.fullmatch(parseaddr(text)[1]) is not None


def _followed(source: str, where: str, tracked: bool = True, parameters: bool = True) -> Make:
    """An address that is opened or fetched."""
    make, is_link = line(source, where), where.rpartition(".")[2] == "link"
    how = Link(tracked and is_link, parameters and is_link)

    def one(run: Run) -> str:
        run.where = where
        return address(make(run), how, run)

    return one


def _with_links(make: Make, tracked: bool) -> Make:
    """A text in which addresses are links that count."""

    def one(run: Run) -> str:
        said: str = make(run)
        if not tracked or (run.rewrite is None and not run.utm) or "http" not in said:
            return said
        known = (run.urls.unsubscribe, run.urls.preferences, run.urls.view_in_browser)
        return _URL.sub(
            lambda found: found[0] if found[0] in known else address(found[0], Link(), run), said
        )

    return one


def _buttons(buttons: Sequence[Mapping[str, str]], tracked: bool, parameters: bool) -> Make:
    several = [_button(one, n, tracked, parameters) for n, one in enumerate(buttons, 1)]
    return lambda run: tuple(make(run) for make in several)


def _button(button: Mapping[str, str], number: int, tracked: bool, parameters: bool) -> Make:
    where = f"buttons.{number}"
    made = {
        name: _followed(value, f"{where}.link", tracked, parameters)
        if name == "link"
        else line(value, f"{where}.{name}")
        for name, value in button.items()
    }
    return lambda run: {name: make(run) for name, make in made.items()}
