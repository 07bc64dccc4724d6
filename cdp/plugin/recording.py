"""A real HTTP server for tests, that keeps what it is sent."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    """A request that the `RecordingServer` got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass
class Answer:
    """What the `RecordingServer` answers, after ``wait`` seconds.

    With ``drop`` it takes the request and hangs up instead.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    wait: float = 0.0
    drop: bool = False


class RecordingServer:
    """A real HTTP server on a free local port that keeps what it is sent.

    ``answers`` is used up one by one; then everything gets ``otherwise``, a plain 200. As
    a context manager it starts and stops by itself.
    """

    def __init__(self, *answers: Answer, otherwise: Answer | None = None) -> None:
        self.requests: list[Request] = []
        self.answers: list[Answer] = list(answers)
        self.otherwise = otherwise or Answer()
        self._lock, self._closed = threading.Lock(), threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with outer._lock:
                    outer.requests.append(Request(self.command, self.path, headers, body))
                    answer = outer.answers.pop(0) if outer.answers else outer.otherwise
                if answer.wait:
                    outer._closed.wait(answer.wait)
                if answer.drop:
                    self.close_connection = True
                    return
                try:
                    self._answer(answer)
                except OSError:
                    # Whoever called did not wait.
                    self.close_connection = True

            def _answer(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

            def log_message(self, *_: Any) -> None:
                """Keep the tests' output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> RecordingServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
