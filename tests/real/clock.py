"""A server whose clock goes ahead as a test says, so that two months pass in an instant.

Its processes load a ``sitecustomize`` that adds what stands in a small shared file to `time.time`.
"""

from __future__ import annotations

import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

_DOUBLE = struct.Struct("d")
_SITE = """
import mmap, os, struct, time
_now, _read = time.time, struct.Struct("d").unpack_from
with open(os.environ["CLOCK_AHEAD"], "rb") as file:
    _ahead = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
time.time = lambda: _now() + _read(_ahead)[0]
"""


class Clock:
    """An hour before ``start``, which is 08:00 UTC on the next Monday.

    ``env`` is for the server's processes.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "sitecustomize.py").write_text(_SITE)
        file = folder / "ahead"
        file.write_bytes(bytes(8))
        self.env = {"PYTHONPATH": str(folder), "CLOCK_AHEAD": str(file)}
        with file.open("r+b") as opened:
            self._map = mmap.mmap(opened.fileno(), 8)
        today = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0)
        self.start = today + timedelta(days=7 - today.weekday())
        self.go(timedelta(hours=-1))

    def go(self, since: timedelta) -> None:
        """Be so long after the start, or later: no clock goes back."""
        ahead = (self.start + since).timestamp() - time.time()
        self._map[:] = _DOUBLE.pack(max(ahead, *_DOUBLE.unpack(self._map[:])))

    def now(self) -> float:
        """What the server's clock says, in seconds."""
        ahead: float = _DOUBLE.unpack(self._map[:])[0]
        return time.time() + ahead

    def close(self) -> None:
        """Let the file go."""
        self._map.close()
