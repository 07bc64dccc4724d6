"""Templates that were compiled once, and render for one person after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liquid.exceptions import LiquidError

from cdp.messaging.templates.building import mjml
from cdp.messaging.templates.channels import MAKERS, Body, Known
from cdp.messaging.templates.errors import TemplateError, Trouble
from cdp.messaging.templates.html import Text
from cdp.messaging.templates.language import trouble_of
from cdp.messaging.templates.names import best, format_of
from cdp.messaging.templates.part import Part
from cdp.messaging.templates.policy import Policy, Run
from cdp.messaging.templates.rendered import Rendered, Rewrite, Urls
from cdp.messaging.templates.snippets import has_content
from cdp.messaging.templates.tree import Make, line

#: The locale of what a template says without `locales`.
DEFAULT = ""


class Compiled:
    """A template with its layout and snippets; a locale is compiled when it is first asked for."""

    def __init__(
        self, key: str, body: Body, layouts: Mapping[str, Body], snippets: Mapping[str, Body]
    ) -> None:
        self.key, self.body = key, body
        self.channel: str = body["channel"]
        self.tracked: bool = body.get("tracked", True)
        self.topic: str | None = body.get("topic")
        self._layouts, self._snippets = layouts, snippets
        self._locales = {name.lower(): name for name in body.get("locales") or {}}
        self._variants: dict[str, dict[str, Make]] = {}
        fallbacks = {str(k): str(v) for k, v in (body.get("fallbacks") or {}).items()}
        self._policy = Policy(body.get("missing") or "fail", fallbacks)
        self._utm = {
            name: line(value, f"utm.{name}") for name, value in (body.get("utm") or {}).items()
        }

    @property
    def locales(self) -> list[str]:
        """The locales that it says by name."""
        return list(self._locales.values())

    def locale_for(self, locale: str) -> str:
        """Which of its locales somebody gets: pt-BR, else pt, else the default."""
        return best(self._locales, locale) or DEFAULT

    def render(
        self,
        scope: Mapping[str, Any],
        locale: str = "",
        urls: Urls | None = None,
        rewrite: Rewrite | None = None,
        now: int = 0,
    ) -> Rendered:
        """What it says to one person; `RenderError`, or `TemplateError` if a locale is broken.

        ``scope`` has what Liquid sees: customer, event, trigger, … as JSON has them. ``rewrite``
        makes the addresses of links that are counted. ``now`` in seconds since 1970.
        """
        found = self.locale_for(locale)
        fields = self._variants.get(found)
        if fields is None:
            fields = self._variants[found] = self._compile(found)
        data = dict(scope)
        data["now"] = data["today"] = now
        run = Run(
            data, self._policy, urls or Urls(), rewrite if self.tracked else None, found or locale
        )
        if self._utm:
            run.utm = {name: make(run) for name, make in self._utm.items()}
        made = {name: make(run) for name, make in fields.items()}
        return Rendered(self.channel, made, found, tuple(run.allowed))

    def sources(self, locale: str = DEFAULT) -> dict[str, str]:
        """Liquid of the HTML and of the text that it says in one of its locales; for lint."""
        if locale not in self._variants:
            self._variants[locale] = self._compile(locale)
        found = {}
        for name, make in self._variants[locale].items():
            part = getattr(make, "__self__", None)
            if isinstance(part, Part):
                found[name] = part.source
        return found

    def check(self) -> None:
        """Compile all of its locales; `TemplateError` with what is wrong in any of them."""
        found: list[Trouble] = []
        for name in (DEFAULT, *self.locales):
            try:
                self._variants[name] = self._compile(name)
            except TemplateError as error:
                own = self.body["locales"][name] if name else {}
                found += [
                    t._replace(field=f"locales.{name}.{t.field}") if t.field in own else t
                    for t in error.troubles
                    if not name or t.field in own
                ]
        if found:
            raise TemplateError(found)

    def _compile(self, locale: str) -> dict[str, Make]:
        said = self.body["locales"][locale] if locale else {}
        body = {**self.body, **said}
        if "body" in said:
            if self.channel == "email":
                body.pop("blocks", None)
            body["format"] = said.get("format")  # each body may be written in its own way
            if "text" not in said:
                body["text"] = None
        if self.channel == "email" and body.get("blocks"):
            made = mjml(body["blocks"], body.get("theme"), whole=not body.get("layout"))
            body |= {"body": made, "format": "mjml"}
        layout = self._layout(body, locale)
        snippets = Known({key: _in(item, locale)["body"] for key, item in self._snippets.items()})
        try:
            return MAKERS[self.channel](body, layout, snippets, locale or body.get("locale", ""))
        except LiquidError as error:
            raise TemplateError([trouble_of("body", error)]) from None
        except RecursionError:
            raise TemplateError([Trouble("body", "nested too deeply")]) from None

    def _layout(self, body: Body, locale: str) -> Text | None:
        key = body.get("layout")
        if not key or self.channel != "email":
            return None
        if key not in self._layouts:
            raise TemplateError([Trouble("layout", f"there is no layout {key}")])
        found = _in(self._layouts[key], locale)
        if not has_content(found["body"]):
            raise TemplateError([Trouble("layout", f"the layout {key} has no {{{{ content }}}}")])
        return Text(found["body"], format_of(found["body"], found.get("format")))


def compile_template(
    key: str,
    body: Body,
    layouts: Mapping[str, Body] | None = None,
    snippets: Mapping[str, Body] | None = None,
) -> Compiled:
    """A template, ready to render. ``body`` is its definition; ``layouts`` and ``snippets`` too.

    Keep what it gives for as long as none of these change: what is dear is done once.
    """
    return Compiled(key, body, layouts or {}, snippets or {})


def _in(body: Body, locale: str) -> dict[str, Any]:
    """A layout or snippet as a locale has it."""
    locales = {name.lower(): said for name, said in (body.get("locales") or {}).items()}
    return {**body, **(best(locales, locale) or {})}
