"""What traits a space keeps, and how objects are put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TraitRules:
    """A value: the limits of traits, and which objects merge key by key.

    ``merge_objects`` names traits whose objects merge, or is True for all of them;
    the objects of others replace each other, as Segment's do. ``max_traits`` is a
    call's, ``max_profile_traits`` a profile's number of names; ``max_value_bytes``
    is the size of one value as JSON, ``max_object_keys`` the number of keys, of all
    depths, that a merged object may ever have had.
    """

    merge_objects: frozenset[str] | bool = False
    max_traits: int = 300
    max_value_bytes: int = 16 * 1024
    max_profile_traits: int = 1000
    max_object_keys: int = 300

    def merges(self, name: str) -> bool:
        """Whether objects of the trait ``name`` merge."""
        chosen = self.merge_objects
        return chosen if isinstance(chosen, bool) else name in chosen

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TraitRules:
        """Rules as they stand in a file; `ValueError` says which key is wrong, and how."""
        values: dict[str, Any] = {}
        for key, value in data.items():
            if key == "merge_objects":
                values[key] = _names(value)
            elif key in cls.__dataclass_fields__:
                if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                    raise ValueError(f"{key} must be a number from 1 on, not {value!r:.60}")
                values[key] = value
            else:
                known = ", ".join(cls.__dataclass_fields__)
                raise ValueError(f"there is no rule {key!r:.60} for traits, only {known}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """The rules as `from_dict` takes them."""
        merged = self.merge_objects
        return {
            "merge_objects": merged if isinstance(merged, bool) else sorted(merged),
            "max_traits": self.max_traits,
            "max_value_bytes": self.max_value_bytes,
            "max_profile_traits": self.max_profile_traits,
            "max_object_keys": self.max_object_keys,
        }


def _names(value: Any) -> frozenset[str] | bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, list) and all(isinstance(name, str) and name for name in value):
        return frozenset(value)
    raise ValueError(f"merge_objects must be true, false or a list of names, not {value!r:.60}")


DEFAULT_TRAITS = TraitRules()
