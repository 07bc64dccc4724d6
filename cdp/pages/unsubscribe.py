"""``/unsubscribe/<name>``: a page that asks, and what acts.

A GET changes nothing: scanners follow every link. A POST acts: the page's button, the
mail client's one-click (RFC 8058), and Customer.io's call.
"""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, jsonify, request

from cdp.delivery.messages.choices import attribute, choose, refuse_address
from cdp.messaging.choices import scope_of
from cdp.messaging.standing import ALL
from cdp.pages.finish import missing
from cdp.pages.known import Known, Letter, masked_address, standing
from cdp.pages.language import Words
from cdp.pages.render import page, words_of
from cdp.store.messages import preferences
from cdp.store.messages.topics import all_topics

MAX_BODY = 64 << 10


def add(blueprint: Blueprint, known: Known) -> None:
    """Add the page and what acts."""

    @blueprint.get("/unsubscribe/<name>")
    def ask(name: str) -> Response:
        with known.store.read() as tx:
            letter = known.letter(tx, name)
            if letter is None:
                return missing()
            words = words_of(letter)
            out = standing(tx, letter).out
            about = _about(tx, letter, words)
            return page(tx, "unsubscribe", words, letter=letter, out=out, **about)

    @blueprint.post("/unsubscribe/<name>")
    def act(name: str) -> Response:
        request.max_content_length = MAX_BODY
        if request.is_json:
            return _by_api(known, name)
        one_click = request.form.get("List-Unsubscribe", "").strip().lower() == "one-click"
        asked = request.form.get("do", "")
        with known.store.write() as tx:
            letter = known.letter(tx, name)
            if letter is None:
                return missing()
            words = words_of(letter)
            about = _about(tx, letter, words)
            if one_click:
                opt_out(tx, letter, about["scope"], "one_click")
                return Response(words.plain("done_title"), content_type="text/plain; charset=utf-8")
            if asked in ("topic", "everything"):
                scope = ALL if asked == "everything" else about["scope"]
                opt_out(tx, letter, scope, "page")
                return _done(tx, letter, words, scope, about)
            if asked == "undo":
                scope = ALL if request.form.get("scope") == ALL else about["scope"]
                opt_in(tx, letter, scope, "page")
                return _undone(tx, letter, words, about)
            return page(tx, "unsubscribe", words, 400, letter=letter,
                        out=standing(tx, letter).out, **about)  # fmt: skip


def opt_out(tx: Any, letter: Letter, scope: str, cause: str) -> None:
    """Let no messages of ``scope`` go to whom ``letter`` went to, from the commit on."""
    now, row = int(time.time() * 1000), letter.delivery
    preferences.change_turn(tx)
    if row.node is None:
        refuse_address(tx, row.channel, letter.address, now, row.id)
        attribute(tx, row, scope, now)
    elif choose(tx, row.node, {scope: False}, now, cause, row):
        attribute(tx, row, scope, now)


def opt_in(tx: Any, letter: Letter, scope: str, cause: str) -> None:
    """Let messages of ``scope`` go again."""
    now, row = int(time.time() * 1000), letter.delivery
    if row.node is None:
        preferences.lift(tx, row.channel, letter.address)
    else:
        choose(tx, row.node, {scope: True}, now, cause, row)


def _by_api(known: Known, name: str) -> Response:
    """Customer.io's call: ``{"unsubscribe": true}`` is about everything."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or body.get("unsubscribe") is not True:
        return _errors('the body must be {"unsubscribe": true}')
    with known.store.write() as tx:
        letter = known.letter(tx, name)
        if letter is None:
            return _errors("there is no such delivery")
        opt_out(tx, letter, ALL, "api")
    return jsonify({})


def _errors(text: str) -> Response:
    response = jsonify({"meta": {"errors": [text]}})
    response.status_code = 400
    return response


def _about(tx: Any, letter: Letter, words: Words) -> dict[str, Any]:
    """What the way out is about: the message's topic, if that can be chosen."""
    row = letter.delivery
    topic = (
        all_topics(tx, words.wish).get(row.topic) if row.topic and row.node is not None else None
    )
    return {
        "scope": scope_of(row.topic if row.node is not None else None),
        "topic": topic.name if topic else row.topic if row.node is not None else None,
        "address": masked_address(letter.address),
    }


def _done(tx: Any, letter: Letter, words: Words, scope: str, about: dict[str, Any]) -> Response:
    topic = about["topic"] if scope != ALL else None
    text = words.say("done_topic", topic=topic) if topic else words.say("done_all")
    return page(tx, "unsubscribed", words, letter=letter, title=words.plain("done_title"),
                text=text, undo=scope, more=bool(topic), address=about["address"])  # fmt: skip


def _undone(tx: Any, letter: Letter, words: Words, about: dict[str, Any]) -> Response:
    return page(tx, "unsubscribed", words, letter=letter, title=words.plain("undone_title"),
                text=words.say("undone_text"), undo=None, more=False,
                address=about["address"])  # fmt: skip
