"""A front between an SDK and the server that fails as networks and proxies do.

It answers the first posts by its script, then passes everything through, and keeps
what it saw. Without a server behind it, it answers success itself.
"""

from __future__ import annotations

import gzip
import http.client
import json
import threading
from collections.abc import Callable
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}


class Fault(Enum):
    """How a post goes wrong."""

    TOO_MANY = "429 with Retry-After"
    UNAVAILABLE = "503 with Retry-After"
    BROKEN = "500"
    DIES = "the connection dies in mid-request"
    DIES_AFTER = "the connection dies before the answer"


class Seen(NamedTuple):
    """A post as it arrived; ``fault`` is what came of it, None if passed through."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    fault: Fault | None

    def json(self) -> Any:
        """The body, unpacked."""
        raw = self.body
        if self.headers.get("content-encoding") == "gzip":
            raw = gzip.decompress(raw)
        return json.loads(raw)

    def messages(self) -> list[dict[str, Any]]:
        """The messages in the body, of a batch or alone."""
        body = self.json()
        items: list[dict[str, Any]] = body.get("batch", [body])
        return items


class Front:
    """Listens on a free port of loopback until closed; `faults` come first, in order."""

    def __init__(self, behind: str | None, faults: tuple[Fault, ...] = ()) -> None:
        self.behind = urlsplit(behind).netloc if behind else None
        self.seen: list[Seen] = []
        #: Called when a fault is about to happen, after what was to be forwarded was.
        self.on_fault: Callable[[], object] = lambda: None
        self.fault_happened = threading.Event()
        self._faults = list(faults)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Front:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def exhausted(self) -> bool:
        """Whether every fault of the script has happened."""
        return not self._faults

    def take(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Fault | None:
        """Note a request; the fault that is its fate. Only events fail, not what loads SDKs."""
        if method != "POST" or path.endswith("/m"):
            return None
        with self._lock:
            fault = self._faults.pop(0) if self._faults else None
            self.seen.append(Seen(method, path, headers, body, fault))
            return fault


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Small answers must not wait for acknowledgements.
        disable_nagle_algorithm = True

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            fault = front.take(self.command, self.path, headers, body)
            if fault is not Fault.DIES_AFTER:
                self._happen(fault)
            if fault is Fault.TOO_MANY:
                self._answer(429, [("Retry-After", "1")], _error("too_many_requests"))
            elif fault is Fault.UNAVAILABLE:
                self._answer(503, [("Retry-After", "1")], _error("unavailable"))
            elif fault is Fault.BROKEN:
                self._answer(500, [], _error("internal"))
            elif fault is Fault.DIES:
                self.close_connection = True
            else:
                status, found, answer = 200, [], b'{"success":true}'
                if front.behind is not None:
                    status, found, answer = self._forward(front.behind, body)
                if fault is Fault.DIES_AFTER:
                    self._happen(fault)
                    self.close_connection = True
                else:
                    self._answer(status, found, answer, own=front.behind is None)

        do_GET = do_POST = do_OPTIONS = do_HEAD = _any

        def _happen(self, fault: Fault | None) -> None:
            if fault:
                front.on_fault()
                front.fault_happened.set()

        def _forward(self, behind: str, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            connection = http.client.HTTPConnection(behind, timeout=30)
            try:
                connection.putrequest(
                    self.command, self.path, skip_host=True, skip_accept_encoding=True
                )
                for key, value in self.headers.items():
                    if key.lower() not in _HOP:
                        connection.putheader(key, value)
                if body or self.command == "POST":
                    connection.putheader("Content-Length", str(len(body)))
                connection.endheaders(body)
                response = connection.getresponse()
                return response.status, response.getheaders(), response.read()
            except OSError as error:
                return 502, [], _error(f"bad gateway: {error}")
            finally:
                connection.close()

        def _answer(
            self, status: int, headers: list[tuple[str, str]], body: bytes, own: bool = True
        ) -> None:
            self.send_response(status)
            for key, value in headers:
                if key.lower() not in _HOP:
                    self.send_header(key, value)
            if own:
                # As our server's own errors do, so that browsers may read them.
                self.send_header("Content-Type", "application/json")
                self.send_header("Access-Control-Allow-Origin", "*")
                self.send_header("Access-Control-Expose-Headers", "Retry-After")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def _error(code: str) -> bytes:
    return json.dumps({"code": code, "message": code, "error": code}).encode()
