"""When to try again and how fast to go."""

import pytest

from cdp.delivery.backoff import MOST_S, RateLimit, pause_s
from cdp.plugin.testing import FakeClock


def test_pauses_grow_with_jitter_up_to_a_limit() -> None:
    low = [pause_s(n, None, draw=lambda: 0.0) for n in range(12)]
    high = [pause_s(n, None, draw=lambda: 1.0) for n in range(12)]
    assert low[:3] == [0.25, 0.5, 1.0] and high[:3] == [0.5, 1.0, 2.0]
    assert max(high) == MOST_S and sorted(high) == high


def test_what_the_provider_asks_for_is_never_undercut() -> None:
    assert pause_s(0, 17.0) == 17.0
    assert pause_s(0, 10**9) == 86_400.0
    assert pause_s(9, 1.0, draw=lambda: 1.0) == 256.0


@pytest.mark.parametrize("rate", [0.5, 3.0, 50.0])
def test_a_rate_is_never_exceeded_in_any_window(rate: float) -> None:
    clock = FakeClock()
    limit = RateLimit(rate, clock, clock.sleep)
    times = []
    for index in range(100):
        if index % 10 == 0:
            clock.now += 1.7  # an idle time gains nothing
        limit.wait()
        times.append(clock.now)
    for start in times:
        assert sum(1 for t in times if start <= t < start + 0.999999) <= max(1, rate) + 1e-9
