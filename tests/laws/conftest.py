"""What holds for all laws: components are small here, so that both ways of folding are taken."""

from collections.abc import Iterator

import pytest

from cdp.pipeline import part
from tests import quick


@pytest.fixture(autouse=True, scope="module")
def _parts_of_small_components() -> Iterator[None]:
    """From seven nodes on a component counts as large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part, "SMALL", 6)
        patch.setattr(part, "MOST", 1.0)
        yield


@pytest.fixture(autouse=True, scope="module")
def _no_statements_are_left() -> Iterator[None]:
    """They would take half a gigabyte."""
    yield
    quick.forget()
