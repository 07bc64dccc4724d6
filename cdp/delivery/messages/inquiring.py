"""Asking providers that tell nothing by themselves what became of messages."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from cdp.delivery.messages.providers import Provider, Providers
from cdp.delivery.messages.reports import record_reports
from cdp.messaging.names import delivery_name
from cdp.plugin import Inquiry, Reject, Report, Retry, Stop
from cdp.plugin.manager import failure
from cdp.store import Store
from cdp.store.destinations.plugin_errors import record_failures
from cdp.store.messages import inquiries, link_keys
from cdp.store.messages.inquiries import Asked

logger = structlog.get_logger(__name__)

#: Asked after in one go.
MANY = 300


def step(store: Store, providers: Providers, now: int) -> int:
    """Ask after what is due; how many. Who can't be asked is asked again later."""
    with store.read() as tx:
        if not inquiries.any_due(tx, now):
            return 0
    with store.write() as tx:
        found = inquiries.take(tx, now, MANY)
        keys = link_keys.ensure(tx)
    by_destination: dict[int, list[Asked]] = {}
    for one in found:
        by_destination.setdefault(one.destination, []).append(one)
    for id_, mine in by_destination.items():
        provider = providers.by_id(id_)
        if provider is not None:  # else it is asked when it is switched on again
            asked = [Inquiry(delivery_name(keys, one.delivery), one.about) for one in mine]
            _ask(store, provider, mine, asked, now)
    return len(found)


def _ask(
    store: Store, provider: Provider, mine: Sequence[Asked], asked: list[Inquiry], now: int
) -> None:
    channel = provider.channel
    try:
        if provider.sender.open() is not None:
            return
        answers = channel.inquire(asked)
        if len(answers) != len(asked):
            raise TypeError(f"inquire must return a list of {len(asked)}")
    except (Retry, Stop, Reject) as error:
        logger.info("not_told", destination=provider.destination.key, error=str(error)[:200])
        return
    except Exception as error:  # a plugin's fault is shown, and stops nothing
        with store.write() as tx:
            record_failures(tx, [failure(channel.key, "inquire", error)], now)
        return
    finally:
        channel.http.take_exchanges()
    told: list[Report] = [report for found in answers for report in found or ()]
    record_reports(store, provider.destination, channel.channel, told, now)
    known = [one.delivery for one, found in zip(mine, answers, strict=True) if found is not None]
    with store.write() as tx:
        inquiries.drop(tx, known)
