"""A file that is there, brought to what an object says now: comments, order and forms stay."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from cdp.definitions.difference import same
from cdp.folder import remarks
from cdp.folder.model import Thing
from cdp.folder.reading import File, loader, plain
from cdp.folder.remarks import Path
from cdp.folder.texts import checked, dumped, formed, says

#: Items of lists that are less alike are different ones; larger lists are not compared.
_ALIKE, _LARGE = 0.3, 40_000
#: What was moved as well must be more alike to be the same still.
_MUCH, _MANY = 0.92, 2_500
#: Of long texts the beginning is enough to see whether they are alike.
_LOOKED_AT = 400
_OWN = frozenset({"id", "note"})


def merged(file: File, thing: Thing) -> str:
    """The text of a file with the fields of an object, comments kept at what they are about."""
    whole = {"kind": thing.kind, "key": thing.key, **thing.body}
    tree = loader().load(file.text)
    old = plain(tree)
    _bare(tree, set())
    merge = _Merge(old, whole)
    merge.mapping(tree, old, whole, (), ())
    moved = merge.places(old, whole)
    text = dumped(tree)
    if not says(whole, text):
        # Not every number is written again as it was read.
        _exact(tree)
        text = dumped(tree)
    if says(whole, text):
        told = [
            remark._replace(path=moved[remark.path])
            for remark in remarks.read(file.text)
            if remark.path in moved
        ]
        with_them = remarks.put(text, told)
        text = with_them if says(whole, with_them) else text
    return checked(whole, text)


def _bare(tree: Any, known: set[int]) -> None:
    """Take off what ruamel keeps of comments: it would stay where it was, or go."""
    if id(tree) in known:
        return
    known.add(id(tree))
    if isinstance(tree, dict | list):
        tree.ca.items.clear()  # type: ignore[union-attr]
        tree.ca.comment, tree.ca.end = None, []  # type: ignore[union-attr]
        for item in tree.values() if isinstance(tree, dict) else tree:
            _bare(item, known)
    elif hasattr(tree, "comment"):
        tree.comment = None


def _exact(tree: Any) -> None:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(items):
        if isinstance(value, dict | list):
            _exact(value)
        elif isinstance(value, float):
            tree[key] = float(value)


class _Merge:
    """Brings a tree to what is new, and knows where each part of the old one has gone."""

    def __init__(self, old: Any, new: Any) -> None:
        self.found: dict[Path, Path] = {}
        were, are = (Counter(_text(item) for _, item in _items_of(each, ())) for each in (old, new))
        # Items that are there as they were, here or elsewhere: none of them has become another.
        self._gone = {text for text, n in were.items() if are[text] >= n}
        self._come = {text for text, n in are.items() if were[text] >= n}

    def mapping(
        self, tree: Any, old: Mapping[str, Any], new: Mapping[str, Any], at: Path, to: Path
    ) -> None:
        """Bring a mapping to what is new."""
        for name in [name for name in tree if name not in new]:
            del tree[name]
        for name, value in new.items():
            if name in old:
                tree[name] = self.value(tree[name], old[name], value, (*at, name), (*to, name))
            else:
                tree[name] = formed(value)

    def value(self, tree: Any, old: Any, new: Any, at: Path, to: Path) -> Any:
        """What stands for a new value in the place of an old one."""
        self.found[at] = to
        if isinstance(old, dict) and isinstance(new, dict):
            self.mapping(tree, old, new, at, to)
            return tree
        if isinstance(old, list) and isinstance(new, list) and old and new:
            self._items(tree, old, new, at, to)
            return tree
        return tree if same(old, new) else formed(new)

    def _items(self, tree: Any, old: list[Any], new: list[Any], at: Path, to: Path) -> None:
        place = {j: i for i, j in self._pairs(old, new)}
        made = [
            self.value(tree[place[j]], old[place[j]], item, (*at, place[j]), (*to, j))
            if j in place
            else formed(item)
            for j, item in enumerate(new)
        ]
        while len(tree):
            del tree[0]
        for item in made:
            tree.append(item)

    def places(self, old: Any, new: Any) -> dict[Path, Path]:
        """Where everything has gone, items of lists that went elsewhere too."""
        taken = set(self.found.values())
        free: dict[str, list[Path]] = defaultdict(list)
        for path, item in _items_of(new, ()):
            if path not in taken:
                free[_text(item)].append(path)
                if "id" in item:
                    free[f"id {item['id']}"].append(path)
        for path, item in _items_of(old, ()):
            if path in self.found:
                continue
            for name in (_text(item), f"id {item.get('id')}"):
                left = [one for one in free.get(name, ()) if one not in taken]
                if left:
                    self._same(item, _at(new, left[0]), path, left[0])
                    taken.add(left[0])
                    break
        return self.found

    def _pairs(self, old: list[Any], new: list[Any]) -> Iterator[tuple[int, int]]:
        """Which items of a list are which of another: the same ones, and those alike."""
        were, are = [_text(item) for item in old], [_text(item) for item in new]
        parts = SequenceMatcher(None, were, are, autojunk=False).get_opcodes()
        left: list[tuple[range, range]] = []
        for tag, first, end, start, stop in parts:
            if tag == "equal":
                yield from zip(range(first, end), range(start, stop), strict=True)
            else:
                left.append((range(first, end), range(start, stop)))
        free: dict[str, list[int]] = defaultdict(list)
        for _, some in left:
            for j in some:
                free[are[j]].append(j)
        taken = set()
        for some, _ in left:
            for i in some:
                if free[were[i]]:
                    taken.add(free[were[i]][0])
                    yield i, free[were[i]].pop(0)
        rest: tuple[list[int], list[int]] = [], []
        for one, other in left:
            mine = [i for i in one if were[i] not in self._gone]
            theirs = [j for j in other if j not in taken and are[j] not in self._come]
            found = _alike([old[i] for i in mine], [new[j] for j in theirs])
            for at, to in found:
                yield mine[at], theirs[to]
            taken.update(theirs[to] for _, to in found)
            rest[0].extend(set(mine) - {mine[at] for at, _ in found})
            rest[1].extend(set(theirs) - taken)
        yield from _much_alike(old, new, *rest)

    def _same(self, old: Any, new: Any, at: Path, to: Path) -> None:
        self.found[at] = to
        if isinstance(old, dict) and isinstance(new, dict):
            for name in old.keys() & new.keys():
                self._same(old[name], new[name], (*at, name), (*to, name))
        elif isinstance(old, list) and isinstance(new, list):
            for i, j in self._pairs(old, new):
                self._same(old[i], new[j], (*at, i), (*to, j))


def _items_of(value: Any, at: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """All items of lists that are mappings, the outer ones first."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _items_of(item, (*at, name))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            if isinstance(item, dict):
                yield (*at, place), item
            yield from _items_of(item, (*at, place))


def _at(value: Any, path: Path) -> Any:
    for name in path:
        value = value[name]
    return value


def _alike(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[int, int]]:
    """The pairs that are most alike in all, none crossing another."""
    if len(old) * len(new) > _LARGE:
        return list(zip(range(len(old)), range(len(new)), strict=False))
    best = [[(0.0, 0)] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            likeness = _likeness(old[i], new[j])
            both = likeness + best[i + 1][j + 1][0] if likeness >= _ALIKE else -1.0
            best[i][j] = max((both, 3), (best[i + 1][j][0], 2), (best[i][j + 1][0], 1))
    i = j = 0
    found = []
    while i < len(old) and j < len(new):
        way = best[i][j][1]
        if way == 3:
            found.append((i, j))
        i, j = i + (way != 1), j + (way != 2)
    return found


def _much_alike(
    old: Sequence[Any], new: Sequence[Any], mine: list[int], theirs: list[int]
) -> Iterator[tuple[int, int]]:
    """What was moved and changed a little, the most alike first."""
    if not mine or not theirs or len(mine) * len(theirs) > _MANY:
        return
    some = [(_likeness(old[i], new[j]), -i, -j) for i in mine for j in theirs]
    gone, come = set[int](), set[int]()
    for likeness, i, j in sorted(some, reverse=True):
        if likeness >= _MUCH and -i not in gone and -j not in come:
            gone.add(-i)
            come.add(-j)
            yield -i, -j


def _likeness(one: Any, other: Any) -> float:
    if isinstance(one, dict) and isinstance(other, dict):
        ids = one.get("id"), other.get("id")
        if ids[0] is not None and ids[1] is not None:
            return 2.0 if ids[0] == ids[1] else 0.0
        if not (one.keys() & other.keys()) - _OWN:
            return 0.0
        return 0.5 + _ratio(one, other) / 2
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return 0.5 * (type(one) is type(other))
    return max(_ALIKE, _ratio(one, other))


def _ratio(one: Any, other: Any) -> float:
    texts = [_text(value)[:_LOOKED_AT] for value in (one, other)]
    return float(SequenceMatcher(None, texts[0], texts[1], autojunk=False).quick_ratio())


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
