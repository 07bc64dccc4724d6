"""From what a provider answers to what became of a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cdp.plugin.errors import (
    PluginError,
    Reject,
    Retry,
    Stop,
    Unanswered,
    from_response,
)
from cdp.plugin.messages import Outgoing, Receipt


def receipt_from(
    status: int, headers: Mapping[str, str] | None = None, reason: str = ""
) -> Receipt | None:
    """What an HTTP answer says of the one message that was in the call; None for 2xx.

    As `from_response` sorts statuses, but where that says `Retry` a message may have been
    taken before the provider broke: 5xx other than 503 are ``unknown``. Raises `Stop`.
    """
    error = from_response(status, headers, reason)
    if error is None:
        return None
    if isinstance(error, Retry) and status >= 500 and status != 503:
        return Receipt.unknown(str(error))
    return receipt_of(error)


def receipt_of(error: PluginError) -> Receipt:
    """The receipt of a message that was handed over with ``error``; raises `Stop` on."""
    if isinstance(error, Unanswered):
        return Receipt.unknown(str(error))
    if isinstance(error, Retry):
        return Receipt.retry(str(error), error.after)
    if isinstance(error, Reject):
        return Receipt.failed(str(error))
    raise error


def one_by_one(messages: list[Outgoing], hand_over: Callable[[Outgoing], Receipt]) -> list[Receipt]:
    """For providers that take a message a call: a `Receipt` for each.

    `Stop`, and a `Retry` that is not `Unanswered`, mean that the provider as a whole takes
    nothing: raised on if they came first, so that another one may be asked; after others,
    this and what follows is for later. What is no `PluginError` leaves the outcome of that
    message unknown. Where only one message is concerned, ``hand_over`` returns a receipt.
    """
    receipts: list[Receipt] = []
    for message in messages:
        try:
            receipts.append(hand_over(message))
        except (Unanswered, Reject) as error:
            receipts.append(receipt_of(error))
        except (Retry, Stop) as error:
            if not receipts:
                raise
            after = error.after if isinstance(error, Retry) else None
            left = len(messages) - len(receipts)
            return receipts + [Receipt.retry(str(error), after) for _ in range(left)]
        except Exception as error:
            if len(messages) == 1:
                raise
            receipts.append(Receipt.unknown(f"{type(error).__name__}: {error}"))
    return receipts
