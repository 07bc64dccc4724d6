"""Folding stored events into profiles once more."""

from __future__ import annotations

import time

from cdp.config import Settings
from cdp.events import Message, decode_json
from cdp.pipeline.consent import update_consent
from cdp.pipeline.drafts import Drafts
from cdp.pipeline.identify import identify
from cdp.pipeline.traits import update_traits
from cdp.store import Store
from cdp.store.events import history, progress
from cdp.store.profiles import identity, object_types
from cdp.store.profiles.trait_rules import load_trait_rules
from cdp.store.tables import SECONDARY

CHUNK = 500


def refold(store: Store, settings: Settings, from_ms: int, to_ms: int) -> int:
    """Take the events from ``from_ms`` to ``to_ms`` into profiles and traits again.

    Every step is a join or a fold (laws 2 and 3), so what is right already stays as
    it is. Returns how many events were taken.
    """
    after, total = 0, 0
    while True:
        with store.read() as tx:
            rows = history.rows_after(tx, after, CHUNK)
            if not rows:
                return total
            after = rows[-1].seq + 1
            picked = [r for r in rows if from_ms <= r.t <= to_ms and not r.flags & SECONDARY]
            bodies = history.bodies_of(tx, picked)
            names = history.names_of(tx, [row.name for row in picked])
        messages = []
        for row in picked:
            body = decode_json(bodies[row.seq].raw)
            type_, name = names[row.name]
            message_id = body["messageId"]
            messages.append(Message(type_, name, message_id, row.source, row.t, row.t, body))
        now = int(time.time() * 1000)
        with store.write() as tx:
            progress.take_turn(tx)
            # Not before our turn: rules that change meanwhile must not be lost on these.
            rules, types = identity.load_rules(tx), object_types.load(tx)
            drafts = Drafts(rules, types)
            for message in messages:
                drafts.add(message)
            object_types.add(tx, types.take_new(), now)
            outcome = identify(tx, drafts, rules, identity.load_cuts(tx), now)
            update_traits(tx, drafts, outcome, now)
            update_consent(tx, drafts)
            drafts.relationships().put(tx, load_trait_rules(tx))
        total += len(picked)
