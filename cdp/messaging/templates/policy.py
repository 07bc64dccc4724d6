"""What happens where a variable has no value, and what a rendering carries along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from liquid import Undefined

from cdp.messaging.templates.errors import MissingVariable
from cdp.messaging.templates.rendered import Rewrite, Urls


@dataclass(slots=True)
class Policy:
    """What a template says of missing variables; ``fallbacks`` are texts by variable."""

    mode: str = "fail"
    fallbacks: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Run:
    """One message on its way: its data, and all that its parts share.

    ``data`` is the scope that Liquid sees; ``now`` in seconds since 1970.
    """

    data: dict[str, Any]
    policy: Policy
    urls: Urls
    rewrite: Rewrite | None
    locale: str
    utm: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    allowed: list[str] = field(default_factory=list)
    turns: int = 0

    def missing(self, variable: str) -> str:
        """What is said in the place of a variable without a value; `MissingVariable`."""
        if self.policy.mode == "fallback" and variable in self.policy.fallbacks:
            return self.policy.fallbacks[variable]
        if self.policy.mode == "allow":
            if variable not in self.allowed:
                self.allowed.append(variable)
            return ""
        raise MissingVariable(variable, self.where)


class Missing(Undefined):
    """A variable that isn't there: false and empty in conditions, and nothing to be shown.

    Whatever makes text of it asks the policy.
    """

    __slots__ = ("path", "run")

    def __init__(self, name: str, **more: Any) -> None:
        super().__init__(name, **more)
        self.path = name
        self.run: Run | None = None

    def __str__(self) -> str:
        return self.run.missing(self.path) if self.run is not None else ""

    __hash__ = Undefined.__hash__
