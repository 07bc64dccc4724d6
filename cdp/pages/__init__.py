"""What people can do about their messages: pages without login, by signed names alone.

Opens and clicks (``/e/…``), ways out (``/unsubscribe``), the preference centre
(``/preferences``), the message in a browser (``/view``), images (``/files``). No cookies, no
scripts, nothing from other hosts; a name that we have not given out leads to one friendly page.
"""

from __future__ import annotations

from flask import Blueprint

from cdp.delivery.messages.seen import Seeing
from cdp.pages import confirm, files, finish, preferences, unsubscribe, view, visits
from cdp.pages.known import Known
from cdp.pages.render import FOLDER
from cdp.store import Store


def create_blueprint(store: Store, seeing: Seeing) -> Blueprint:
    """The public pages over ``store``; visits go to ``seeing``."""
    blueprint = Blueprint("pages", __name__, template_folder=str(FOLDER / "templates"))
    known = Known(store)
    visits.add(blueprint, known, seeing)
    unsubscribe.add(blueprint, known)
    preferences.add(blueprint, known)
    view.add(blueprint, known)
    confirm.add(blueprint, known)
    files.add(blueprint, store)
    finish.add(blueprint)
    return blueprint
