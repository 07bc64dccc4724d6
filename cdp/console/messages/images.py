"""Images that messages show: uploaded, looked at, chosen, removed."""

from __future__ import annotations

from pathlib import PurePath

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from cdp.console import layout
from cdp.console.auth import author
from cdp.console.context import console
from cdp.delivery.messages.letters import base_url
from cdp.messaging.images import MAX_BYTES, BadImage, read_image
from cdp.store.messages import images
from cdp.store.messages.images import ImageUsed, NoRoom

PAGE = 60
_AT_ONCE = 20


def index() -> str:
    """All images; for a script, the choice of one."""
    return _page([])


def _page(wrong: list[str]) -> str:
    at, _, hash_ = request.args.get("before", "").partition("-")
    before = (int(at), hash_) if at.isascii() and at.isdigit() and len(at) < 19 else None
    here = console()
    with here.store.read() as tx:
        found = images.newest(tx, PAGE, before)
        total, used = images.count(tx), images.users(tx)
    return render_template(
        "console/images_found.html" if layout.is_partial() else "console/images.html",
        found=found,
        total=total,
        used=used,
        base=base_url(here.settings),
        public=bool(here.settings.public_url or here.settings.tracking_url),
        more=f"{found[-1].at}-{found[-1].hash}" if len(found) == PAGE else None,
        wrong=wrong,
    )


def upload() -> Response | str:
    """Keep the images of a form, each that can be one."""
    files = [file for file in request.files.getlist("file") if file.filename][:_AT_ONCE]
    wrong, kept = [] if files else ["Choose a file first."], 0
    for file in files:
        name = PurePath((file.filename or "").replace("\\", "/")).stem
        name = "".join(char for char in name if char.isprintable()).strip()[:100] or "Image"
        try:
            image = read_image(file.read(MAX_BYTES + 1))
        except BadImage as error:
            wrong.append(f"{name}: {error}.")
            continue
        here = console()
        try:
            with here.store.write() as tx:
                images.add(tx, here.now(), author(), name, image, here.settings.images_room)
        except NoRoom as error:
            wrong.append(f"{name}: {error}.")
            continue
        kept += 1
    if layout.is_partial():
        return _page(wrong)
    for text in wrong:
        flash(f"Not kept. {text}", "bad")
    if kept:
        flash(f"{kept} image{'s are' if kept > 1 else ' is'} kept.", "good")
    return redirect(url_for("console.images"), 303)


def one(hash_: str) -> str:
    """One image: its address, and who shows it."""
    here = console()
    with here.store.read() as tx:
        found = images.get(tx, hash_)
        if found is None:
            abort(404, "There is no such image. It may have been removed.")
        users = images.users(tx).get(hash_, [])
    return render_template(
        "console/image.html", one=found, users=users, base=base_url(here.settings)
    )


def remove(hash_: str) -> Response:
    """Remove one that nothing shows."""
    if not request.form.get("sure"):
        flash("Not removed: say that sent messages may lose it.", "bad")
        return redirect(url_for("console.image", hash_=hash_), 303)
    try:
        with console().store.write() as tx:
            gone = images.remove(tx, console().now(), author(), hash_)
    except ImageUsed as used:
        flash(f"Not removed: it is shown by {used}.", "bad")
        return redirect(url_for("console.image", hash_=hash_), 303)
    flash("Removed." if gone else "It is gone already.", "good")
    return redirect(url_for("console.images"), 303)
