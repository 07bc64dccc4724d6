"""What should hold before a broadcast goes, looked up now, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from cdp.config import Settings
from cdp.delivery.broadcasts import who, written
from cdp.delivery.broadcasts.mover import NoTemplate, ways
from cdp.delivery.broadcasts.rehearsal import Rehearsal, Waiting, rehearse
from cdp.delivery.broadcasts.turn import Way
from cdp.delivery.messages.compose import Prepared
from cdp.delivery.messages.providers import Provider, Providers
from cdp.delivery.senders import Senders
from cdp.events import format_time
from cdp.messaging.broadcasts.pace import duration_ms
from cdp.messaging.broadcasts.plan import Plan, unready
from cdp.messaging.broadcasts.when import ends_at
from cdp.plugin.manager import Plugins
from cdp.store import Store

OK, WARNING, FAILED, UNKNOWN = "ok", "warning", "failed", "unknown"

#: Reasons in words: what would happen to the people.
REASONS = {
    "no_address": "no address is known for this channel",
    "unsubscribed": "unsubscribed from everything",
    "unsubscribed_channel": "nothing is wanted on this channel",
    "unsubscribed_topic": "nothing is wanted of this topic",
    "suppressed": "the address is one that nothing is sent to",
    "deleted": "deleted or suppressed",
    "limit": "as many messages as the limits allow",
    "quiet_hours": "it is quiet hours for them",
    "in_journey": "in a journey in which they get nothing else",
    "missing_variable": "the template says something that is not known of them",
    "not_rendered": "the template breaks for them",
    "bad_template": "the template is broken",
    "bad_content": "what the template makes is no message",
}
#: Reasons for which a message fails; for all others it is not sent.
BROKEN = frozenset({"missing_variable", "not_rendered", "bad_template", "bad_content"})


class Item(NamedTuple):
    """One check; ``state`` is ok, warning, failed (it can't go) or unknown."""

    key: str
    state: str
    text: str


class Checked(NamedTuple):
    """All checks, and the rehearsal where there could be one."""

    items: tuple[Item, ...]
    rehearsal: Rehearsal | None

    @property
    def ready(self) -> bool:
        """Whether nothing stands in the way."""
        return all(item.state != FAILED for item in self.items)


def check(
    store: Store, settings: Settings, plugins: Plugins, plan: Plan, now: int, *, ask: bool = True
) -> Checked:
    """All that should hold; with ``ask`` the providers are asked, too, which takes a while."""
    items: list[Item] = []
    lacks = unready(plan)
    items += [Item(field, FAILED, texts[0]) for field, texts in lacks.items()]
    if lacks or not plan.variants:
        return Checked(tuple(items), None)
    try:
        with store.read() as tx:
            found = ways(tx, plan)
    except NoTemplate as error:
        return Checked((*items, Item("template", FAILED, f"{_capital(str(error))}.")), None)
    rehearsal = None
    if not plan.triggered:
        try:
            rehearsal = rehearse(store, settings, plan, now)
        except who.NoPeople as error:
            items.append(Item("who", FAILED, f"{_capital(str(error))}."))
    if rehearsal is not None:
        items += people(rehearsal, plan)
        items += reached(rehearsal, plan)
        for prepared in rehearsal.first.values():
            items += _message(prepared)
    with store.read() as tx:
        told = [Item(one.code, WARNING, one.text) for one in written.remarks(tx, plan)]
    items += told or [Item("lint", OK, "Nothing looks wrong about what it says.")]
    senders = Senders(store, settings, plugins)
    try:
        senders.refresh()
        items += _providers(Providers(senders), found, plan, rehearsal, now, ask)
    finally:
        senders.close()
    items.append(
        Item("public_url", OK, f"Links in messages lead to {settings.public_url}.")
        if settings.public_url
        else Item(
            "public_url",
            WARNING,
            "CDP_PUBLIC_URL is not set: links to unsubscribe lead to this machine alone.",
        )
    )
    return Checked(tuple(items), rehearsal)


def people(found: Rehearsal, plan: Plan) -> Iterator[Item]:
    """How many people it is for, who of them would get nothing, and who later."""
    counted = found.counted
    n = f"{counted.people:,}" if counted.exact else f"about {counted.people:,}"
    if counted.people == 0:
        yield Item("who", WARNING, "Nobody is in it just now.")
        return
    yield Item("who", OK, f"It is for {n} {'person' if counted.people == 1 else 'people'}.")
    for item in found.withheld:
        words = in_words(item.code, item.reason)
        if plan.channels and item.code == "no_address":
            words = "none of the channels reaches them"
        fate = "would get a message that fails" if item.code in BROKEN else "would get nothing"
        state = FAILED if item.people == found.tried else WARNING
        yield Item(item.code, state, f"{_many(found, item.people)} {fate}: {words}.")
    for one in found.waiting:
        many, words = _many(found, one.people), in_words(one.code, one.reason)
        text = f"{many} would get it later, {_span(one)}: {words}."
        yield Item(f"waits.{one.code}", WARNING, text)
    if not found.withheld:
        yield Item("withheld", OK, "Nobody of them would be passed over.")


def in_words(code: str, reason: str) -> str:
    """A reason for people to read, with which rule or value it is."""
    words = REASONS.get(code, code.replace("_", " "))
    detail = reason.partition(": ")[2]
    return f"{words} ({detail})" if detail and code != "no_address" else words


def _many(found: Rehearsal, people: int) -> str:
    if not found.whole:
        return f"{people / found.tried:.0%} of {found.tried:,} people tried"
    return f"{people:,} {'person' if people == 1 else 'people'}"


def _span(found: Waiting) -> str:
    """When those who wait get it; in UTC, as their own clocks differ."""
    first, last = (format_time(at)[:16].replace("T", " ") for at in (found.first, found.last))
    return f"at {first} UTC" if first == last else f"between {first} and {last} UTC"


def reached(found: Rehearsal, plan: Plan) -> Iterator[Item]:
    """Of several channels how many people each of them reaches."""
    for channel, template in plan.channels if found.tried else ():
        n = found.by_channel.get(channel, 0)
        text = f"{_many(found, n)} would get it by {channel} ({template})."
        yield Item(f"channel.{channel}", OK if n else WARNING, text)


def _message(prepared: Prepared) -> Iterator[Item]:
    """What is wrong with a message as it would go."""
    content: Any = prepared.content
    name = prepared.delivery.template or ""
    yield Item("template", OK, f"The template {name} can be written.")
    if prepared.delivery.channel != "email":
        return
    html, text = content.html or "", content.text or ""
    bare = {f"/unsubscribe/{prepared.public}", f"/preferences/{prepared.public}"}
    if any(path in html or path in text for path in bare):
        yield Item("unsubscribe", OK, f"{name} has a link to unsubscribe.")
    else:
        yield Item(
            "unsubscribe", WARNING,
            f"{name} has no link to unsubscribe in it: add {{% unsubscribe_url %}}. "
            "(Mail programs show a button of their own.)",
        )  # fmt: skip
    if len(html.encode()) > 102_000:
        yield Item("size", WARNING, f"{name} has more than 102 KB: Gmail cuts it off.")


def _providers(
    providers: Providers,
    found: dict[str, Way],
    plan: Plan,
    rehearsal: Rehearsal | None,
    now: int,
    ask: bool,
) -> Iterator[Item]:
    many = rehearsal.counted.people if rehearsal else 0
    for channel in sorted({way.channel for way in found.values()}):
        mine = providers.of(channel)
        if not mine:
            yield Item(
                "provider", FAILED, f"No destination for {channel} is set up and switched on."
            )
            continue
        names = ", ".join(item.destination.name for item in mine)
        yield Item("provider", OK, f"{channel} goes by {names}.")
        if ask:
            for item in mine:
                yield from _asked(item, len(mine) > 1)
        rates = [item.channel.rate_limit for item in mine]
        rate = sum(one for one in rates if one) if all(rates) else None
        took = duration_ms(plan, many, rate)
        if plan.local is not None:
            took = max(took, ends_at(plan, now) - now)
        if took >= 60_000:
            yield Item("duration", OK, f"It takes about {_long(took)}.")


def _asked(provider: Provider, named: bool) -> Iterator[Item]:
    who = f"{provider.destination.name}, " if named else ""
    try:
        found = provider.channel.checks()
    except Exception as error:  # a plugin's fault is shown, and stops nothing
        yield Item(
            "provider", UNKNOWN, f"{provider.destination.name} can't be asked: {error}"[:300]
        )
        return
    for one in found:
        if one.state != OK:
            # It may go nevertheless; whether it arrives is another matter.
            state = WARNING if one.state == FAILED else one.state
            yield Item(f"provider.{one.name}", state, f"{who}{one.name}: {one.text}")


def _long(ms: int) -> str:
    hours = timedelta(milliseconds=ms).total_seconds() / 3600
    if hours >= 48:
        return f"{hours / 24:.0f} days"
    if hours >= 2:
        return f"{hours:.0f} hours"
    return f"{max(1, round(hours * 60))} minutes"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
