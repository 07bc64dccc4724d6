"""Templates before they are sent: what looks wrong, what they need, what they say to somebody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from sqlalchemy import Connection

from cdp.delivery.messages.letters import customer_of
from cdp.messaging.lint import lint
from cdp.messaging.templates import RenderError, TemplateError, Urls, compile_template
from cdp.store.defined import defining
from cdp.store.messages import addressees, coverage

Body = Mapping[str, Any]
#: Stand-ins for addresses that only a delivery has.
_URLS = ("#unsubscribe", "#preferences", "#view-in-browser")


class Known:
    """A template with all layouts and snippets."""

    def __init__(self, tx: Connection, key: str, given: Body | None = None) -> None:
        found = defining.bodies(defining.load(tx, "template", "layout", "snippet"))
        if given is None and ("template", key) not in found:
            raise defining.NoSuchDefinition(("template", key))
        self.key = key
        self.body = found["template", key] if given is None else given
        self.layouts = {k: body for (kind, k), body in found.items() if kind == "layout"}
        self.snippets = {k: body for (kind, k), body in found.items() if kind == "snippet"}

    def findings(self) -> list[dict[str, Any]]:
        """What looks wrong about it, as the API and commands show it."""
        return [f._asdict() for f in lint(self.key, self.body, self.layouts, self.snippets)]

    def variables(
        self, tx: Connection, audience: str | None = None, most: int | None = None
    ) -> list[dict[str, Any]]:
        """Its variables, with the share of people who have each; `NoSuchAudience`."""
        from cdp.messaging.templates.variables import variables

        found = variables(self.body, self.layouts, self.snippets)
        paths = {v.name: tuple(v.name.split(".")[1:]) for v in found if _is_trait(v.name)}
        known = coverage.coverage(tx, set(paths.values()), audience, most)
        rows = []
        for variable in found:
            share = known.shares[paths[variable.name]] if variable.name in paths else None
            uses = [use._asdict() for use in variable.uses]
            rows.append(
                {
                    "name": variable.name,
                    "needed": variable.needed,
                    "defaulted": variable.defaulted,
                    "share": round(share.share, 4) if share else None,
                    "share_low": round(share.low, 4) if share else None,
                    "share_high": round(share.high, 4) if share else None,
                    "exact": known.exact if share else None,
                    "people": known.of if share else None,
                    "uses": [{k: v for k, v in use.items() if k != "name"} for use in uses],
                }
            )
        return rows

    def preview(self, scope: Body, locale: str, now: int) -> dict[str, Any]:
        """What it says, or why it says nothing; ``now`` in ms."""
        told: dict[str, Any] = {"locale": "", "fields": {}, "allowed": [], "error": None}
        try:
            compiled = compile_template(self.key, self.body, self.layouts, self.snippets)
            made = compiled.render(scope, locale, Urls(*_URLS), None, now // 1000)
            told |= {"locale": made.locale, "fields": plain(made.fields)}
            told["allowed"] = list(made.allowed)
        except RenderError as error:
            told["error"] = {
                "text": error.text, "variable": error.variable or None, "where": error.where,
            }  # fmt: skip
        except TemplateError as error:
            first = error.troubles[0]
            told["error"] = {"text": first.text, "variable": None, "where": first.field}
        return told


def _is_trait(name: str) -> bool:
    return name.startswith("customer.") and "[]" not in name


def plain(value: Any) -> Any:
    """Contents as JSON has them."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def customer_at(tx: Connection, profile: int) -> dict[str, Any]:
    """What templates call ``customer``, as it is when something is sent."""
    return customer_of(addressees.of_profiles(tx, [profile])[profile])
