"""An object trait whose keys come from many messages.

Kept is the newest value of each path with the stamp that set it; seen is what
setting these in the order of their stamps gives: a value takes the place of what was
below it, a key makes an object of what was a value, null takes a key away. An older
value of a path never shows through the newer one, so the newest of each path is
enough, and joining is taking the newer one of each (law 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from cdp.events import Stamp

#: The keys that lead to a value; None at the end stands for "is an object".
Path = tuple[str | None, ...]
Part = tuple[Any, Stamp]

_encode = msgspec.json.Encoder().encode


def newer(value: Any, stamp: Stamp, old: Part) -> bool:
    """Whether ``value`` as of ``stamp`` takes the place of ``old``."""
    if stamp != old[1]:
        return stamp > old[1]
    # The same message twice: any fixed choice does, as long as it is the same one.
    return _encode(value) > _encode(old[0])


class MergedObject:
    """The newest value of each path of one trait."""

    __slots__ = ("parts",)

    def __init__(self, parts: dict[Path, Part] | None = None) -> None:
        self.parts: dict[Path, Part] = {} if parts is None else parts

    def assign(self, value: Any, stamp: Stamp) -> None:
        """Merge an object, or put another value in place of it, as of ``stamp``."""
        for path, leaf in _leaves(value) if isinstance(value, dict) else [((), value)]:
            self._put(path, leaf, stamp)

    def replace(self, value: Any, stamp: Stamp) -> None:
        """Put ``value`` in place of the whole, an object too."""
        self._put((), value, stamp)

    def join(self, other: MergedObject) -> None:
        """Take over what is newer in ``other``."""
        for path, (value, stamp) in other.parts.items():
            self._put(path, value, stamp)

    def _put(self, path: Path, value: Any, stamp: Stamp) -> None:
        old = self.parts.get(path)
        if old is None or newer(value, stamp, old):
            self.parts[path] = (value, stamp)

    def trim(self, limit: int) -> list[str]:
        """Leave out the paths beyond ``limit``; which ones, their names alone decide.

        Also a key that was taken away counts, so that no order of arrival lets
        another one in. Returns the paths that were left out.
        """
        if len(self.parts) <= limit:
            return []
        beyond = sorted(self.parts, key=_rank)[limit:]
        for path in beyond:
            del self.parts[path]
        return [".".join(key for key in path if key is not None) for path in beyond]

    def value(self) -> Any:
        """The value as it is seen."""
        seen: Any = None
        for path, (value, _) in sorted(self.parts.items(), key=lambda p: (p[1][1], _rank(p[0]))):
            if not path:
                seen = _copy(value)
                continue
            if not isinstance(seen, dict):
                seen = {}
            inner = seen
            for key in path[:-1]:
                child = inner.get(key)
                if not isinstance(child, dict):
                    child = inner[key] = {}
                inner = child
            if value is None:
                inner.pop(path[-1], None)
            elif path[-1] is not None:
                inner[path[-1]] = value
        return seen

    def stamp(self) -> Stamp:
        """The newest stamp of any path."""
        return max(stamp for _, stamp in self.parts.values())


def _leaves(value: dict[str, Any], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    if not value:
        yield (*above, None), {}
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _leaves(item, (*above, key))
        else:
            yield (*above, key), item


def _rank(path: Path) -> tuple[int, int, list[tuple[bool, str]]]:
    """Short paths first."""
    keys = [(key is not None, key or "") for key in path]
    return len(path), sum(len(key) for _, key in keys), keys


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return value
