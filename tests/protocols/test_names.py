"""Names without what is made up anew each time."""

import pytest

from cdp.protocols import general_name, hides_something


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("Order Completed", "Order Completed"),
        ("Order Completed 2", "Order Completed 2"),
        ("Kampania 202411 żółta", "Kampania 202411 żółta"),
        ("defaced facade", "defaced facade"),
        ("Viewed 3F2A6c1e-1111-4222-8333-1234567890ab", "Viewed ‹id›"),
        ("viewed_3f2a6c1e111142228333", "viewed_‹id›"),
        ("viewed/3f2a6c1e111142228333/x", "viewed/‹id›/x"),
        ("Order 1790000000000", "Order ‹id›"),
        ("Mail to Ana@Example.com opened", "Mail to ‹email› opened"),
        ("ana@example.com", "‹email›"),
        ("Called +48 601 123 456", "Called ‹phone›"),
        ("Seen from 203.0.113.9", "Seen from ‹ip›"),
        ("", ""),
    ],
)
def test_ids_and_personal_data_are_left_out(name: str, listed: str) -> None:
    assert general_name(name) == listed
    assert general_name(listed) == listed
    assert hides_something(listed) == (name != listed)
