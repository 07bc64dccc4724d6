"""What an HTTP answer means for what happens next."""

import time
from email.utils import formatdate

import pytest

from cdp.plugin import Reject, Retry, Stop, from_response, retry_after


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, None), (204, None), (400, Reject), (404, Reject), (422, Reject), (304, Reject),
        (401, Stop), (403, Stop), (410, Stop), (408, Retry), (423, Retry), (429, Retry),
        (500, Retry), (502, Retry), (503, Retry), (501, Reject), (505, Reject),
        (301, Stop), (308, Stop), (302, Retry), (303, Retry), (307, Retry),
    ],
)  # fmt: skip
def test_each_status_has_one_meaning(status: int, kind: type | None) -> None:
    found = from_response(status, {})
    assert type(found) is (kind or type(None))


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    assert retry_after({"Retry-After": "12"}) == 12.0
    assert retry_after({"retry-after": "0.5"}) == 0.5
    assert retry_after({"retry-after": "-3"}) == 0.0
    now = time.time()
    soon = retry_after({"Retry-After": formatdate(now + 90, usegmt=True)}, now)
    assert soon is not None and 88 <= soon <= 91
    assert retry_after({"Retry-After": "soon"}) is None
    assert retry_after({}) is None


def test_a_redirect_says_where_it_leads() -> None:
    found = from_response(308, {"Location": "https://new.example.com/in"})
    assert "https://new.example.com/in" in str(found) and "not followed" in str(found)
