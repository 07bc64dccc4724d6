"""What would become of a broadcast as people stand now: tried on some of them, sent to nobody.

Quiet hours and limits are asked at the instant at which each person's turn would come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.config import Settings
from cdp.delivery.broadcasts import who
from cdp.delivery.broadcasts.mover import ways
from cdp.delivery.broadcasts.turn import Way, chain_of
from cdp.delivery.messages.checks import Checks
from cdp.delivery.messages.compose import Prepared
from cdp.delivery.messages.letters import Letters
from cdp.messaging.broadcasts.plan import Plan
from cdp.messaging.broadcasts.when import begins_at, due_at
from cdp.messaging.pressure import Pressed
from cdp.messaging.request import Request
from cdp.store import Store
from cdp.store.audiences.counting import Preview
from cdp.store.messages import addressees, asking, broadcast_people, deliveries
from cdp.store.messages.deliveries import Delivery, pack

#: People on whom it is tried.
SAMPLE = 400


class Withheld(NamedTuple):
    """Why ``people`` of those tried would get nothing; ``code`` is what stands before a colon."""

    code: str
    reason: str
    people: int
    profile: int  # one of them


class Waiting(NamedTuple):
    """Why ``people`` of those tried would get it later, between ``first`` and ``last`` (ms)."""

    code: str
    reason: str
    people: int
    profile: int  # one of them
    first: int
    last: int


class Rehearsal(NamedTuple):
    """``counted`` says how many it is for; ``tried`` of them, ``go`` would get a message.

    ``waiting`` are those of ``go`` who would get it later. ``first`` is one of the messages,
    of each template one. ``by_channel`` counts those who would get one.
    """

    counted: Preview
    tried: int
    go: int
    withheld: tuple[Withheld, ...]
    waiting: tuple[Waiting, ...]
    first: dict[str, Prepared]
    by_channel: dict[str, int]

    @property
    def whole(self) -> bool:
        """Whether it was tried on everybody."""
        return self.counted.exact and self.tried == self.counted.people


def rehearse(
    store: Store, settings: Settings, plan: Plan, now: int, sample: int = SAMPLE
) -> Rehearsal:
    """Try a broadcast on some of its people; `NoPeople`, `NoTemplate`."""
    with store.read() as tx:
        counted = who.count(tx, plan.who, now, sample)
        people = sorted(counted.some)
        nodes = addressees.nodes_of(tx, people)
        found = ways(tx, plan)
        by_node = _reaching(tx, plan, found, list(nodes.values()))
        zones = broadcast_people.zones(tx, people) if plan.local is not None else {}
    variants = plan.variants
    begins = begins_at(plan, now)
    rows: list[Delivery] = []
    owners: list[int] = []
    for index, profile in enumerate(one for one in people if one in nodes):
        template = by_node.get(nodes[profile]) or variants[index % len(variants)].template
        way = found[template]
        data = {"campaign_name": plan.name}
        rows.append(
            deliveries.nothing(way.channel, nodes[profile])._replace(
                id=index,
                origin="broadcast",
                origin_key="0",
                template=template,
                topic=plan.topic or way.topic,
                flags=int(plan.flags),
                state="waiting",
                created_at=now,
                due_at=due_at(plan, zones.get(profile), begins),
                request=pack(data),
            )
        )
        owners.append(profile)
    return _judge(store, settings, counted, rows, owners, now)


def _reaching(
    tx: Connection, plan: Plan, found: dict[str, Way], nodes: list[int]
) -> dict[int, str]:
    """Of several channels the template of the first that reaches each of ``nodes``."""
    chain = chain_of(plan, found)
    if chain is None:
        return {}
    asked = [
        Request("", chain.links[0].channel, node, "broadcast", flags=plan.flags, chain=chain)
        for node in nodes
    ]
    return {
        node: (how.link or chain.links[0]).template
        for node, how in zip(nodes, asking.choices(tx, asked), strict=True)
    }


def _judge(
    store: Store,
    settings: Settings,
    counted: Preview,
    rows: Sequence[Delivery],
    owners: Sequence[int],
    now: int,
) -> Rehearsal:
    made = Letters(store, settings).compose(rows, now)
    verdicts = _verdicts(store, [item for item in made if isinstance(item, Prepared)])
    reasons: dict[str, list[int]] = {}
    later: dict[str, list[tuple[int, int]]] = {}
    first: dict[str, Prepared] = {}
    by_channel = Counter[str]()
    for item, profile in zip(made, owners, strict=True):
        if not isinstance(item, Prepared):
            reasons.setdefault(item.reason, []).append(profile)
            continue
        first.setdefault(item.delivery.template or "", item)
        verdict = verdicts[item.delivery.id]
        if verdict is not None and verdict.until is None:
            reasons.setdefault(verdict.reason, []).append(profile)
            continue
        by_channel[item.delivery.channel] += 1
        if verdict is not None and verdict.until is not None:
            later.setdefault(verdict.reason, []).append((verdict.until, profile))
    withheld = [
        Withheld(reason.partition(":")[0], reason, len(found), found[0])
        for reason, found in reasons.items()
    ]
    waiting = [
        Waiting(reason.partition(":")[0], reason, len(some), some[0][1], min(some)[0], max(some)[0])
        for reason, some in later.items()
    ]
    withheld.sort(key=lambda item: -item.people)
    waiting.sort(key=lambda item: -item.people)
    return Rehearsal(
        counted, len(rows), by_channel.total(), tuple(withheld), tuple(waiting), first,
        dict(by_channel),
    )  # fmt: skip


def _verdicts(store: Store, items: Sequence[Prepared]) -> dict[int, Pressed | None]:
    """What the last check would say to each, by number, when its turn comes."""
    turns: dict[int, list[Prepared]] = {}
    for item in items:
        turns.setdefault(item.delivery.due_at, []).append(item)
    checks, found = Checks(), dict[int, Pressed | None]()
    with store.read() as tx:
        for at, some in turns.items():
            verdicts = checks.verdicts(tx, some, at)
            found |= zip((item.delivery.id for item in some), verdicts, strict=True)
    return found


def preview(
    store: Store, settings: Settings, template: str, profile: int, now: int
) -> Prepared | str:
    """The message as somebody would get it, or why there is none; `NoTemplate`."""
    from cdp.delivery.broadcasts.mover import NoTemplate
    from cdp.store import definitions

    with store.read() as tx:
        node = addressees.node_of(tx, profile)
        version = definitions.current(tx, "template", template)
    if version is None or version.body is None:
        raise NoTemplate(f"there is no template {template}")
    if node is None:
        return "deleted"
    row = deliveries.nothing(version.body["channel"], node)._replace(
        origin="broadcast", origin_key="0", template=template, state="waiting"
    )
    made = Letters(store, settings).compose([row], now)[0]
    return made if isinstance(made, Prepared) else made.reason


def texts(prepared: Prepared) -> dict[str, Any]:
    """What a message says, for people to look at: its fields that have something."""
    content: Any = prepared.content
    fields = ("subject", "preheader", "html", "text", "title", "body", "link", "url", "from_")
    return {name: getattr(content, name) for name in fields if getattr(content, name, None)}
