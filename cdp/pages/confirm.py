"""``/confirm/<link>``: double opt-in. Looking confirms nothing: scanners look, too."""

from __future__ import annotations

import time

from flask import Blueprint, Response, request

from cdp.delivery.messages.subscriptions import confirm, confirmation
from cdp.pages.finish import missing
from cdp.pages.known import Known, Letter
from cdp.pages.render import page, words_of
from cdp.pages.unsubscribe import MAX_BODY
from cdp.store.messages import addressees, deliveries
from cdp.store.messages.topics import all_topics


def add(blueprint: Blueprint, known: Known) -> None:
    """Add the page."""

    def answer(link: str, act: bool) -> Response:
        now = int(time.time() * 1000)
        with known.store.write() if act else known.store.read() as tx:
            found = confirmation(tx, link, now)
            if found is None:
                return missing()
            person = addressees.load(tx, [found.node]).get(found.node)
            words = words_of(Letter("", deliveries.nothing("email", found.node), person))
            if act:
                confirm(tx, found, now)
            topic = all_topics(tx, words.wish).get(found.topic.key, found.topic)
            return page(tx, "confirm", words, topic=topic.name, done=act)

    @blueprint.get("/confirm/<link>")
    def ask_to_confirm(link: str) -> Response:
        return answer(link, act=False)

    @blueprint.post("/confirm/<link>")
    def confirm_topic(link: str) -> Response:
        request.max_content_length = MAX_BODY
        return answer(link, act=request.form.get("do") == "confirm")
