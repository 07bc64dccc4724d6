"""Why people are one, parting them, and the rules of it."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.persons import profile_or_404
from cdp.identity import Identifier, parse_identifier, public_id
from cdp.identity.rules import WINDOWS
from cdp.identity.rules_file import RulesError, check, default_file
from cdp.pipeline import sweep
from cdp.pipeline import unmerge as parting
from cdp.pipeline.story import cut_shown, word
from cdp.store import definitions
from cdp.store.profiles import identity, people

#: Components that a preview of other rules looks at.
PREVIEWED = 20_000
MAX_NOTE = 500


def _taken() -> list[Identifier]:
    found = [parse_identifier(text) for text in request.values.getlist("take")]
    if None in found:
        abort(400, "This identifier can't be read.")
    return [item for item in found if item is not None]


def part_page(profile: str, wrong: str | None = None) -> str | Response:
    """What taking some identifiers out of a profile would do, before it is done."""
    if not g.visitor.can_change:
        abort(403, "Your role may not take people apart.")
    taken = _taken()
    with console().store.read() as tx:
        found = profile_or_404(tx, profile)
        own = [(row.type, row.value) for row in people.identifiers_of(tx, found.id)]
        plan = None
        if taken:
            try:
                plan = parting.plan(tx, found, taken)
            except parting.CannotUnmerge as error:
                wrong = wrong or f"{str(error)[0].upper()}{str(error)[1:]}."
    return render_template(
        "console/unmerge.html",
        profile=public_id(found.collection, found.anchor),
        name=found.name or word(own[0]),
        own=own,
        taken=taken,
        plan=plan,
        wrong=wrong,
        word=word,
    )


def part(profile: str) -> str | Response | tuple[str, int]:
    """Part them."""
    here = console()
    taken = _taken()
    with here.store.read() as tx:
        found = profile_or_404(tx, profile)
    try:
        cut = parting.unmerge(
            here.store,
            found,
            taken,
            author(),
            here.now(),
            note=request.form.get("note", "").strip()[:MAX_NOTE] or None,
        )
    except parting.CannotUnmerge as error:
        return str(part_page(profile, f"{error}.")), 422
    with here.store.read() as tx:
        rest = people.resolve(tx, cut.collection, *min(cut.right))
    flash("Parted. The link won't come back by itself; you can take this back below.", "good")
    name = public_id(rest.collection, rest.anchor) if rest is not None else profile
    return redirect(url_for("console.person_tab", profile=name, tab="identifiers"), 303)


def undo_cut(number: int) -> Response:
    """Take a cut back."""
    here = console()
    if not parting.undo(here.store, number, author(), here.now()):
        abort(404, "There is no such cut any more.")
    flash("Taken back: what the messages say holds again.", "good")
    with here.store.read() as tx:
        cut = next(row.cut for row in identity.all_cuts(tx) if row.cut.number == number)
        home = people.resolve(tx, cut.collection, *min(cut.right))
    if home is None:
        return redirect(url_for("console.identity_rules"), 303)
    name = public_id(home.collection, home.anchor)
    return redirect(url_for("console.person_tab", profile=name, tab="identifiers"), 303)


def rules_page(
    form: dict[str, str] | None = None,
    effect: sweep.Effect | None = None,
    wrong: str | None = None,
) -> str:
    """The rules in force, their versions, and what was parted by hand."""
    with console().store.read() as tx:
        found = definitions.current(tx, identity.KIND, identity.KEY)
        body = found.body if found is not None and found.body is not None else default_file()
        context = {
            "versions": definitions.versions(tx, identity.KIND, identity.KEY)[:20],
            "cuts": [cut_shown(row) for row in identity.all_cuts(tx)][::-1],
            "left": identity.sweep(tx),
        }
    return render_template(
        "console/identity_rules.html",
        tab="identity",
        form=form or _to_form(body),
        effect=effect,
        wrong=wrong,
        word=word,
        **context,
    )


def change_rules() -> str | Response | tuple[str, int]:
    """Show what other rules would do, or make them hold."""
    here = console()
    form = {name: request.form.get(name, "") for name in FIELDS}
    try:
        with here.store.read() as tx:
            found = definitions.current(tx, identity.KIND, identity.KEY)
        old = found.body if found is not None and found.body is not None else default_file()
        body = check({**old, **_from_form(form)})
    except (RulesError, ValueError) as error:
        return rules_page(form, wrong=str(error)), 422
    if request.form.get("what") != "save":
        *_, effect = sweep.preview(here.store, body, most=PREVIEWED)
        return rules_page(form, effect)
    sweep.change_rules(here.store, body, author(), here.now())
    flash("Saved. All profiles are brought in line in the background.", "good")
    return redirect(url_for("console.identity_rules"), 303)


FIELDS = ("priority", "limits", "default_limit", "blocked", "blocked_patterns")


def _to_form(body: dict[str, Any]) -> dict[str, str]:
    """Rules as a person edits them: a line each."""
    full = {**default_file(), **body}
    limits = []
    for type_, limit in full["limits"].items():
        item = limit if isinstance(limit, dict) else {"count": limit}
        per = item.get("per", "ever")
        limits.append(f"{type_}: {item['count']}" + (f" per {per}" if per != "ever" else ""))
    return {
        "priority": ", ".join(full["priority"]),
        "limits": "\n".join(limits),
        "default_limit": str(full["default_limit"]),
        "blocked": "\n".join(full["blocked"]),
        "blocked_patterns": "\n".join(full["blocked_patterns"]),
    }


def _from_form(form: dict[str, str]) -> dict[str, Any]:
    def lines(name: str) -> list[str]:
        return [line.strip() for line in form[name].splitlines() if line.strip()]

    limits: dict[str, Any] = {}
    for line in lines("limits"):
        type_, colon, rest = line.partition(":")
        count, _, per = rest.partition(" per ")
        if not colon or not count.strip().isdigit():
            raise ValueError(f"{line!r} is no limit: write such as email: 5, or email: 5 per week")
        per = per.strip() or "ever"
        if per not in WINDOWS:
            raise ValueError(f"{line!r}: per is one of {', '.join(WINDOWS)}")
        plain = int(count)
        limits[type_.strip()] = plain if per == "ever" else {"count": plain, "per": per}
    limit = form["default_limit"].strip()
    if not limit.isdigit():
        raise ValueError("The limit of all other types must be a whole number.")
    return {
        "priority": [part.strip() for part in form["priority"].split(",") if part.strip()],
        "limits": limits,
        "default_limit": int(limit),
        "blocked": lines("blocked"),
        "blocked_patterns": lines("blocked_patterns"),
    }
