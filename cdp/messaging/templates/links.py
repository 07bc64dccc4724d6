"""Addresses of links: harmless schemes only, with UTM parameters, and counted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from cdp.messaging.templates.errors import RenderError
from cdp.messaging.templates.policy import Run

#: Schemes that run code, or read what isn't ours.
HARMFUL = ("javascript", "vbscript", "data", "file", "blob", "filesystem", "about")
_SCHEME = re.compile(r"\s*([a-zA-Z][a-zA-Z0-9+.\-]*):")
_IGNORED = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\ufeff]")


class Link(NamedTuple):
    """Whether clicks on it are counted, and whether UTM parameters are added."""

    tracked: bool = True
    parameters: bool = True


def scheme_of(url: str) -> str:
    """The scheme as a browser would understand it; empty without one."""
    found = _SCHEME.match(_IGNORED.sub("", url[:200]))
    return found[1].lower() if found else ""


def address(url: str, link: Link, run: Run | None) -> str:
    """Where a link leads for this message; `RenderError` for what would run code."""
    url = url.strip()
    scheme = scheme_of(url)
    if scheme in HARMFUL:
        where = run.where if run is not None else ""
        raise RenderError(f"a link would lead to {scheme}:", where=where)
    if run is None or scheme not in ("http", "https"):
        return url
    if link.parameters and run.utm:
        url = with_parameters(url, run.utm)
    if link.tracked and run.rewrite is not None:
        made: str = run.rewrite(url)
        return made
    return url


def with_parameters(url: str, utm: Mapping[str, str]) -> str:
    """The address with UTM parameters that it does not have yet."""
    head, hash_, fragment = url.partition("#")
    there = head.partition("?")[2]
    added = [
        f"utm_{name}={quote(value, safe='')}"
        for name, value in utm.items()
        if value and f"utm_{name}=" not in there
    ]
    if not added:
        return url
    glue = "" if head.endswith(("?", "&")) else "&" if "?" in head else "?"
    return f"{head}{glue}{'&'.join(added)}{hash_}{fragment}"
