"""Signed user tokens: which are taken, and that no other is."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import jwt
import pytest
from cdp_inapp.tokens import MOST_S, BadToken, sign, verify
from hypothesis import given
from hypothesis import strategies as st

from tests.destinations.in_app.client import ask, channel, token
from tests.destinations.in_app.waiting import SECRET

NOW = 1_800_000_000
KEY = SECRET.encode()


def test_tokens_are_those_of_an_independent_library() -> None:
    ours = sign(KEY, ("user_id", "u1"), NOW + 60)
    read = jwt.decode(ours, SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert read == {"sub": "u1", "exp": NOW + 60}
    theirs = jwt.encode({"sub": "ü", "exp": NOW + 60, "iat": NOW}, SECRET, algorithm="HS256")
    assert verify([KEY], theirs, NOW) == (("user_id", "ü"), NOW + 60)
    email = sign(KEY, ("email", "a@example.org"), NOW + 60)
    assert verify([KEY], email, NOW).person == ("email", "a@example.org")


def raw(header: Any, payload: Any, key: bytes = KEY, hash_: str = "sha256") -> str:
    parts = [json.dumps(part).encode() for part in (header, payload)]
    text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    signed = hmac.digest(key, text.encode(), hash_) if key else b""
    return text + "." + base64.urlsafe_b64encode(signed).decode().rstrip("=")


GOOD = {"sub": "u1", "exp": NOW + 60}
HS256 = {"alg": "HS256"}


@pytest.mark.parametrize(
    "bad",
    [
        "", "x", "a.b", "a.b.c", "....", "é.é.é", "x" * 5000, " ",
        raw({"alg": "none"}, GOOD, b""), raw({"alg": "none"}, GOOD), raw({"alg": "None"}, GOOD),
        raw({"alg": "hs256"}, GOOD), raw({"alg": ["HS256"]}, GOOD), raw({}, GOOD), raw([], GOOD),
        raw({"alg": "HS512"}, GOOD, hash_="sha512"), raw({"alg": "RS256"}, GOOD),
        raw({**HS256, "crit": ["exp"]}, GOOD),
        raw(HS256, GOOD, b""), raw(HS256, GOOD, b"another secret, 0123456789abcdef0123"),
        raw(HS256, GOOD, KEY + b"x"), raw(HS256, [GOOD]), raw(HS256, "u1"), raw(HS256, None),
        raw(HS256, {"exp": NOW + 60}), raw(HS256, {**GOOD, "sub": 1}),
        raw(HS256, {**GOOD, "sub": ""}),
        raw(HS256, {**GOOD, "sub": "x" * 600}), raw(HS256, {**GOOD, "sub_type": 7}),
        raw(HS256, {"sub": "u1"}), raw(HS256, {**GOOD, "exp": None}),
        raw(HS256, {**GOOD, "exp": "2"}),
        raw(HS256, {**GOOD, "exp": True}), raw(HS256, {**GOOD, "exp": float("inf")}),
        raw(HS256, {**GOOD, "exp": NOW - 61}), raw(HS256, {**GOOD, "exp": NOW + MOST_S + 3600}),
        raw(HS256, {**GOOD, "nbf": NOW + 600}), raw(HS256, {**GOOD, "nbf": "x"}),
        raw(HS256, GOOD)[:-1], raw(HS256, GOOD) + "A", raw(HS256, GOOD) + ".",
        raw(HS256, GOOD) + "\n",
    ],
)  # fmt: skip
def test_every_other_token_is_refused(bad: str) -> None:
    with pytest.raises(BadToken) as error:
        verify([KEY], bad, NOW)
    assert SECRET not in str(error.value)


def test_no_changed_token_is_taken() -> None:
    good = raw(HS256, GOOD)
    assert verify([KEY], good, NOW)
    for at in range(len(good)):
        other = "A" if good[at] != "A" else "B"
        changed = good[:at] + other + good[at + 1 :]
        try:
            # The last letter may have bits that nothing hangs on.
            assert verify([KEY], changed, NOW).person == ("user_id", "u1") and at == len(good) - 1
        except BadToken:
            continue


def test_two_secrets_hold_while_one_is_changed() -> None:
    new = b"the new secret, 0123456789abcdef0123456789"
    for key in (KEY, new):
        assert verify([new, KEY], raw(HS256, GOOD, key), NOW)
    with pytest.raises(BadToken):
        verify([new], raw(HS256, GOOD), NOW)
    changing = channel(secret=f"{new.decode().replace(' ', '_')} {SECRET}")
    assert changing.receive(ask("GET", "messages", token())) is not None


@given(st.text(max_size=60))
def test_no_text_breaks_the_check_of_tokens(text: str) -> None:
    with pytest.raises(BadToken):
        verify([KEY], text, NOW)
    with pytest.raises(BadToken):
        verify([KEY], f"{text}.{text}.{text}", NOW)
