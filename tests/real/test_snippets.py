"""What the console shows for copying, pasted as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cdp.console import snippets
from tests.real.sdks import SDKS
from tests.real.server import WRITE_KEY, ServeProcess, wait_until
from tests.setup.sdk import BUILD, node_program

pytestmark = pytest.mark.real


@pytest.fixture
def pasted(serve: ServeProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The console's snippets for the running server; Ana is somebody new each time."""
    monkeypatch.setattr(snippets, "host", lambda: serve.url)
    texts = {snippet.key: snippet.text for snippet in snippets.snippets(WRITE_KEY)}
    for old, new in (('"u1"', f'"{tmp_path.name}"'), ("ana@", f"{tmp_path.name}@")):
        texts = {key: text.replace(old, new) for key, text in texts.items()}
    return texts


def arrives(serve: ServeProcess, person: str, event: bool = True) -> None:
    """Ana is there, and what she bought."""
    wait_until(lambda: serve.traits(f"user_id:{person}").get("name") == "Ana", what="for Ana")
    if event:
        wait_until(
            lambda: (
                [
                    item["properties"]
                    for item in serve.events(f"user_id:{person}")
                    if item.get("event") == "Order Completed"
                ]
                == [{"total": 42}]
            ),
            what="for the order",
        )


def test_the_curl_snippet_works_as_pasted(
    serve: ServeProcess, pasted: dict[str, str], tmp_path: Path
) -> None:
    run(["bash", "-c", pasted["curl"]], tmp_path)
    arrives(serve, tmp_path.name, event=False)


def test_the_python_snippet_works_as_pasted(
    serve: ServeProcess, pasted: dict[str, str], tmp_path: Path
) -> None:
    run([sys.executable, "-c", pasted["python"]], tmp_path)
    arrives(serve, tmp_path.name)


def test_the_node_snippet_works_as_pasted(
    serve: ServeProcess, pasted: dict[str, str], tmp_path: Path
) -> None:
    next(sdk for sdk in SDKS if sdk.name == "node").require()
    (tmp_path / "paste.mjs").write_text(pasted["node"])
    (tmp_path / "node_modules").symlink_to(BUILD / "node" / "node_modules")
    run([node_program(), "paste.mjs"], tmp_path)
    arrives(serve, tmp_path.name)


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
