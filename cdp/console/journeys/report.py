"""How a journey goes: the report as a page and as CSV, and the winner of an experiment."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from flask import Response, abort, flash, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as Answer

from cdp.console import layout
from cdp.console.auth import author
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.console.journeys.overview import EXITS, TONES, Found, end_word, ends_in_words, find
from cdp.console.journeys.people import names_of
from cdp.console.journeys.said import KIND, titles
from cdp.console.messages.sent import CHANNELS
from cdp.definitions import title_of
from cdp.delivery.journeys import office
from cdp.delivery.journeys.report import report, tables
from cdp.delivery.journeys.there import MAY, Refused
from cdp.store import definitions
from cdp.transfer.writers import cell

#: How many days a report may be of, by the address's ``days``.
SPANS = (7, 30, 90, 365)
DAY_MS = 86_400_000
#: What was decided about an experiment, in words.
DECIDED = {"winner": "for everybody", "undecided": "no winner", "guarded": "nobody gets any more"}
#: Tables that can be taken out, in words.
PARTS = {"steps": "Steps", "messages": "Messages", "days": "Days", "variants": "Experiments"}


def page(key: str) -> str:
    """The figures of some days, of a version or of all, of everybody or of an audience."""
    days, version, audience = _asked()
    with console().store.read() as tx:
        found = find(tx, key)
        made, wrong = _made(tx, found, days, version, audience)
        numbers = [one.version for one in definitions.versions(tx, KIND, key) if one.body]
        names = names_of(tx, key, [version] if version else numbers)
        known = {kind: titles(tx, kind) for kind in ("audience", "template")}
    return render_template(
        "console/journey_report.html",
        found=found,
        made=made,
        wrong=wrong,
        days=days,
        spans=SPANS,
        version=version,
        versions=numbers,
        audience=audience,
        known=known,
        called=names,
        chart=_chart(made, days) if made else None,
        ends=ends_in_words(Counter(made["ended"])) if made else [],
        parts=[name for name in PARTS if name != "variants" or (made and made["experiments"])],
        words=PARTS,
        channels=CHANNELS,
        may_pick=found.row is not None and found.row.state in MAY["winner"],
        end_word=end_word,
        exits=EXITS,
        decided=DECIDED,
        tones=TONES,
        tab="report",
    )


def _asked() -> tuple[int, int | None, str | None]:
    days = layout.number_arg("days") or 30
    return (
        days if days in SPANS else 30,
        layout.number_arg("version"),
        request.args.get("audience") or None,
    )


def _made(
    tx: Connection, found: Found, days: int, version: int | None, audience: str | None
) -> tuple[dict[str, Any] | None, str]:
    if found.row is None:
        return None, ""
    now = console().now()
    first = now // DAY_MS - days + 1
    try:
        return report(tx, found.key, now, first=first, version=version, audience=audience), ""
    except Refused as error:
        return None, as_sentence(str(error))


def _chart(made: dict[str, Any], days: int) -> dict[str, list[tuple[int, float]]]:
    """What each day brought, those of nothing too, as the bars have it."""
    by_day = {item["day"]: item for item in made["days"]}
    last = datetime.fromisoformat(made["to"]).replace(tzinfo=UTC)
    first = int(last.timestamp() * 1000) - (days - 1) * DAY_MS
    found: dict[str, list[tuple[int, float]]] = {"entered": [], "converted": []}
    for at in range(first, first + days * DAY_MS, DAY_MS):
        item = by_day.get(datetime.fromtimestamp(at / 1000, UTC).date().isoformat(), {})
        for name, points in found.items():
            points.append((at, item.get(name, 0)))
    return found


def export(key: str) -> Response:
    """One of the report's tables as CSV."""
    days, version, audience = _asked()
    part = request.args.get("part", "steps")
    if part not in PARTS:
        abort(404, "There is no such table.")
    with console().store.read() as tx:
        made, wrong = _made(tx, find(tx, key), days, version, audience)
    if made is None:
        abort(404, wrong or "It was never launched, so that there is nothing to take out.")
    out = io.StringIO()
    rows = list(tables(made)[part])
    if rows:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{key}-{part}.csv"'}
    return Response(out.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def pick(key: str) -> Answer:
    """Let everybody who comes to an experiment get a variant; none: by lot again."""
    step, variant = request.form.get("step", ""), request.form.get("variant") or None
    answer = layout.back(url_for("console.journey_report", key=key))
    try:
        with console().store.write() as tx:
            name = title_of(key, find(tx, key).body)
            reason = request.form.get("reason", "").strip()
            office.pick(tx, key, author(), console().now(), step, variant, reason)
    except Refused as error:
        flash(as_sentence(str(error)), "bad")
        return answer
    gets = f"everybody who comes there gets {variant}" if variant else "it is by lot again"
    said = f"Within a few seconds {gets}."
    flash(f"{name}: {said}", "good")
    return answer
