"""What people want to get: a person's subscriptions, topics, addresses that get nothing."""

from __future__ import annotations

import base64
from typing import Any

from flask import Response as Page
from flask import abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import auth
from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.messages import template_form
from cdp.console.persons import profile_or_404
from cdp.definitions import DefinitionError, Fault
from cdp.definitions.topic import can_confirm
from cdp.delivery.messages import subscriptions, suppressions
from cdp.delivery.messages.letters import base_url
from cdp.delivery.messages.subscriptions import NotChosen
from cdp.delivery.messages.suppressions import BadAddress
from cdp.identity import public_id
from cdp.messaging.colors import HEX
from cdp.store import definitions
from cdp.store.config_rows import NameTaken
from cdp.store.defined import defining
from cdp.store.defined.defining import StaleVersion, StillUsed
from cdp.store.messages import branding, preferences
from cdp.store.messages.branding import Branding
from cdp.store.messages.topics import all_topics

PAGE = 50
MAX_LOGO = 64 << 10
CAUSES = {
    "page": "on a page", "one_click": "in the mail client", "mailto": "by mail",
    "word": "by a word in a text message", "api": "by the API", "import": "by an import",
    "console": "by staff", "report": "told by a provider",
}  # fmt: skip
LISTED = {
    "bounce": "It does not exist", "complaint": "Marked as spam", "manual": "Added by hand",
    "import": "Imported", "unsubscribed": "Unsubscribed", "gone": "The device is gone",
}  # fmt: skip
_IMAGES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}
_TOPIC = ("name", "description", "default", "double_opt_in")


def of_person(tx: Connection, profile: int) -> dict[str, Any]:
    """What a person's page shows of their wishes."""
    return {"wishes": subscriptions.shown(tx, profile), "causes": CAUSES}


def choose(profile: str) -> Response:
    """Subscribe or unsubscribe a person."""
    here = console()
    scope, wanted = request.form.get("scope", ""), request.form.get("wanted") == "yes"
    with here.store.write() as tx:
        found = profile_or_404(tx, profile)
        try:
            made = subscriptions.change(
                tx, found.id, {scope: wanted}, here.now(), "console", base_url(here.settings)
            )
        except NotChosen as error:
            flash(f"Nothing was changed: {error}.", "bad")
        else:
            asked = "They were sent a message to confirm it." if made.awaiting else "Saved."
            flash(asked, "good")
        who = public_id(found.collection, found.anchor)
    return redirect(url_for("console.person_tab", profile=who, tab="messages"), 303)


# -- addresses that nothing is sent to -----------------------------------------------


def suppressed() -> str:
    """The list, newest first."""
    # Who may not see addresses could find them out by asking.
    wanted = request.args.get("q", "").strip() if g.visitor.sees_personal else ""
    at, _, hash_ = request.args.get("before", "").partition("-")
    before = (int(at), hash_) if at.isdigit() and len(at) < 19 and hash_ else None
    with console().store.read() as tx:
        found = preferences.addresses(tx, PAGE, before, wanted)
        total = preferences.count_addresses(tx)
    return render_template(
        "console/suppressed.html",
        found=found,
        total=total,
        q=wanted,
        listed=LISTED,
        channels=suppressions.CHANNELS,
        searches=g.visitor.sees_personal,
        more=f"{found[-1].at}-{found[-1].hash}" if len(found) == PAGE else None,
    )


def suppress() -> Response:
    """Add an address, or let messages go to one again."""
    here = console()
    channel, address = request.form.get("channel", ""), request.form.get("address", "").strip()
    try:
        with here.store.write() as tx:
            if request.form.get("what") != "lift":
                detail = request.form.get("detail", "").strip()[:500]
                suppressions.add(tx, channel, address, "manual", author(), here.now(), detail)
                flash("Nothing is sent to it any more.", "good")
            elif not auth.current().sees_personal:
                abort(403, "Your role does not see addresses.")
            elif preferences.unsuppress_address(tx, channel, address):
                flash("Messages go to it again.", "good")
            else:
                flash("It was not on the list any more.", "bad")
    except BadAddress as error:
        flash(f"Nothing was added: {error}.", "bad")
    return redirect(url_for("console.suppressed"), 303)


# -- topics and the preference centre ------------------------------------------------


def topics() -> str:
    """The topics, and how the pages look on which people choose."""
    with console().store.read() as tx:
        found = [
            (topic, defining.find(tx, ("topic", key))) for key, topic in all_topics(tx).items()
        ]
        chosen = {(version.body or {}).get("double_opt_in") for _, version in found}
        templates = [
            item.key
            for item in definitions.all_current(tx, "template")
            if item.key in chosen or can_confirm(item.body or {})
        ]
        look = branding.load(tx)
    pages = console().services.page_languages
    more = dict.fromkeys(
        code for _, version in found for code in (version.body or {}).get("locales", {})
    )
    shown = {**{code: template_form.language_name(code) for code in more}, **pages}
    lang = request.args.get("lang", "")
    return render_template(
        "console/topics.html",
        found=found,
        templates=sorted(templates),
        look=look,
        languages=template_form.all_languages(),
        language_name=template_form.language_name,
        shown=sorted(shown.items()),
        lang=lang if lang in shown else "en",
        can_show=console().services.preferences is not None,
    )


def preview() -> Page:
    """The page on which people choose, as one sees it who has said nothing; it does nothing."""
    show = console().services.preferences
    if show is None:
        abort(404, "This server shows no pages to people.")
    with console().store.read() as tx:
        answer = show(tx, request.args.get("lang", "")[:40])
    policy = answer.headers["Content-Security-Policy"]
    policy = policy.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
    answer.headers["Content-Security-Policy"] = f"{policy}; sandbox"
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer


def save_topic() -> Response:
    """Add a topic, change one, or remove it."""
    here, form = console(), request.form
    key, seen = form.get("key", "").strip(), form.get("version", "")
    body: dict[str, Any] = {name: v for name in _TOPIC if (v := form.get(name, "").strip())}
    body |= {name: True for name in ("hidden", "archived") if form.get(name)}
    version = int(seen) if seen.isdigit() and len(seen) < 10 else 0
    try:
        with here.store.write() as tx:
            if form.get("what") == "remove":
                defining.remove(tx, here.now(), ("topic", key), author(), version)
            else:
                before = definitions.current(tx, "topic", key)
                # The form has no field for its channels.
                was = (before and before.body) or {}
                kept: dict[str, Any] = {n: was[n] for n in ("channels", "locales") if n in was}
                if "locales" in form.getlist("parts"):
                    kept["locales"] = _locales()
                defining.put(tx, here.now(), ("topic", key), {**kept, **body}, author(), version)
        flash("Saved." if form.get("what") != "remove" else "Removed.", "good")
    except (DefinitionError, NameTaken, StaleVersion, StillUsed, LookupError) as error:
        flash(f"Nothing was changed: {error}", "bad")
    return redirect(url_for("console.topics"), 303)


def _locales() -> dict[str, dict[str, str]]:
    """What the rows of the form say in other languages; an empty one says nothing."""
    rows = zip(
        *(request.form.getlist(f"locale_{part}") for part in ("code", "name", "description")),
        strict=False,
    )
    found: dict[str, dict[str, str]] = {}
    for code, name, about in rows:
        said = {"name": name.strip(), "description": about.strip()}
        said = {field: text for field, text in said.items() if text}
        if said and not code:
            text = f"Choose the language that “{name.strip() or about.strip()}” is in."
            raise DefinitionError([Fault("languages", text)])
        if said:
            found[template_form.locale_of(code)] = said
    return found


def save_look() -> Response:
    """Let the pages look otherwise."""
    form, wrong = request.form, ""
    color = form.get("color", "").strip()
    if color and not HEX.fullmatch(color):
        wrong = "a colour is written as #1d5bc4"
    with console().store.write() as tx:
        logo = "" if form.get("no_logo") else branding.load(tx).logo
        file = request.files.get("logo")
        if file is not None and file.filename:
            data = file.read(MAX_LOGO + 1)
            kind = next((k for head, k in _IMAGES.items() if data.startswith(head)), None)
            if len(data) > MAX_LOGO or kind is None:
                wrong = "the logo must be a PNG, JPEG, GIF or WebP of at most 64 KB"
            else:
                logo = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
        if not wrong:
            branding.save(tx, Branding(form.get("name", "").strip()[:100], color, logo))
    flash(f"Nothing was changed: {wrong}." if wrong else "Saved.", "bad" if wrong else "good")
    return redirect(url_for("console.topics"), 303)
