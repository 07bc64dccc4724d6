"""``/preferences/<name>``: where people say what they want to get."""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, request

from cdp.delivery.messages.choices import attribute, choose
from cdp.messaging.standing import ALL, Standing
from cdp.messaging.topics import Choice, Topic, choices
from cdp.pages.finish import missing
from cdp.pages.known import Known, Letter, masked_address, standing
from cdp.pages.language import Words, words_for
from cdp.pages.render import page, words_of
from cdp.pages.unsubscribe import MAX_BODY, opt_in, opt_out
from cdp.store.messages import preferences
from cdp.store.messages.topics import all_topics


def add(blueprint: Blueprint, known: Known) -> None:
    """Add the preference centre."""

    @blueprint.get("/preferences/<name>")
    def preference_page(name: str) -> Response:
        with known.store.read() as tx:
            letter = known.letter(tx, name)
            return missing() if letter is None else _show(tx, letter)

    @blueprint.post("/preferences/<name>")
    def choose_preferences(name: str) -> Response:
        request.max_content_length = MAX_BODY
        with known.store.write() as tx:
            letter = known.letter(tx, name)
            if letter is None:
                return missing()
            asked = request.form.get("do", "")
            if asked == "out":
                opt_out(tx, letter, ALL, "page")
            elif asked == "in":
                opt_in(tx, letter, ALL, "page")
            elif asked == "save":
                _save(tx, letter, set(request.form.getlist("on")))
            else:
                return _show(tx, letter, status=400)
            return _show(tx, letter, saved=True)


def _save(tx: Any, letter: Letter, on: set[str]) -> None:
    """Keep what was chosen differently from how it stands."""
    row = letter.delivery
    if row.node is None:
        return
    now = int(time.time() * 1000)
    preferences.change_turn(tx)
    shown = set(request.form.getlist("shown"))
    topics, channels = _choices(tx, letter, words_of(letter))
    wishes = {
        item.scope: item.scope in on
        for item in (*topics, *channels)
        if item.scope in shown and item.wanted is not (item.scope in on)
    }
    new = choose(tx, row.node, wishes, now, "page", row)
    refused = [scope for scope, wish in new.items() if not wish.wanted]
    for scope in refused:
        attribute(tx, row, scope, now)


def _choices(tx: Any, letter: Letter, words: Words) -> tuple[list[Choice], list[Choice]]:
    """What somebody can choose among: open topics, and channels by which they can be reached."""
    person = letter.person
    if person is None:
        return [], []
    stands = standing(tx, letter)
    open_ = _open(tx, stands, words)
    reached = [name for name in ("email", "sms") if person.address(name)]
    reached += ["push"] if person.devices() else []
    # One way alone is no choice: it is what "everything" is about.
    shown = reached if len(reached) > 1 else []
    return choices(stands, open_, shown)


def _open(tx: Any, stands: Standing, words: Words) -> list[Topic]:
    """The topics that are shown to somebody, in their language."""
    return [
        item
        for item in all_topics(tx, words.wish).values()
        if not item.archived and (not item.hidden or stands.says(f"topic:{item.key}"))
    ]


def sample(tx: Any, lang: str) -> Response:
    """The page as somebody sees it who has said nothing yet, for those who set it up."""
    words = words_for([lang])
    topics, channels = choices(Standing(), _open(tx, Standing(), words), ("email", "sms"))
    return page(
        tx, "preferences", words, topics=topics, channels=channels, out=False, saved=False,
        address=masked_address("ana@example.com"),
    )  # fmt: skip


def _show(tx: Any, letter: Letter, saved: bool = False, status: int = 200) -> Response:
    words = words_of(letter)
    topics, channels = _choices(tx, letter, words)
    return page(
        tx, "preferences", words, status, letter=letter, topics=topics,
        channels=channels, out=standing(tx, letter).out, saved=saved,
        address=masked_address(letter.address),
    )  # fmt: skip
