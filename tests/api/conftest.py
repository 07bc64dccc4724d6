from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.calls import Api
from tests.factories import TOKEN, Space, ana


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    made = Space(tmp_path)
    yield made
    made.close()


@pytest.fixture
def api(space: Space) -> Api:
    return Api(space, TOKEN)


@pytest.fixture(scope="module")
def ana_space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    """A space with Ana that the tests of a module share: they leave her as she is."""
    made = Space(tmp_path_factory.mktemp("space"))
    made.send(*ana())
    yield made
    made.close()


@pytest.fixture(scope="module")
def ana_api(ana_space: Space) -> Api:
    return Api(ana_space, TOKEN)
