"""The rules by which identifiers join people, as a form: all that their file can say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import layout
from cdp.console.auth import author
from cdp.console.context import console
from cdp.identity.rules import WINDOWS
from cdp.identity.rules_file import RulesError, check, default_file
from cdp.pipeline import sweep
from cdp.pipeline.story import cut_shown, word
from cdp.store import config_rows, definitions
from cdp.store.profiles import identity

#: Components that a preview of other rules looks at.
PREVIEWED = 20_000
Body = dict[str, Any]


def page(
    form: dict[str, str] | None = None,
    effect: sweep.Effect | None = None,
    wrong: str | None = None,
) -> str:
    """The rules in force, their versions, and what was parted by hand."""
    with console().store.read() as tx:
        context = {
            "versions": definitions.versions(tx, identity.KIND, identity.KEY)[:20],
            "cuts": [cut_shown(row) for row in identity.all_cuts(tx)][::-1],
            "left": identity.sweep(tx),
            "sources": config_rows.all_sources(tx),
        }
        form = form or to_form(_in_force(tx))
    return render_template(
        "console/identity_rules.html",
        tab="identity",
        form=form,
        effect=effect,
        wrong=wrong,
        word=word,
        **context,
    )


def change() -> str | Response | tuple[str, int]:
    """Show what other rules would do, or make them hold."""
    here = console()
    with here.store.read() as tx:
        old = _in_force(tx)
        sources = [source.key for source in config_rows.all_sources(tx)]
    # What a form does not have stays as it is.
    form = {name: request.form.get(name, text) for name, text in to_form(old).items()}
    try:
        body = check({**old, **from_form(form, sources)})
    except (RulesError, ValueError) as error:
        return page(form, wrong=str(error)), 422
    if request.form.get("what") != "save":
        *_, effect = sweep.preview(here.store, body, most=PREVIEWED)
        return page(form, effect)
    return _hold(body)


def revert() -> str | Response | tuple[str, int]:
    """Make an older version hold again."""
    to = layout.number_arg("to") or 0
    with console().store.read() as tx:
        known = definitions.versions(tx, identity.KIND, identity.KEY)
    body = next((version.body for version in known if version.version == to), None)
    if body is None:
        return page(wrong=f"There is no version {to}."), 422
    try:
        return _hold(check(dict(body)))
    except RulesError as error:
        return page(wrong=str(error)), 422


def _hold(body: Body) -> Response:
    here = console()
    sweep.change_rules(here.store, body, author(), here.now())
    flash("Saved. All profiles are brought in line in the background.", "good")
    return redirect(url_for("console.identity_rules"), 303)


def _in_force(tx: Connection) -> Body:
    found = definitions.current(tx, identity.KIND, identity.KEY)
    return found.body if found is not None and found.body is not None else default_file()


def to_form(body: Body) -> dict[str, str]:
    """Rules as a person edits them: a line each."""
    full = {**default_file(), **body}
    limits = []
    for type_, limit in full["limits"].items():
        item = limit if isinstance(limit, dict) else {"count": limit}
        per = item.get("per", "ever")
        limits.append(f"{type_}: {item['count']}" + (f" per {per}" if per != "ever" else ""))
    limit = full["default_limit"]
    return {
        "priority": ", ".join(full["priority"]),
        "limits": "\n".join(limits),
        "default_limit": _limit_text(limit),
        "unique": ", ".join(full.get("unique", ())),
        "blocked": "\n".join(full["blocked"]),
        "blocked_patterns": "\n".join(full["blocked_patterns"]),
        "blocked_by_type": "\n".join(_blocked_lines(full.get("blocked_by_type", {}))),
        "identifiers": "\n".join(
            f"{type_}: {', '.join(paths)}" if paths else type_
            for type_, paths in full.get("identifiers", {}).items()
        ),
        "sources": "\n".join(
            f"{key}: {', '.join(item['ignore'])}" for key, item in full.get("sources", {}).items()
        ),
        "max_identifiers": str(full["max_identifiers"]),
        "max_merges": str(full["max_merges"]),
        "phone_region": full["phone_region"] or "",
        "alias": "yes" if full["alias_joins_user_ids"] else "no",
    }


def _limit_text(limit: Any) -> str:
    if not isinstance(limit, dict):
        return str(limit)
    per = limit.get("per", "ever")
    return str(limit.get("count")) + (f" per {per}" if per != "ever" else "")


def _blocked_lines(by_type: dict[str, Any]) -> Iterable[str]:
    for type_, item in by_type.items():
        yield from (f"{type_}: {value}" for value in item.get("values", ()))
        yield from (f"{type_}: /{pattern}/" for pattern in item.get("patterns", ()))


def from_form(form: dict[str, str], sources: list[str]) -> Body:
    """The rules that a form says; `ValueError` says in words what can't be read."""
    pairs = {name: _pairs(form[name]) for name in ("limits", "identifiers", "sources")}
    for key, _ in pairs["sources"]:
        if key not in sources:
            raise ValueError(f"There is no source {key!r}: there are {', '.join(sources)}")
    found = {
        "priority": _words(form["priority"]),
        "limits": {type_: _limit(f"{type_}: {text}", text) for type_, text in pairs["limits"]},
        "default_limit": _limit(form["default_limit"], form["default_limit"]),
        "unique": _words(form["unique"]),
        "blocked": _lines(form["blocked"]),
        "blocked_patterns": _lines(form["blocked_patterns"]),
        "blocked_by_type": _blocked(_pairs(form["blocked_by_type"])),
        "identifiers": {type_: _words(text) or None for type_, text in pairs["identifiers"]},
        "sources": {key: {"ignore": _words(text)} for key, text in pairs["sources"]},
        "max_identifiers": _number(form["max_identifiers"], "Identifiers of one person"),
        "max_merges": _number(form["max_merges"], "Profiles that one may take in"),
        "phone_region": form["phone_region"].strip().upper() or None,
        "alias_joins_user_ids": form["alias"] == "yes",
    }
    return found


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _words(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _pairs(text: str) -> list[tuple[str, str]]:
    """Lines of ``name: what`` in parts; of a line without a colon the second is empty."""
    parted = (line.partition(":") for line in _lines(text))
    return [(name.strip(), rest.strip()) for name, _, rest in parted]


def _limit(line: str, text: str) -> int | dict[str, Any]:
    count, _, per = (part.strip() for part in text.partition(" per "))
    if not (count.isascii() and count.isdigit()):
        raise ValueError(
            f"{line!r} is no limit: write a whole number, as in email: 5, or email: 5 per week"
        )
    if per and per not in WINDOWS:
        raise ValueError(f"{line!r}: per is one of {', '.join(WINDOWS)}")
    return {"count": int(count), "per": per} if per and per != "ever" else int(count)


def _number(text: str, what: str) -> int:
    plain = text.strip()
    if not (plain.isascii() and plain.isdigit() and len(plain) < 10):
        raise ValueError(f"{what}: {text!r} is no whole number")
    return int(plain)


def _blocked(pairs: list[tuple[str, str]]) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for type_, text in pairs:
        if not text:
            raise ValueError(f"{type_!r} says no value: write such as email: no-reply@example.com")
        mine = found.setdefault(type_, {"values": [], "patterns": []})
        if len(text) > 2 and text[0] == text[-1] == "/":
            mine["patterns"].append(text[1:-1])
        else:
            mine["values"].append(text)
    return found
