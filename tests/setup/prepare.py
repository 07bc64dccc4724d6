"""``python -m tests.setup.prepare``: bring in what the tests need beyond Python packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.setup import sdk


def main() -> None:
    """Chromium, then the client libraries; what is there already is left alone."""
    prepare_chromium()
    sdk.main()


def prepare_chromium() -> None:
    """Install the system's Chromium where there is none and we may."""
    if any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print("no Chromium here: browser tests will be skipped", file=sys.stderr)
        return
    print("installing Chromium", file=sys.stderr, flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-qq", "-y", "--no-install-recommends", "chromium"],
    ):
        subprocess.run(command, env=quiet, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
