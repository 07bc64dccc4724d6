"""Which channel comes first, and what follows: law 6 holds for each of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.messaging.chain import AGAIN_MS, Chain, Fate, Link, choose, fate, key_of

PUSH, SMS, EMAIL = Link("push", "p"), Link("sms", "s"), Link("email", "e")
CHAIN = Chain((PUSH, SMS, EMAIL), 7_200_000)
STATES = ["drafted", "waiting", "paused", "sending", "held", "sent", "failed", "bounced",
          "undeliverable", "cancelled"]  # fmt: skip


def test_the_first_that_reaches_the_person_is_chosen_and_the_others_say_why_not() -> None:
    reasons = {"push": "no_address", "sms": None, "email": None}
    found = choose(CHAIN, lambda link: reasons[link.channel])
    assert (found.link, found.rest, found.passed) == (SMS, (EMAIL,), {"push": "no_address"})
    nobody = choose(CHAIN, lambda link: "unsubscribed")
    assert nobody.link is None and set(nobody.passed) == {"push", "sms", "email"}


@pytest.mark.parametrize(
    ("state", "reason", "seen", "unread_ms", "now", "follows"),
    [
        ("waiting", None, False, 100, 50, Fate("look", 50 + AGAIN_MS)),
        ("held", "unknown: no answer", False, 100, 10**9, Fate("look", 10**9 + AGAIN_MS)),
        ("undeliverable", "no_address: x", False, None, 50, Fate("next", why="undeliverable")),
        ("bounced", "550", False, 100, 50, Fate("next", why="bounced")),
        ("failed", "missing_variable: x", False, None, 50, Fate("next", why="failed")),
        ("failed", "discarded: by hand", False, None, 50, Fate("end")),
        ("undeliverable", "deleted", False, None, 50, Fate("end")),
        ("undeliverable", "merged: twice", False, 100, 50, Fate("end")),
        ("cancelled", None, False, 100, 50, Fate("end")),
        ("sent", None, False, None, 50, Fate("end")),
        ("sent", None, False, 100, 50, Fate("look", 110)),
        ("sent", None, False, 100, 110, Fate("next", why="unread")),
        ("sent", None, True, 100, 110, Fate("end")),
        ("bounced", "late", True, 100, 50, Fate("end")),
    ],
)
def test_what_follows(
    state: str, reason: str | None, seen: bool, unread_ms: int | None, now: int, follows: Fate
) -> None:
    assert fate(state, reason, 10, seen, unread_ms, now) == follows


@given(
    state=st.sampled_from(STATES), seen=st.booleans(), sent=st.none() | st.integers(0, 1000),
    unread=st.none() | st.integers(1, 1000), now=st.integers(0, 3000),
    reason=st.sampled_from([None, "deleted", "no_address", "cancelled: x", "unsubscribed"]),
)  # fmt: skip
def test_nothing_follows_what_may_have_arrived_and_is_not_waited_for(**how: Any) -> None:
    what = fate(how["state"], how["reason"], how["sent"], how["seen"], how["unread"], how["now"])
    if what.what == "next":
        assert not how["seen"]
        assert how["state"] in ("failed", "bounced", "undeliverable") or (
            how["state"] == "sent" and how["unread"] is not None
        )
    if what.what == "look":  # or it would be looked at again and again
        assert what.at > how["now"]


def test_a_reason_has_one_first_message_and_one_for_each_channel_that_follows() -> None:
    assert {key_of("k", CHAIN, link) for link in CHAIN.links} == {"k"}
    later = CHAIN._replace(later=True)
    assert [key_of("k", later, link) for link in CHAIN.links] == ["k>push", "k>sms", "k>email"]
