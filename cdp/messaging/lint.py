"""What looks wrong about a template before anybody gets it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cdp.messaging.templates import TemplateError

Body = Mapping[str, Any]

#: Characters of an address that are shown.
_SHOWN = 300
#: Gmail shows no more of a message than this (bytes), and hides its end.
CLIPPED = 102 * 1024
_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_WAY_OUT = re.compile(r"\{%-?\s*(unsubscribe_url|manage_subscription_preferences_url)\s*-?%\}")
_PREHEADER = re.compile(r"<div style=\"display:\s*none.*?</div>", re.DOTALL)
_LOUD = re.compile(r"[!?$€£]{3,}")
_ANSWER = re.compile(r"(re|fw|fwd|aw|wg)\s*:", re.IGNORECASE)
_SHORT = ("bit.ly", "tinyurl.com", "goo.gl", "t.co", "ow.ly", "is.gd", "cutt.ly", "rebrand.ly")
#: Headers that filters take for bulk mail or for false urgency.
_SPAMMY = {"precedence", "x-priority", "x-msmail-priority", "importance", "priority", "x-mailer"}
_DROPPED = {
    "script", "iframe", "object", "embed", "form", "input", "video", "audio", "link", "base",
}  # fmt: skip
#: A link of Markdown that is left in HTML, where it stands as it was typed.
_MARKDOWN = re.compile(r"\[[^\[\]\n]{1,200}\]\((?:https?:|mailto:|\x00)")


class Finding(NamedTuple):
    """What looks wrong: ``level`` is error, warning or hint; ``code`` names the rule.

    ``line`` counts in the field's text, where that is known.
    """

    level: str
    code: str
    field: str
    text: str
    line: int | None = None


def lint(
    key: str,
    body: Body,
    layouts: Mapping[str, Body] | None = None,
    snippets: Mapping[str, Body] | None = None,
) -> list[Finding]:
    """All that looks wrong about a template in any of its locales, errors first."""
    from cdp.messaging.templates.compiled import compile_template

    layouts, snippets = layouts or {}, snippets or {}
    compiled = compile_template(key, body, layouts, snippets)
    found: list[Finding] = []
    try:
        compiled.check()
    except TemplateError as error:
        found += [Finding("error", "compile", t.field, t.text, t.line) for t in error.troubles]
    for locale in ("", *compiled.locales) if not found else ():
        prefix = f"locales.{locale}." if locale else ""
        local = {**body, **(body["locales"][locale] if locale else {})}
        own = set(body["locales"][locale]) if locale else None
        for finding in _of_channel(local, compiled.sources(locale)):
            if own is None or finding.field.partition(".")[0] in own:
                found.append(finding._replace(field=f"{prefix}{finding.field}"))
    found += _missing(body, layouts, snippets)
    order = ("error", "warning", "hint")
    return sorted(dict.fromkeys(found), key=lambda f: (order.index(f.level), f.field))


def _missing(
    body: Body, layouts: Mapping[str, Body], snippets: Mapping[str, Body]
) -> Iterator[Finding]:
    from cdp.messaging.templates.variables import variables

    mode, fallbacks = body.get("missing") or "fail", body.get("fallbacks") or {}
    if mode == "allow":
        return
    for variable in variables(body, layouts, snippets):
        if variable.needed and variable.name not in fallbacks:
            use = next(use for use in variable.uses if use.how in ("shown", "looped", "used"))
            text = f"{variable.name} has no default: who lacks it gets no message"
            yield Finding("warning", "no_default", use.field, text, use.line)


def _of_channel(body: Body, sources: Mapping[str, str]) -> Iterator[Finding]:
    channel = body["channel"]
    if channel == "email":
        yield from _subject(str(body.get("subject") or ""))
        yield from _headers(body)
        yield from _email(body, sources)
    elif channel == "sms":
        yield from _sms(body)
    elif channel == "push":
        yield from _push(body)
    elif channel == "in_app":
        yield from _links(_read(sources.get("html", "")))
    elif channel == "webhook":
        yield from _webhook(body)


def _subject(subject: str) -> Iterator[Finding]:
    static = _LIQUID.sub("", subject).strip()
    letters = [char for char in static if char.isalpha()]
    if len(static) > 70:
        text = f"{len(static)} characters: phones show about 40, desktops about 70"
        yield Finding("warning", "subject_long", "subject", text)
    if len(letters) > 5 and static.upper() == static and static.lower() != static:
        yield Finding("warning", "subject_loud", "subject", "it is all capitals")
    if _LOUD.search(static):
        yield Finding("warning", "subject_loud", "subject", "signs in a row look like spam")
    if _ANSWER.match(subject.strip()):
        yield Finding("warning", "subject_false", "subject", "it looks like an answer and is none")


def _headers(body: Body) -> Iterator[Finding]:
    for name in body.get("headers") or {}:
        if name.lower() in _SPAMMY:
            text = f"filters take {name} for bulk mail or false urgency"
            yield Finding("warning", "header", f"headers.{name}", text)


def _email(body: Body, sources: Mapping[str, str]) -> Iterator[Finding]:
    html, text = sources.get("html", ""), sources.get("text", "")
    page = _read(html)
    yield from _links(page)
    size = len(_LIQUID.sub("", html).encode())
    if size > CLIPPED:
        said = f"{size // 1024} KB before any data: Gmail cuts off what is over 102 KB"
        yield Finding("error", "size", "body", said)
    if body.get("topic"):
        for name, source in (("body", html), ("text", text)):
            if not _WAY_OUT.search(source):
                said = f"no way out of the topic {body['topic']}: put {{% unsubscribe_url %}} in"
                yield Finding("error", "no_unsubscribe", name, said)
    if not body.get("preheader"):
        said = "without it, mailboxes show the beginning of the body beside the subject"
        yield Finding("hint", "no_preheader", "preheader", said)
    if not page.words and page.images:
        yield Finding("warning", "only_images", "body", "nothing but images: many don't see them")
    if page.markdown:
        said = f"{page.markdown[:60]}…) is Markdown: in HTML and MJML a link is <a href=…>"
        yield Finding("warning", "markdown", "body", said.replace("\x00", "{{…}}"))
    for tag in sorted(page.tags & _DROPPED):
        if tag == "script" and "application/ld+json" in html:
            continue
        yield Finding("warning", "dropped", "body", f"<{tag}> does nothing in an email")


def _links(page: _Page) -> Iterator[Finding]:
    for url in page.links:
        yield from _link(url)
    for src, alt in page.images:
        if alt is None:
            name = _said(src) or "(no address)"
            yield Finding("warning", "no_alt", "body", f"the image {name} has no alt text")
        yield from _image(src)


def _link(url: str) -> Iterator[Finding]:
    static = url.strip()
    if not static or static == "#":
        yield Finding("error", "empty_link", "body", "a link leads nowhere")
        return
    if static.startswith(("{{", "{%", "#", "\x00")):
        return
    scheme, colon, rest = static.partition(":")
    if not colon or not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*", scheme):
        said = f"{_said(static)} is relative: nobody knows to what in a message"
        yield Finding("error", "relative_link", "body", said)
        return
    scheme = scheme.lower()
    if scheme in ("javascript", "vbscript", "data", "file"):
        yield Finding("error", "harmful_link", "body", f"a link leads to {scheme}:")
    if scheme == "http":
        yield Finding("warning", "http_link", "body", f"{_said(static)} is not https")
    if scheme in ("http", "https"):
        yield from _host(static)
    elif scheme in ("mailto", "tel", "sms") and not rest.strip("\x00 "):
        yield Finding("error", "empty_link", "body", f"{_said(static)} leads to nobody")


def _host(url: str) -> Iterator[Finding]:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    if "\x00" in url.partition("://")[2].partition("/")[0]:
        return  # data says it
    if not host or ("." not in host and ":" not in host) or " " in url:
        yield Finding("error", "broken_link", "body", f"{_said(url)} is no address")
    elif host in _SHORT:
        said = f"filters distrust {host}: link to the page itself"
        yield Finding("warning", "short_link", "body", said)


def _image(src: str) -> Iterator[Finding]:
    if src.startswith(("{{", "{%", "cid:", "\x00")):
        return
    if not src:
        yield Finding("error", "broken_image", "body", "an image has no address")
    elif src.startswith("data:"):
        said = "many mailboxes show no images that are inside of the HTML"
        yield Finding("warning", "data_image", "body", said)
    elif not re.match(r"https?://", src):
        yield Finding("error", "relative_link", "body", f"the image {_said(src)} is relative")
    elif src.startswith("http://"):
        yield Finding("warning", "http_link", "body", f"the image {_said(src)} is not https")


def _sms(body: Body) -> Iterator[Finding]:
    static = _LIQUID.sub("", str(body.get("body") or ""))
    if len(static) > 459:
        said = f"{len(static)} characters before any data: more than three parts"
        yield Finding("warning", "long", "body", said)
    for url in re.findall(r"https?://\S+", static):
        yield from _link(url)
    says = _WAY_OUT.search(str(body.get("body"))) or re.search(r"\bstop\b", static, re.IGNORECASE)
    if body.get("topic") and not says:
        yield Finding("warning", "no_unsubscribe", "body", "it doesn't say how to stop them")


def _push(body: Body) -> Iterator[Finding]:
    for field, most in (("title", 50), ("body", 178)):
        static = _LIQUID.sub("", str(body.get(field) or ""))
        if len(static) > most:
            said = f"{len(static)} characters: most phones show about {most}"
            yield Finding("warning", "long", field, said)


def _webhook(body: Body) -> Iterator[Finding]:
    url, said = str(body.get("url") or ""), str(body.get("body") or "")
    if url.startswith("http://"):
        yield Finding("warning", "http_link", "url", f"{_said(url)} is not https")
    if said.lstrip()[:1] not in ("{", "[") or said.lstrip().startswith(("{{", "{%")):
        return
    if "{%" in said:
        return  # what it decides about can't be judged without data
    try:
        json.loads(_LIQUID.sub("0", said))
    except ValueError as error:
        yield Finding("error", "json", "body", f"it is no JSON: {error}")
    for found in re.finditer(r"[:\[,]\s*(\{\{(?:(?!\}\}).)*\}\})", said):
        if not re.search(r"\|\s*(to_)?json\b", found[1]):
            text = f"{found[1]} stands for a value: end it with | to_json"
            yield Finding("warning", "json", "body", text)


def _said(url: str) -> str:
    """An address for people to read and find: whole, unless it is as long as a picture."""
    shown = url.replace("\x00", "{{…}}")
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 40]}…{shown[-39:]}"


class _Page(HTMLParser):
    """What is in a page: Liquid is NUL in it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.images: list[tuple[str, str | None]] = []
        self.tags: set[str] = set()
        self.words = False
        self.markdown = ""
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self._silent += tag in ("style", "title", "script")
        if tag in ("a", "area") and "href" in given:
            self.links.append(given["href"] or "")
        elif tag == "img" and (given.get("width"), given.get("height")) != ("1", "1"):
            self.images.append((given.get("src") or "", given.get("alt")))

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("style", "title", "script") and self._silent > 0

    def handle_data(self, data: str) -> None:
        self.words = self.words or (not self._silent and bool(re.search(r"\w", data)))
        if not self.markdown and not self._silent and (found := _MARKDOWN.search(data)):
            self.markdown = found[0]


def _read(html: str) -> _Page:
    page = _Page()
    page.feed(_LIQUID.sub(_kept, _PREHEADER.sub("", html)))
    page.close()
    return page


def _kept(found: re.Match[str]) -> str:
    return "" if re.match(r"\{%-?\s*(end)?(link|pixel)__", found[0]) else "\x00"
