"""Settings: the types of objects and what people call them."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.names import name_trouble
from cdp.store.profiles import object_types


def page(wrong: str | None = None) -> str:
    """Every type, accounts first."""
    with console().store.read() as tx:
        kinds = object_types.all_types(tx)
    return render_template("console/object_types.html", tab="objects", kinds=kinds, wrong=wrong)


def rename() -> Response | tuple[str, int]:
    """Call a type by another name."""
    here = console()
    key, name = request.form.get("key", ""), request.form.get("name", "").strip()
    if trouble := name_trouble(name):
        return page(trouble), 422
    with here.store.write() as tx:
        made = object_types.rename(tx, here.now(), key, name, author())
    if made is None:
        abort(404, f"There is no type of objects called {key}.")
    flash(f"They are called {name} now.", "good")
    return redirect(url_for("console.object_types"), 303)
