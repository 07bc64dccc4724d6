"""The SDKs, how to start each one's program, and what it needs."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real.server import WRITE_KEY
from tests.setup.sdk import BUILD, node_program

_PROGRAMS = Path(__file__).parent / "programs"


def _node(program: str) -> Callable[[], list[str]]:
    return lambda: [node_program(), str(BUILD / "node" / program)]


def _java() -> list[str]:
    libraries = f"{BUILD}/java/target/classes:{BUILD}/java/target/dependency/*"
    # A JVM that starts fast: it lives for a second.
    return ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", libraries, "Send"]


@dataclass(frozen=True)
class Sdk:
    """One SDK; ``library`` is the name that it gives in ``context.library``."""

    name: str
    library: str
    command: Callable[[], list[str]]
    #: What must be there before it runs.
    needs: Path
    tool: str | None = None

    def lacks(self) -> str | None:
        """Why it can't run here, or None."""
        if self.tool and not shutil.which(self.tool):
            return f"no {self.tool} on this machine"
        if not self.needs.exists():
            return f"{self.needs} is not there; run tests/setup/sdk.py"
        return None

    def require(self) -> None:
        """Skip the test where the SDK can't run; in CI it must."""
        reason = self.lacks()
        if reason and os.environ.get("CI"):
            pytest.fail(reason)
        elif reason:
            pytest.skip(reason)

    def send(self, url: str, person: str, seconds: float = 170) -> None:
        """Run its program to its end; it must say that everything was delivered."""
        env = {**os.environ, "HOST": url, "WRITE_KEY": WRITE_KEY, "PERSON": person}
        done = subprocess.run(
            self.command(), env=env, capture_output=True, text=True, timeout=seconds
        )
        assert done.returncode == 0, f"{self.name} failed:\n{done.stdout}\n{done.stderr}"


_python = importlib.util.find_spec("segment")
_PYTHON_SDK = Path(next(iter(_python.submodule_search_locations or [""]))) if _python else Path("-")

SDKS = [
    Sdk(
        "python",
        "analytics-python",
        lambda: [sys.executable, str(_PROGRAMS / "segment_python.py")],
        _PYTHON_SDK,
    ),
    Sdk(
        "python-gzip",
        "analytics-python",
        lambda: [sys.executable, str(_PROGRAMS / "segment_python.py"), "--gzip"],
        _PYTHON_SDK,
    ),
    Sdk("node", "@segment/analytics-node", _node("segment_node.mjs"), BUILD / "node" / ".done"),
    Sdk("rudderstack-node", "analytics-node", _node("rudderstack_node.mjs"), BUILD / "node/.done"),
    Sdk(
        "customerio-node",
        "@customerio/cdp-analytics-node",
        _node("customerio_node.mjs"),
        BUILD / "node" / ".done",
    ),
    Sdk("go", "analytics-go", lambda: [str(BUILD / "go" / "send")], BUILD / "go" / ".done"),
    Sdk("java", "analytics-java", _java, BUILD / "java" / ".done", tool="java"),
]
