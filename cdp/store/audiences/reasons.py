"""The clauses of each version of an audience, once: its entries and exits name them by number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from cdp.audiences.shorthand import form_of, in_full
from cdp.store.bulk import insert_many, select_by
from cdp.store.meta import take_numbers
from cdp.store.tables import reason_forms


def number_forms(tx: Connection, wanted: Mapping[int, str]) -> dict[int, int]:
    """The number of the form of each audience's version, by its row; new ones are kept."""
    c = reason_forms.c
    found = select_by(tx, (c.audience, c.form, c.id), c.audience, list(wanted))
    known = {(audience, form): id_ for audience, form, id_ in found}
    new = [item for item in wanted.items() if item not in known]
    if new:
        first = take_numbers(tx, "reason_form", len(new))
        known |= {item: first + index for index, item in enumerate(new)}
        rows = [(known[item], *item) for item in new]
        insert_many(tx, reason_forms, ("id", "audience", "form"), rows)
    return {audience: known[audience, form] for audience, form in wanted.items()}


def told_in_full(tx: Connection, details: Iterable[str]) -> dict[str, str]:
    """Reasons of entries and exits with their clauses, by how they are kept."""
    wanted = set(details)
    numbers = {number for detail in wanted if (number := form_of(detail)) is not None}
    c = reason_forms.c
    forms = {row[0]: row[1] for row in select_by(tx, (c.id, c.form), c.id, sorted(numbers))}
    return {detail: in_full(detail, forms) for detail in wanted}
