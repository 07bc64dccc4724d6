"""All definitions of a moment: who gives which word, who says it, what it stands for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from cdp.conditions import ConditionError, Names
from cdp.conditions.expand import Made, Virtual
from cdp.definitions.computed_trait import COMPUTED_TRAIT, worth
from cdp.definitions.kind import Body, Id
from cdp.definitions.kinds import KINDS
from cdp.definitions.topic import TOPIC
from cdp.definitions.virtual_event import VIRTUAL_EVENT
from cdp.definitions.words import Use, Word, parsed

#: What was seen of what a tree names, beside these definitions; None: nothing is known.
Look: TypeAlias = Callable[[Any, Mapping[Id, Body]], Names | None]


class User(NamedTuple):
    """A definition that says a word of another, and where."""

    id: Id
    use: Use


def named(id_: Id) -> str:
    """A definition in words."""
    return f"{KINDS[id_[0]].title} {id_[1]}"


def gives(id_: Id, body: Body) -> tuple[Word, ...]:
    """The words that a definition gives to conditions."""
    return KINDS[id_[0]].gives(id_[1], body)


class Space:
    """All definitions of a moment, and who gives which word."""

    def __init__(self, bodies: Mapping[Id, Body]) -> None:
        self.bodies = bodies
        self._uses: dict[Id, list[Use]] = {}
        self._made: dict[str, Made] = {}
        self._sayers: dict[Word, dict[Id, Use]] | None = None
        self.givers: dict[Word, list[Id]] = defaultdict(list)
        for id_, body in bodies.items():
            for word in gives(id_, body):
                self.givers[word].append(id_)

    def uses(self, id_: Id) -> list[Use]:
        """The words that a definition says."""
        if id_ not in self._uses:
            self._uses[id_] = KINDS[id_[0]].uses(self.bodies[id_])
        return self._uses[id_]

    def meant(self, id_: Id, use: Use) -> list[Id]:
        """The definitions that a word means where ``id_`` says it."""
        return [
            giver
            for giver in self.givers.get(use.word, ())
            if use.word.of != "trait" or self.of(giver) == self.of(id_)
        ]

    def of(self, id_: Id) -> str:
        """People or accounts."""
        found: str = self.bodies[id_].get("of", "people")
        return found

    def users(self, given: Iterable[Word], but: Id) -> list[User]:
        """Who says one of the words, each once, by kind and key."""
        if self._sayers is None:
            self._sayers = defaultdict(dict)
            for id_ in sorted(self.bodies):
                for use in self.uses(id_):
                    self._sayers[use.word].setdefault(id_, use)
        found: dict[Id, Use] = {}
        for word in given:
            found = {**self._sayers.get(word, {}), **found}
        return [User(id_, use) for id_, use in sorted(found.items()) if id_ != but]

    def made(self, id_: Id) -> Made:
        """What virtual events and computed traits stand for where ``id_`` says them."""
        return self.made_of(self.of(id_))

    def made_of(self, of: str = "people") -> Made:
        """What virtual events and computed traits of people, or of accounts, stand for."""
        if of not in self._made:
            events, traits = dict[str, Virtual](), dict[str, Any]()
            broken: dict[tuple[str, str], str] = {}
            topics = {
                key: body.get("default", "subscribed") == "subscribed"
                for (kind, key), body in self.bodies.items()
                if kind == TOPIC.name
            }
            for other, body in self.bodies.items():
                try:
                    if other[0] == VIRTUAL_EVENT.name:
                        events[body["name"]] = Virtual(body["event"], parsed(body["where"]).root)
                    elif other[0] == COMPUTED_TRAIT.name and self.of(other) == of:
                        traits[other[1]] = worth(other[1], body)
                except ConditionError as error:  # of a function that a plugin brought once
                    broken.update({(word.of, word.text): error.text for word in gives(other, body)})
            self._made[of] = Made(events, traits, broken, topics)
        return self._made[of]

    def reached(self, ids: Iterable[Id]) -> dict[Id, Id]:
        """The definitions and all that depend on them, each with one through which it does."""
        found = {id_: id_ for id_ in ids}
        stack = list(found)
        while stack:
            at = stack.pop()
            for user in self.users(gives(at, self.bodies[at]), but=at):
                if user.id not in found:
                    found[user.id] = found[at]
                    stack.append(user.id)
        return found

    def names(self, id_: Id, root: Any, look: Look) -> Names | None:
        """What a tree of ``id_`` may name without a warning; None: that is not known."""
        names = look(root, self.bodies)
        if names is not None and self.of(id_) == "accounts":
            made = {key for kind, key in self.bodies if kind in ("audience", "computed_trait")}
            known = {*names.account, *made} if names.account else frozenset[str]()
            names = names._replace(traits=known)
        # An audience that is not there is more than a warning.
        return names._replace(audiences=None) if names is not None else None
