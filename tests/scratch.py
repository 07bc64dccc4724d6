"""Where tests put what they make by the hundred: in memory, if there is room."""

from __future__ import annotations

import os
import shutil

_MEMORY = "/dev/shm"
#: Room that must be there, in bytes.
_ROOM = 4 << 30

#: To be given as ``dir`` to `tempfile`; None: wherever that puts things.
SCRATCH = (
    _MEMORY
    if os.path.isdir(_MEMORY)
    and os.access(_MEMORY, os.W_OK)
    and shutil.disk_usage(_MEMORY).free > _ROOM
    else None
)
