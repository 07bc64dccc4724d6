"""Templates as they hold now, compiled once each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from cdp.messaging.templates import Compiled, TemplateError, compile_template
from cdp.store import definitions, meta
from cdp.store.messages import link_keys

_encode = msgspec.json.Encoder().encode
#: Compiled forms that are kept: templates, and bodies that came with requests.
KEPT = 500


class NoTemplate(ValueError):
    """There is no template of that key."""


class Template(NamedTuple):
    """A template in the form in which it is rendered; ``version`` None: it came with a request."""

    key: str
    version: int | None
    body: Mapping[str, Any]
    compiled: Compiled


class Stationery:
    """Follows the definitions of templates, layouts and snippets."""

    def __init__(self) -> None:
        self._version = -1
        self._bodies: dict[str, dict[str, definitions.Version]] = {}
        self._compiled: OrderedDict[tuple[str, str], Template | TemplateError] = OrderedDict()
        self.keys: tuple[str, ...] = ()

    def follow(self, tx: Connection) -> None:
        """Take over what has changed."""
        version = meta.version(tx)
        if version == self._version and self.keys:
            return
        self.keys = link_keys.load(tx)
        found: dict[str, dict[str, definitions.Version]] = {}
        for item in definitions.all_current(tx, "template", "layout", "snippet"):
            found.setdefault(item.kind, {})[item.key] = item
        if found != self._bodies:
            self._bodies = found
            self._compiled.clear()
        self._version = version

    def get(self, key: str | None, channel: str, content: Mapping[str, Any] | None) -> Template:
        """The template ``key`` with ``content`` over its fields, or ``content`` alone.

        `NoTemplate` if there is no such template, `TemplateError` if it can't be compiled.
        """
        stored = self._bodies.get("template", {}).get(key) if key is not None else None
        if key is not None and stored is None and not content:
            raise NoTemplate(key)
        body: dict[str, Any] = {**((stored.body if stored else None) or {"channel": channel})}
        name = (key or "", "")
        if content:
            body = {**body, **content}
            if channel == "email" and content.get("body"):
                body.pop("blocks", None)  # it says something else
            name = (key or "", blake2b(_encode(body), digest_size=16).hexdigest())
        known = self._compiled.get(name)
        if known is None:
            known = self._compile(key or "", body, stored)
            self._compiled[name] = known
            if len(self._compiled) > KEPT:
                self._compiled.popitem(last=False)
        else:
            self._compiled.move_to_end(name)
        if isinstance(known, TemplateError):
            raise known
        return known

    def _compile(
        self, key: str, body: dict[str, Any], stored: definitions.Version | None
    ) -> Template | TemplateError:
        def bodies(kind: str) -> dict[str, Any]:
            return {k: item.body for k, item in self._bodies.get(kind, {}).items()}

        try:
            made = compile_template(key, body, bodies("layout"), bodies("snippet"))
        except TemplateError as error:
            return error
        return Template(key, stored.version if stored else None, body, made)
