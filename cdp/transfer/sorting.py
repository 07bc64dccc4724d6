"""Sorting more lines than fit into memory: runs on disk, then a merge."""

from __future__ import annotations

import heapq
import io
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import zstandard

#: Bytes of lines that are sorted in memory at a time, and runs that are merged at once.
RUN_BYTES, FAN_IN = 64 << 20, 64

#: What a line is sorted by; distinct for distinct lines.
Key = tuple[int, str, str]
_Item = tuple[Key, bytes]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[Key, msgspec.Raw]).decode


def in_order(items: Iterable[_Item], run_bytes: int = RUN_BYTES) -> Iterator[bytes]:
    """The lines (each one JSON value) of ``items`` by their keys.

    What does not fit into ``run_bytes`` waits in temporary files, compressed.
    """
    with tempfile.TemporaryDirectory(prefix="headwater-sort-") as folder:
        runs: list[Path] = []
        made = 0
        held: list[_Item] = []
        size = 0
        for item in items:
            held.append(item)
            size += len(item[1]) + 200
            if size >= run_bytes:
                held.sort()
                runs.append(_write(Path(folder) / str(made), held))
                made, held, size = made + 1, [], 0
            if len(runs) == FAN_IN:
                merged = _write(Path(folder) / str(made), heapq.merge(*map(_read, runs)))
                for run in runs:
                    run.unlink()
                runs, made = [merged], made + 1
        held.sort()
        for _, line in heapq.merge(*map(_read, runs), held):
            yield line


def _write(path: Path, items: Iterable[_Item]) -> Path:
    with path.open("wb") as file, zstandard.ZstdCompressor(level=1).stream_writer(file) as out:
        for key, line in items:
            out.write(_encode((key, msgspec.Raw(line))) + b"\n")
    return path


def _read(path: Path) -> Iterator[_Item]:
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as raw:
        for row in io.BufferedReader(raw, 1 << 16):  # type: ignore[arg-type, unused-ignore]
            key, line = _decode(row)
            yield key, bytes(line)
