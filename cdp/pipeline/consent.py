"""Keep of each node what its messages said last of consent."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from cdp.pipeline.drafts import Draft
from cdp.profiles.consent import Consent
from cdp.store.profiles import graph


def update_consent(tx: Connection, drafts: Iterable[Draft]) -> None:
    """Write what is newer than what is known (law 3: the latest by stamp, in any order)."""
    saying = {draft.id: draft.consent for draft in drafts if draft.consent is not None}
    if not saying:
        return
    known = graph.node_consents(tx, list(saying))
    newer: list[tuple[int, str | None]] = [
        (id_, new.encode())
        for id_, new in saying.items()
        if (old := known.get(id_)) is None or new.stamp > Consent.decode(old).stamp
    ]
    graph.put_node_consents(tx, newer)
