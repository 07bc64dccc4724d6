"""Whether a change of definitions may be made, and what looks wrong about it.

A change is judged by what there would be after it, so that a set of definitions that
refer to each other is taken in any order, or refused as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from cdp.conditions import ConditionError
from cdp.conditions import check as check_condition
from cdp.conditions.ast import Changed, EventRef, Path, walk
from cdp.conditions.errors import did_you_mean
from cdp.conditions.expand import expand
from cdp.conditions.parser import Parsed
from cdp.conditions.size import check_size
from cdp.definitions.kind import Body, Draft, Fault, Id
from cdp.definitions.kinds import KINDS
from cdp.definitions.space import Look, Space, gives, named
from cdp.definitions.words import Use, Word, misread, parsed
from cdp.protocols.shapes import path_key

#: What conditions call every page and every screen, whether one was seen or not.
_ALWAYS = ("Page Viewed", "Screen Viewed")


class Finding(NamedTuple):
    """What is to be said of one definition of a change."""

    errors: list[Fault]
    warnings: list[Fault]


def check(
    before: Mapping[Id, Body], changes: Mapping[Id, Draft | None], look: Look
) -> dict[Id, Finding]:
    """Judge a change: what it puts, or with None removes; a finding for each part of it.

    ``look`` tells what was seen, to find misspellings and names that are taken.
    """
    after = {id_: body for id_, body in before.items() if id_ not in changes}
    after |= {id_: draft.given for id_, draft in changes.items() if draft is not None}
    space, old_space = Space(after), Space(before)
    found = {id_: Finding([], []) for id_ in changes}
    for id_, draft in changes.items():
        if draft is not None:
            old = before.get(id_)
            _collisions(space, id_, draft.body, old, look, found[id_])
            _uses(space, id_, found[id_])
            _texts(space, id_, look, found[id_])
            _cycle(space, id_, found[id_])
            _misread(space, id_, found[id_])
            _emptied(space, id_, old, found[id_])
        _vanished(old_space, space, id_, found[id_])
    if not any(finding.errors for finding in found.values()):
        _expanded(space, changes, found)
    return found


def _collisions(
    space: Space, id_: Id, body: Body, old: Body | None, look: Look, found: Finding
) -> None:
    mine = gives(id_, body)
    for word in mine:
        field = "name" if word.of == "event" else "key"
        others = [other for other in space.givers[word] if other != id_]
        if others:
            text = f"the {named(others[0])} has this name already"
            if not any(fault.text == text for fault in found.errors):
                found.errors.append(Fault(field, text))
        elif word.of == "trait" and _is_sent(word, body, look):
            text = f"sources send a trait {word.text}, which this one would hide"
            found.warnings.append(Fault(field, text))
        elif word.of == "event" and (word.text in _ALWAYS or _is_sent(word, body, look)):
            text = f"sources send an event {word.text}, which this one would hide"
            new = old is None or word not in gives(id_, old)
            (found.errors if new else found.warnings).append(Fault(field, text))


def _is_sent(word: Word, body: Body, look: Look) -> bool:
    """Whether messages came in that have a trait or an event of this name."""
    if word.of == "event":
        names = look(EventRef(word.text), {})
        return names is not None and word.text in names.events
    names = look(Path(("traits", word.text)), {})
    if names is None:
        return False
    return word.text in (names.account if body.get("of") == "accounts" else names.traits)


def _uses(space: Space, id_: Id, found: Finding) -> None:
    for use in space.uses(id_):
        word, place = use.word, (use.field, use.line, use.column)
        givers = space.givers.get(word, [])
        if word.of == "audience":
            if not givers:
                known = [w.text for w, ids in space.givers.items() if w.of == "audience" and ids]
                hint = did_you_mean(word.text, known)
                text = f"there is no audience {word.text}. {hint}".strip()
                found.errors.append(_placed(text, *place))
            elif space.of(givers[0]) != space.of(id_):
                text = f"the audience {word.text} is one of {space.of(givers[0])}"
                found.errors.append(_placed(f"{text}, this is of {space.of(id_)}", *place))
            elif space.bodies[givers[0]].get("archived"):
                text = f"the audience {word.text} is archived: nobody is in it"
                found.warnings.append(_placed(text, *place))
        elif word.of in ("layout", "snippet", "topic", "template", "journey") and not givers:
            if word.of in KINDS:
                known = [w.text for w, ids in space.givers.items() if w.of == word.of and ids]
                text = f"there is no {word.of} {word.text}. {did_you_mean(word.text, known)}"
                found.errors.append(_placed(text.strip(), *place))
        elif word.of == "trait" and givers and not space.meant(id_, use):
            text = f"the {named(givers[0])} is one of {space.of(givers[0])}"
            found.warnings.append(_placed(f"{text}, this is of {space.of(id_)}", *place))


def _placed(text: str, field: str, line: int, column: int) -> Fault:
    # What is no condition has no place in it.
    return (
        Fault(field, text)
        if not line or field in ("event", "layout", "topic", "double_opt_in")
        else Fault(field, text, line, column)
    )


def _texts(space: Space, id_: Id, look: Look, found: Finding) -> None:
    kind, body = KINDS[id_[0]], space.bodies[id_]
    whole = kind.event(body)
    named = [("event", whole)] if whole is not None else []
    named += [(use.field, use.word.text) for use in space.uses(id_) if _is_an_event(use)]
    for field, name in named:
        _seen(space, id_, field, name, look, found)
    for text, written in kind.said(body):
        tree, event = parsed(written), text.event or whole
        root = EventRef(event, tree.root) if event is not None else tree.root
        names = space.names(id_, root, look)
        try:
            warned = check_condition(
                tree.root, text.context, tree.place, names,
                event=event, is_value=text.is_value, is_call=text.is_call,
            )  # fmt: skip
        except ConditionError as error:
            found.errors.append(Fault(text.field, error.text, error.line, error.column))
            continue
        found.warnings.extend(Fault(text.field, *warning) for warning in warned)
        if space.of(id_) == "accounts":
            found.warnings.extend(_of_an_account(text.field, tree))


def _of_an_account(field: str, tree: Parsed) -> Iterator[Fault]:
    """What is known of people alone, where accounts themselves are asked."""
    for node in walk(tree.root):
        if isinstance(node, Path) and node.parts[0] == "account":
            own = ".".join(map(path_key, node.parts[1:]))
            yield Fault(field, f"an account has no account: say {own}", *tree.place(node))
        elif isinstance(node, EventRef):
            text = "an account has no events of its own: none is ever found here"
            yield Fault(field, text, *tree.place(node))
        elif isinstance(node, Changed):
            text = "how an account's traits changed is not kept: this never holds"
            yield Fault(field, text, *tree.place(node))


def _is_an_event(use: Use) -> bool:
    return use.word.of == "event" and not use.line


def _seen(space: Space, id_: Id, field: str, event: str, look: Look, found: Finding) -> None:
    names = space.names(id_, EventRef(event), look)
    if names is not None and names.all_events and event not in (*_ALWAYS, *names.events):
        hint = did_you_mean(event, names.near)
        found.warnings.append(Fault(field, f"{event} has never been seen. {hint}".strip()))


def _cycle(space: Space, id_: Id, found: Finding) -> None:
    for use, way in _ways_back(space, id_):
        text = f"it would depend on itself: {' → '.join(map(named, way))}"
        found.errors.append(_placed(text, use.field, use.line, use.column))
        return


def _ways_back(space: Space, id_: Id) -> Iterator[tuple[Use, list[Id]]]:
    """Each first step of ``id_`` from which a way leads back to it, with the way."""
    for use in space.uses(id_):
        if use.word.of == "journey":
            continue  # a call is no dependence: what may go round without end is looked at apart
        for first in space.meant(id_, use):
            came: dict[Id, Id | None] = {first: None}
            stack = [first]
            while stack and id_ not in came:
                at = stack.pop()
                for inner in space.uses(at):
                    for following in space.meant(at, inner):
                        if following not in came:
                            came[following] = at
                            stack.append(following)
            if id_ in came:
                way, step = list[Id](), came[id_]
                while step is not None:
                    way.insert(0, step)
                    step = came[step]
                yield use, [id_, *way, id_]


def _misread(space: Space, id_: Id, found: Finding) -> None:
    """What can't be asked of a computed trait, here or by others of this one."""
    for trouble in _misreading(space, id_, space.made(id_).traits):
        found.errors.append(trouble)
    own = {word.text for word in gives(id_, space.bodies[id_]) if word.of == "trait"}
    for user in space.users(gives(id_, space.bodies[id_]), but=id_):
        mine = own & set(space.made(user.id).traits)
        for trouble in _misreading(space, user.id, mine):
            text = f"{trouble.text}, which the {named(user.id)} asks for"
            found.errors.append(Fault("key", text))


def _emptied(space: Space, id_: Id, old: Body | None, found: Finding) -> None:
    """Who asks for an audience that is archived now, and finds nobody in it from then on."""
    body = space.bodies[id_]
    if id_[0] != "audience" or not body.get("archived") or (old and old.get("archived")):
        return
    for user in space.users(gives(id_, body), but=id_):
        if not space.bodies[user.id].get("archived"):
            text = f"the {named(user.id)} asks for it, and finds nobody in it then"
            found.warnings.append(Fault("archived", text))


def _misreading(space: Space, id_: Id, computed: Iterable[str]) -> Iterator[Fault]:
    for text, written in KINDS[id_[0]].said(space.bodies[id_]):
        for why, line, column in misread(written, text.context, set(computed)):
            yield Fault(text.field, why, line, column)


def _expanded(
    space: Space, changes: Mapping[Id, Draft | None], found: Mapping[Id, Finding]
) -> None:
    """Whether all that a change reaches can still be worked out: names stand for much."""
    put = [id_ for id_, draft in changes.items() if draft is not None]
    for reached, by in space.reached(put).items():
        body = space.bodies[reached]
        if KINDS[by[0]].beside or reached == by:
            found[by].errors.extend(_compiled(space, reached, by))
        field = ""
        try:
            for text, written in KINDS[reached[0]].said(body):
                field = text.field
                check_size(expand(parsed(written).root, space.made(reached)))
        except ConditionError as error:
            whose = "with all that it stands for it" if reached == by else named(reached)
            if reached != by:
                field = next((said.text.field for said in KINDS[by[0]].said(space.bodies[by])), "")
            found[by].errors.append(Fault(field, f"{whose} can't be worked out: {error.text}"))


def _compiled(space: Space, reached: Id, by: Id) -> Iterator[Fault]:
    """What is wrong with a message that says, or is in, what changes."""
    for fault in KINDS[reached[0]].whole(reached, space.bodies):
        if reached == by:
            yield fault
        else:
            yield Fault("body", f"the {named(reached)} fails with it: {fault.field}: {fault.text}")


def _vanished(before: Space, after: Space, id_: Id, found: Finding) -> None:
    """What others still say and nobody would give any more."""
    if id_ not in before.bodies:
        return
    gone = [word for word in gives(id_, before.bodies[id_]) if not after.givers.get(word)]
    for user in after.users(gone, but=id_):
        field = user.use.field
        text = f"{user.use.word.text} is used by the {named(user.id)} ({field})"
        found.errors.append(Fault("key" if id_ not in after.bodies else "name", text))
