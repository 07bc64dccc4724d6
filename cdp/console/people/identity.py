"""Why people are one, and parting them."""

from __future__ import annotations

from flask import abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.persons import profile_or_404
from cdp.identity import Identifier, parse_identifier, public_id
from cdp.pipeline import unmerge as parting
from cdp.pipeline.story import word
from cdp.store.profiles import identity, people

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
        plan, joins = None, []
        if taken:
            try:
                plan = parting.plan(tx, found, taken)
                joins = parting.company(tx, found, plan.sides)
            except parting.CannotUnmerge as error:
                wrong = wrong or f"{str(error)[0].upper()}{str(error)[1:]}."
    return render_template(
        "console/unmerge.html",
        profile=public_id(found.collection, found.anchor),
        name=found.name or word(own[0]),
        own=own,
        taken=taken,
        plan=plan,
        joins=joins,
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
