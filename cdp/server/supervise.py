"""`cdp serve`: one command, the web server, the pipeline and delivery."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from cdp.config import Settings
from cdp.server.bootstrap import Welcome, bootstrap
from cdp.server.process import spawn
from cdp.store import Store

logger = structlog.get_logger(__name__)

STOP_S = 12.0
_LOCK_WAIT_S = 3.0


class CannotServe(RuntimeError):
    """The server can't start; the text is one line for the operator."""


def serve(settings: Settings, announce: Callable[[Settings, Welcome], None]) -> int:
    """Run everything until SIGTERM or SIGINT and return the exit code.

    ``announce`` is called when requests are accepted. Raises `CannotServe`.
    """
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = hold(settings.data)
    settings = replace(settings, port=_free_port(settings.host, settings.port))
    store = Store.open(settings)
    welcome = bootstrap(store, settings)
    store.close()
    supervisor = Supervisor(settings)
    supervisor.start()
    try:
        if supervisor.wait_ready():
            announce(settings, welcome)
            supervisor.watch()
    finally:
        code = supervisor.stop()
        os.close(lock)
    return code


def hold(data: Path, wait_s: float = _LOCK_WAIT_S) -> int:
    """Lock the folder; the children inherit the lock, so it ends with the last of them."""
    handle = os.open(data / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except OSError:
            if time.monotonic() > deadline:
                os.close(handle)
                raise CannotServe(f"another server is running over {data}") from None
            time.sleep(0.05)


def _free_port(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotServe(f"cannot listen on {host}:{port}: {error.strerror}") from None
        return int(probe.getsockname()[1])


class Supervisor:
    """The children of `cdp serve`: started in order, restarted when they fall, stopped."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = False
        self._ready = False
        self._children: dict[int, str] = {}
        self._started: dict[str, float] = {}

    def start(self) -> None:
        """Take over the signals and start what takes messages."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        for name in ("web", "pipeline"):
            self._spawn(name)

    def _ask_to_stop(self, *_: object) -> None:
        self._stopping = True

    def _spawn(self, name: str) -> None:
        settings = self._settings

        def run() -> None:
            if name == "web":
                from cdp.server.web import run_web

                run_web(settings)
            elif name == "pipeline":
                from cdp.server.work import run_pipeline

                run_pipeline(settings)
            else:
                from cdp.server.work import name_of_folder, run_delivery

                run_delivery(settings, me=name_of_folder(settings))

        self._started[name] = time.monotonic()
        self._children[spawn(run)] = name

    def wait_ready(self, within: float = 60.0) -> bool:
        """Wait until the server answers ready, and start delivery; False when asked to stop.

        Delivery can wait, and where cores are few the others would wait for it.
        """
        deadline = time.monotonic() + within
        # Our certificate is for the public name, not for this machine's address.
        trust = ssl._create_unverified_context() if self._settings.tls_cert else None
        address = local_url(self._settings) + "/readyz"
        why = "no answer"
        while not self._stopping:
            self._reap()
            try:
                with urllib.request.urlopen(address, timeout=2, context=trust):
                    self._ready = True
                self._spawn("delivery")
                return True
            except urllib.error.HTTPError as error:
                why = error.read().decode(errors="replace")[:300]
            except OSError as error:
                why = str(error)
            if time.monotonic() > deadline:
                raise CannotServe(f"the server did not become ready: {why}")
            time.sleep(0.02)
        return False

    def watch(self) -> None:
        """Keep the children running until asked to stop."""
        while not self._stopping:
            self._reap()
            time.sleep(0.1)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            name = self._children.pop(pid, None)
            if name is None or self._stopping:
                continue
            code = os.waitstatus_to_exitcode(status)
            if not self._ready:
                raise CannotServe(f"the {name} process ended with {code} before it was ready")
            logger.error("process_ended", process=name, code=code)
            if time.monotonic() - self._started[name] < 2.0:
                time.sleep(1.0)  # it falls at once: don't spin
            self._spawn(name)

    def stop(self) -> int:
        """End the children: first the web, so that nothing new comes in. 0 if all ended well."""
        self._stopping = True
        deadline = time.monotonic() + STOP_S
        code = 0
        for group in (("web",), ("pipeline", "delivery")):
            pids = [pid for pid, name in self._children.items() if name in group]
            for pid in pids:
                os.kill(pid, signal.SIGTERM)
            for pid in pids:
                code = max(code, self._wait(pid, deadline))
        return code

    def _wait(self, pid: int, deadline: float) -> int:
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                name = self._children.pop(pid)
                code = os.waitstatus_to_exitcode(status)
                if code not in (0, -signal.SIGTERM):
                    logger.error("process_ended_badly", process=name, code=code)
                    return 1
                return 0
            if time.monotonic() > deadline:
                logger.error("process_killed", process=self._children.get(pid))
                os.kill(pid, signal.SIGKILL)
                deadline += 2.0
            time.sleep(0.01)


def local_url(settings: Settings) -> str:
    """The server's address as seen from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    scheme = "https" if settings.tls_cert else "http"
    return f"{scheme}://{host}:{settings.port}"
