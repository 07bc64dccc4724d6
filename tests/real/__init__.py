"""Real, unmodified SDKs against a real `cdp serve`."""

import pytest

pytest.register_assert_rewrite("tests.real.scenario", "tests.real.server", "tests.real.sdks")
