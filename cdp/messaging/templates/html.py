"""The HTML and the plain text of an email, as Liquid that only needs data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape, unescape
from typing import NamedTuple

from cdp.messaging.templates import snippets as putting
from cdp.messaging.templates.errors import TemplateError, Trouble
from cdp.messaging.templates.links import scheme_of
from cdp.messaging.templates.markdown import markdown
from cdp.messaging.templates.masking import _ATTRIBUTE, _TAG, Masker
from cdp.messaging.templates.plaintext import plain_text

_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_RTL = {"ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}
#: What is shown of a message beside its subject must not go on into the body.
_GAP = "&#847;&zwnj;&nbsp;" * 40
_ELEMENTS = frozenset(
    f"mj-{name}"
    for name in """
    accordion accordion-element accordion-text accordion-title all attributes body breakpoint
    button carousel carousel-image class column divider font group head hero html-attribute
    html-attributes image include navbar navbar-link preview raw section selector social
    social-element spacer style table text title wrapper
    """.split()  # noqa: SIM905
)
_STYLE = """
body { margin: 0; padding: 0; background: #ffffff; color: #1f2328;
  font-family: -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, Helvetica, Arial, sans-serif;
  font-size: 16px; line-height: 1.5; }
.message { max-width: 600px; margin: 0 auto; padding: 24px; }
h1 { font-size: 26px; line-height: 1.25; } h2 { font-size: 21px; } h3 { font-size: 17px; }
a { color: #0b57d0; } img { max-width: 100%; height: auto; border: 0; }
table { border-collapse: collapse; } th, td { padding: 6px 10px; text-align: start; }
blockquote { margin: 0; padding-left: 14px; border-left: 3px solid #d0d7de; }
@media (prefers-color-scheme: dark) {
  body { background: #14171a !important; color: #e6e8ea !important; }
  a { color: #8ab4f8 !important; }
}
"""


class Sources(NamedTuple):
    """Liquid for the HTML part and for the text part that says the same."""

    html: str
    text: str


class Text(NamedTuple):
    """A text and its format."""

    text: str
    format: str


def email(
    body: Text,
    layout: Text | None,
    *,
    preheader: str = "",
    snippets: Mapping[str, str],
    locale: str = "",
    inline_css: bool = True,
    tracked: bool = True,
) -> Sources:
    """The parts of an email, with everything put in that doesn't depend on data."""
    inner = putting.expanded("body", body.text, snippets)
    outer = putting.expanded("layout", layout.text, snippets) if layout else ""
    masker = Masker("body", inner, outer, preheader)
    is_mjml = "mjml" in (body.format, layout.format if layout else "")
    masked = _masked(
        masker, Text(inner, body.format), Text(outer, layout.format) if layout else None
    )
    if not re.search(r"<html\b", masked, re.IGNORECASE):
        masked = _page(masked)
    masked = _in_language(masked, locale)
    if preheader:
        said = escape(masker.mask(putting.expanded("preheader", preheader, snippets)))
        style = "display:none;max-height:0;overflow:hidden;mso-hide:all"
        hidden = f'<div style="{style}">{said}{_GAP}</div>'
        masked = _BODY.sub(lambda found: found[0] + hidden, masked, count=1)
    if inline_css and not is_mjml:  # MJML has inlined its own
        masked = _inlined(masked, masker)
    lost = masker.lost(masked)
    if lost:
        raise TemplateError([Trouble("body", f"{lost[0][:80]} stands where no Liquid can be")])
    text = plain_text(masked, masker)
    html = masker.show(_pixel(marked(masked, masker, tracked)))
    return Sources(html, masker.show_as_text(text))


def fragment(body: Text, snippets: Mapping[str, str]) -> Sources:
    """The parts of a message inside a page: cleaned HTML, and what it says."""
    import nh3

    inner = putting.expanded("body", body.text, snippets)
    masker = Masker("body", inner)
    masked = _content(masker, Text(inner, body.format))
    masked = masker.scan(masked, inner)
    cleaned = nh3.clean(
        masked,
        strip_comments=False,
        link_rel="noopener noreferrer",
        attributes={**nh3.ALLOWED_ATTRIBUTES, "*": {"class", "style", "title", "dir", "lang"}},
        url_schemes={"http", "https", "mailto", "tel", "sms"},
    )
    lost = masker.lost(cleaned)
    if lost:
        raise TemplateError([Trouble("body", f"{lost[0][:80]} stands where no Liquid can be")])
    text = plain_text(cleaned, masker)
    return Sources(masker.show(marked(cleaned, masker, False)), masker.show_as_text(text))


def _masked(masker: Masker, body: Text, layout: Text | None) -> str:
    if layout is None:
        if body.format == "mjml":
            return _mjml(masker, _whole_mjml(body.text))
        content = _content(masker, body)
        return masker.scan(content, body.text)
    if body.format == "mjml" and layout.format != "mjml":
        raise TemplateError([Trouble("layout", "a body of MJML needs a layout of MJML")])
    content = markdown(body.text, masker) if body.format == "markdown" else body.text
    source = putting.around(layout.text, content)
    if layout.format == "mjml":
        return _mjml(masker, _whole_mjml(source))
    if layout.format == "markdown":
        raise TemplateError([Trouble("layout", "a layout is HTML or MJML")])
    return masker.markup(source)


def _content(masker: Masker, body: Text) -> str:
    if body.format == "markdown":
        return f'<div class="message">{markdown(body.text, masker)}</div>'
    return masker.mask(body.text)


def _whole_mjml(source: str) -> str:
    if re.search(r"<mjml\b", source, re.IGNORECASE):
        return source
    if re.search(r"<mj-body\b", source, re.IGNORECASE):
        return f"<mjml>{source}</mjml>"
    return f"<mjml><mj-body>{source}</mj-body></mjml>"


def _mjml(masker: Masker, source: str) -> str:
    import mrml

    unknown = [name for name in re.findall(r"<(mj-[\w-]+)", source) if name not in _ELEMENTS]
    if unknown:
        raise TemplateError([Trouble("body", f"MJML: there is no element {unknown[0]}")])
    masked = masker.markup(source, mjml=True)
    try:
        made = mrml.to_html(
            masked,
            parser_options=mrml.ParserOptions(include_loader=mrml.noop_loader()),
            render_options=mrml.RenderOptions(fonts={}),
        )
    except OSError as error:
        raise TemplateError([_mjml_trouble(masker, str(error), masked)]) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # its own, and no `Exception`
            raise
        raise TemplateError([Trouble("body", "MJML: it can't be read")]) from None
    html: str = made.content
    return html


def _mjml_trouble(masker: Masker, text: str, masked: str) -> Trouble:
    found = re.search(r" at position (\d+):(\d+)$", text)
    if found is None:
        return Trouble("body", f"MJML: {text}")
    before = masker.show(masked[: int(found[1])])
    what = masker.show(masked[int(found[1]) : int(found[2])])
    line = before.count("\n") + 1
    text = text[: found.start()].replace(" in root template", "")
    return Trouble("body", f"MJML: {text} {what[:60]!r}", line, len(before) - before.rfind("\n"))


def _page(inner: str) -> str:
    return (
        '<!doctype html><html><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title></title><style>{_STYLE}</style></head><body>{inner}</body></html>"
    )


def _in_language(html: str, locale: str) -> str:
    """Say the language of a message, and its direction, where the author doesn't."""
    if not locale:
        return html.replace(' lang="und"', "", 1)
    direction = "rtl" if locale.replace("_", "-").partition("-")[0].lower() in _RTL else "ltr"
    said = f' lang="{escape(locale)}" dir="{direction}"'

    def tag(found: re.Match[str]) -> str:
        attributes = found[1].replace(' lang="und"', "").replace(' dir="auto"', "")
        if re.search(r"\blang\s*=", attributes, re.IGNORECASE):
            return f"<html{attributes}>"
        return f"<html{said}{attributes}>"

    return re.sub(r"<html\b([^>]*)>", tag, html, count=1, flags=re.IGNORECASE)


def _inlined(html: str, masker: Masker) -> str:
    import css_inline

    try:
        # Nothing is fetched, and no file is read, while a template is compiled.
        found: str = css_inline.inline(html, keep_style_tags=True, load_remote_stylesheets=False)
    except css_inline.InlineError as error:
        raise TemplateError([Trouble("body", f"CSS: {error}")]) from None
    return masker.rows_inside(found)


def _pixel(html: str) -> str:
    at = html.lower().rfind("</body>")
    return html if at < 0 else f"{html[:at]}{{% pixel__ %}}{html[at:]}"


def marked(html: str, masker: Masker, tracked: bool) -> str:
    """Masked HTML in which the addresses of links are told apart."""

    def tag(found: re.Match[str]) -> str:
        if found[2] is None or found[1] or found[2].lower() not in ("a", "area"):
            return found[0]
        mode = "t" if tracked and not re.search(r"\buntracked\b", found[3]) else ""

        def attribute(one: re.Match[str]) -> str:
            if one[1].lower() != "href" or not one[3] or one[3][0] not in "\"'":
                return one[0]
            quote, value = one[3][0], one[3][1:-1]
            static = not masker.has_liquid(value)
            if static and scheme_of(unescape(value)) not in ("http", "https"):
                return one[0]
            return f"{one[1]}={quote}{{% link__ {mode}p %}}{value}{{% endlink__ %}}{quote}"

        return f"<{found[2]}{_ATTRIBUTE.sub(attribute, found[3])}>"

    return _TAG.sub(tag, html)
