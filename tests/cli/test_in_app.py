"""``cdp in-app token``."""

from __future__ import annotations

import time

from cdp_inapp.tokens import verify

from tests.cli.conftest import Cdp
from tests.destinations.in_app.waiting import SECRET


def test_a_token_is_what_a_backend_would_make(cdp: Cdp) -> None:
    cdp("destinations", "add", "in_app", "--setting", f"secret={SECRET}")
    made = cdp("in-app", "token", "user_id:u1", "--minutes", "5").out.strip()
    bearer = verify([SECRET.encode()], made, time.time())
    assert bearer.person == ("user_id", "u1")
    assert 200 < bearer.expires_at - time.time() <= 300
    cdp("destinations", "add", "in_app", "--key", "app", "--setting", f"secret={SECRET[::-1]}")
    other = cdp("in-app", "token", "email:a@example.org", "--destination", "app").out.strip()
    assert verify([SECRET[::-1].encode()], other, time.time()).person[0] == "email"


def test_what_can_have_no_token_is_said(cdp: Cdp) -> None:
    assert "no destination 'in_app'" in cdp.refuses("in-app", "token", "user_id:u1")
    cdp("destinations", "add", "webhook", "--setting", "url=https://example.org/")
    words = ("in-app", "token", "user_id:u1", "--destination", "webhook")
    assert "shows no in-app messages" in cdp.refuses(*words)
    assert "type:value" in cdp.refuses("in-app", "token", "u1", code=2)
    shown = cdp("in-app", "token", "--help").out
    assert "user_id:u1" in shown
