"""The command `cdp` out of a process that has imported all of it once.

A page of the documentation has ten commands, each of which would import for a second what
the one before it had. `program` is an executable that takes words as `cdp` does and hands
them to that process, which forks. What goes on running is started as it always is.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import traceback
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
CDP = str(Path(sysconfig.get_path("scripts")) / "cdp")
_CLIENT = """#!{python} -IS
import json, os, socket, sys

words = sys.argv[1:]
if not words or words[0] in ("serve", "web", "worker"):
    os.execv({cdp!r}, [{cdp!r}, *words])
link = socket.socket(socket.AF_UNIX)
link.connect({address!r})
said = json.dumps([words, os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(link, [len(said).to_bytes(4, "big")], [0, 1, 2])
link.sendall(said)
code = link.recv(1)
sys.exit(code[0] if code else 137)
"""


@lru_cache(maxsize=1)
def program() -> str:
    """The path of an executable called ``cdp``; its process ends with ours."""
    folder = Path(tempfile.mkdtemp(prefix="hw-cdp-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    address = str(folder / "socket")
    env = {key: value for key, value in os.environ.items() if not key.startswith("CDP_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forked", address], cwd=ROOT, env=env,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    atexit.register(process.kill)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    path = folder / "bin" / "cdp"
    path.parent.mkdir()
    path.write_text(_CLIENT.format(python=sys.executable, cdp=CDP, address=address))
    path.chmod(0o755)
    return str(path)


def _wait_for_words(address: str) -> None:
    import rich.table  # noqa: F401

    import cdp
    from cdp.plugin import manager

    for item in walk_packages(cdp.__path__, "cdp."):
        if "__main__" not in item.name and ".migrations." not in item.name:
            import_module(item.name)
    manager.load()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who have answered
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    print("ready", flush=True)
    while 0 not in select.select([listening, 0], [], [])[0]:  # else who began us is gone
        link, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            _run(link)
        link.close()


def _run(link: socket.socket) -> NoReturn:
    from cdp.cli import main
    from cdp.server.process import die_with_parent

    die_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, handles, _, _ = socket.recv_fds(link, 4, 3)
    size, said = int.from_bytes(head, "big"), b""
    while len(said) < size:
        said += link.recv(size - len(said))
    words, folder, env = json.loads(said)
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv, sys.path[0] = [CDP, *words], str(Path(CDP).parent)
    sys.modules["__main__"].__package__ = None  # or help would call it ``python -m``
    code = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        link.sendall(bytes([code & 255]))
        os._exit(code)


if __name__ == "__main__":
    _wait_for_words(sys.argv[1])
