"""Chromium, and a site of our own for it to visit."""

from __future__ import annotations

import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.setup.sdk import BUILD

#: Nothing but what the page asks for: no updates, no background traffic.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: How long what a page is to show may take, on a machine that is busy with other tests.
PATIENCE_MS = 60_000

BUNDLES = BUILD / "node" / "bundles"


def chromium() -> str | None:
    """The path of the system's Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    return None


def lacks() -> str | None:
    """Why there can be no browser test here, or None."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    if not chromium():
        return "no Chromium on this machine"
    if not BUNDLES.exists():
        return f"{BUNDLES} is not there; run tests/setup/sdk.py"
    return None


def must_run() -> bool:
    """In CI nothing may be skipped."""
    return bool(os.environ.get("CI"))


class Site:
    """Pages on an origin of their own; ``/bundles/…`` are SDKs from npm."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.scripts: dict[str, str] = {}
        #: Sent with every page.
        self.headers: dict[str, str] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def add(self, path: str, script: str) -> str:
        """Publish a page with ``script`` (markup) in its head; its address."""
        self.pages[path] = (
            f"<!doctype html><html><head><meta charset=utf-8><title>{path}</title>"
            f"<link rel=icon href=data:>{script}</head><body>{path}</body></html>"
        )
        return self.url + path

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path.startswith("/bundles/"):
                file = BUNDLES / Path(path).name
                if file.is_file():
                    return self._answer(200, "text/javascript", file.read_bytes())
            elif path in site.scripts:
                return self._answer(200, "text/javascript", site.scripts[path].encode())
            elif path in site.pages:
                return self._answer(200, "text/html", site.pages[path].encode(), site.headers)
            return self._answer(404, "text/plain", b"no such page")

        def _answer(
            self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
