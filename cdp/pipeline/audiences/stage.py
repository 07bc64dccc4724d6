"""The audiences' part of a micro-batch, and of timers that are due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.conditions.live import NEVER, TRAITS, UNSAID
from cdp.events import Message
from cdp.pipeline.audiences.definitions import Plan
from cdp.pipeline.audiences.judge import BY_TIMER, Cause, Judge
from cdp.pipeline.audiences.people import Known, People
from cdp.pipeline.drafts import Draft, Drafts
from cdp.pipeline.placing import Outcome
from cdp.profiles.traits import TraitMap
from cdp.store.audiences import members, timers
from cdp.store.audiences.choosing import Choice
from cdp.store.audiences.members import Change
from cdp.store.profiles import graph, objects
from cdp.store.tables import ACCOUNTS

Causes = dict[int, dict[int, Cause]]
_BY_TRAIT, _BY_PROFILE = Cause("trait"), Cause("profile")
_NONE: frozenset[str] = frozenset()
_NO_VALUES: list[Any] = []


class Said(NamedTuple):
    """A message of a micro-batch: its position, the person's draft, and its event if it is one."""

    message: Message
    seq: int
    draft: Draft | None
    event: str | None


class Stage:
    """Keeps standings true. Remembers people between micro-batches: a cache of the store.

    ``choices`` says by row of whom those that are being computed have to be asked, and
    ``touched`` who was looked at, or is gone, since that was begun to be found out.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.choices: dict[int, Choice] = {}
        self.touched: set[int] | None = None
        self._book = plan.book
        self._people = People(plan.book, plan.kept)

    def forget(self, profiles: Iterable[int]) -> None:
        """Read these people anew the next time."""
        self._people.forget(profiles)

    def micro_batch(
        self,
        tx: Connection,
        said: Sequence[Said],
        drafts: Drafts,
        outcome: Outcome,
        traits: Mapping[int, TraitMap],
        now: int,
    ) -> list[Change]:
        """Note what the messages of a micro-batch change; returns who entered and left."""
        if not self._book.items and not self._book.asked:
            self._refolded(tx, outcome, now)  # there may be members: by hand, or of long ago
            return []
        people, book = self._people, self._book
        causes = self._refolded(tx, outcome, now)
        new: dict[int, Known] = {}
        for draft in drafts:
            profile = draft.profile
            if profile in outcome.created and profile not in causes:
                new[profile] = people.new(profile)
                places = book.born.get(draft.collection, ())
                if places:
                    causes[profile] = dict.fromkeys(places, Cause("event"))
        self._messages(said, causes, now)
        self._traits(drafts, traits, causes, now)
        self._renamed(tx, outcome, causes)
        related = self._accounts(tx, drafts, causes, now) if book.reads_account else set()
        if not causes:
            return []
        if self.touched is not None:
            self.touched.update(causes)
        found = people.load(tx, self._wanted(causes))
        if book.reads_identifiers:
            people.load_identifiers(tx, found)
        people.load_accounts(tx, {profile: found[profile] for profile in related})
        judge = Judge(book, now)
        for profile, mine in causes.items():
            judge.look_at(profile, found[profile], mine)
        judge.write(tx)
        return judge.changes

    def _wanted(self, causes: Causes) -> dict[int, Set[str]]:
        """The events that must be known of people; of some all are known."""
        book, people = self._book, self._people
        return {
            profile: _NONE if people.knows_all(profile) else book.events_of(places)
            for profile, places in causes.items()
        }

    def _refolded(self, tx: Connection, outcome: Outcome, now: int) -> Causes:
        """People who were joined or parted: everything is asked of them anew."""
        gone = gone_of(outcome)
        self._people.forget(gone)
        if self.touched is not None:
            self.touched |= gone
        members.join_people(tx, dict(outcome.merged), gone, now)
        again = touched_of(outcome) - gone
        self._people.forget(again)
        cause = Cause("merge")
        return {
            row.id: dict.fromkeys(self._book.of_collection[row.collection], cause)
            for row in graph.profiles_by_id(tx, sorted(again))
            if row.collection in self._book.of_collection
        }

    def _messages(self, said: Sequence[Said], causes: Causes, now: int) -> None:
        """Add events to the streams that are remembered; whose items they touch."""
        by_event, of_stream, get = self._book.by_event, self._book.of_stream, self._people.get
        added = 0
        #: profile → stream → how many came, each after all else that is known; the last of them
        last: dict[int, dict[int, tuple[int, int, bool]]] = {}
        for message, seq, draft, event in said:
            streams = by_event.get(event) if event is not None else None
            if streams is None or draft is None or not draft.profile:
                continue
            profile, t, live = draft.profile, message.t, message.live
            known = get(profile)
            remembered = known is not None and (known.loaded is None or event in known.loaded)
            in_order = known is not None and remembered and known.latest <= t <= now
            for number, spec in streams:
                if spec.accepts is not None and not spec.accepts(message.read):
                    continue
                if known is not None and remembered:
                    values = spec.values(message.read) if spec.columns else _NO_VALUES
                    if event == TRAITS and all(value is UNSAID for value in values):
                        continue
                    known.add(number, spec, t, seq, values)
                    added += 1
                    if in_order and number in of_stream:
                        mine = last.get(profile)
                        if mine is None:
                            mine = last[profile] = {}
                        before = mine.get(number)
                        mine[number] = (before[0] + 1 if before is not None else 1, seq, live)
                        continue
                if number in of_stream:
                    cause = Cause("event", seq, live)
                    causes.setdefault(profile, {}).update(dict.fromkeys(of_stream[number], cause))
        self._people.added(added)
        for profile, came in last.items():
            self._moved(profile, came, causes, now)

    def _moved(
        self, profile: int, came: dict[int, tuple[int, int, bool]], causes: Causes, now: int
    ) -> None:
        """Whose items are touched by events that came after all else: most of them aren't."""
        known = self._people.get(profile)
        if known is None:  # there was no room to remember them
            for number, (_, seq, live) in came.items():
                cause = Cause("event", seq, live)
                touched = causes.setdefault(profile, {})
                touched.update(dict.fromkeys(self._book.of_stream[number], cause))
            return
        book, subject, due_of, standing = self._book, known.subject, known.due, known.standing
        touched = causes.get(profile, {})
        for number, (new, seq, live) in came.items():
            cause = Cause("event", seq, live)
            if not known.knows(book.read_with[number]):
                touched.update(dict.fromkeys(book.of_stream[number], cause))
                continue
            have = len(subject.streams[number].t)
            for least, place, id_, moved, only in book.stirred_by.get(number, ()):
                if least > have:
                    break
                due = due_of.get(id_, NEVER)
                if only is not None and (id_ in standing) is only and due > now:
                    continue
                if moved is None or moved(subject, now, number, new, due):
                    touched[place] = cause
        if touched:
            causes[profile] = touched

    def _traits(
        self, drafts: Iterable[Draft], traits: Mapping[int, TraitMap], causes: Causes, now: int
    ) -> None:
        """Bring traits up to date where they are remembered; whose items they touch."""
        book = self._book
        moved: dict[int, set[int]] = {}
        for profile, found in traits.items():
            known = self._people.get(profile)
            if known is not None:
                moved[profile] = book.new_traits(known.subject, found.values(), now)
        for draft in drafts:
            if not draft.profile:
                continue
            touched = moved.get(draft.profile)
            if touched is None:
                names = {name for values, _ in draft.traits for name in values}
                touched = {place for name in names for place in book.of_trait.get(name, ())}
            for place in (*touched, *book.of_identifiers):
                if book.items[place].collection == draft.collection:
                    causes.setdefault(draft.profile, {}).setdefault(place, _BY_TRAIT)

    def _renamed(self, tx: Connection, outcome: Outcome, causes: Causes) -> None:
        """People whom another one's message took an identifier from, or gave one."""
        book = self._book
        renamed = outcome.renamed - gone_of(outcome) if book.of_identifiers else set()
        for row in graph.profiles_by_id(tx, sorted(renamed)) if renamed else ():
            for place in book.of_identifiers:
                if book.items[place].collection == row.collection:
                    causes.setdefault(row.id, {}).setdefault(place, _BY_PROFILE)

    def _accounts(self, tx: Connection, drafts: Drafts, causes: Causes, now: int) -> set[int]:
        """Who was connected with an account now; its other people are looked at soon."""
        places = dict.fromkeys(self._book.of_account, Cause("account"))
        related, accounts = set(), set()
        for person, thing in drafts.related():
            if thing.collection == ACCOUNTS and thing.profile:
                accounts.add(thing.profile)
                if person is not None and person.profile:
                    related.add(person.profile)
                    causes[person.profile] = {**places, **causes.get(person.profile, {})}
        # Also those of before: that an object was deleted parts it from all of them.
        others = objects.people_of_objects(tx, sorted(accounts), ever=True)
        timers.recheck(tx, sorted({p for some in others.values() for p in some} - related), now)
        return related

    def refresh(self, tx: Connection, found: Mapping[int, Known]) -> None:
        """Read what may have changed of people without anything that is evaluated."""
        if self._book.reads_identifiers:
            self._people.load_identifiers(tx, found)
        if self._book.reads_account:
            self._people.load_accounts(tx, found)

    def people(self, tx: Connection, wanted: Mapping[int, set[str]]) -> dict[int, Known]:
        """These people with the events that are asked for of each."""
        return self._people.load(tx, wanted)

    def timers(self, tx: Connection, due: Sequence[timers.Timer], clock: int) -> list[Change]:
        """Handle timers of audiences that are due; returns who moved."""
        places = {item.id: item.place for item in self._book.items}
        spent = [timer for timer in due if timer.kind == timers.RECHECK]
        again = {timer.profile for timer in spent}
        fired: dict[int, set[int]] = {}  # the items whose time has come, by their ids
        for timer in due:
            if timer.kind == timers.AUDIENCE:
                fired.setdefault(timer.profile, set()).add(timer.subject)
        causes: Causes = {
            profile: {places[id_]: BY_TIMER for id_ in ids if id_ in places}
            for profile, ids in fired.items()
        }
        timers.drop_timers(tx, spent)
        self._people.forget(again)
        if self.touched is not None:
            self.touched.update(again, (id_ for id_, mine in causes.items() if mine))
        alive = {row.id: row for row in graph.profiles_by_id(tx, sorted({*again, *causes}))}
        for profile in again & alive.keys():
            whole = self._book.of_collection.get(alive[profile].collection, ())
            causes[profile] = {**dict.fromkeys(whole, Cause("profile")), **causes.get(profile, {})}
        lost = {profile for profile in {*again, *causes} if profile not in alive}
        self._people.forget(lost)
        members.forget_people(tx, lost)
        mine = {p: mine for p, mine in causes.items() if p in alive and (mine or p in fired)}
        judge = Judge(self._book, clock)
        for profile, known in self._people.load(tx, self._wanted(mine)).items():
            if profile in fired:
                judge.fired(profile, known, fired[profile] - places.keys())
            judge.look_at(profile, known, causes[profile])
        judge.write(tx)
        return judge.changes


def gone_of(outcome: Outcome) -> set[int]:
    """The profiles that are no more."""
    return {loser for loser, _ in outcome.merged} | outcome.gone


def touched_of(outcome: Outcome) -> set[int]:
    """The profiles whose content a fold has changed, not only a message."""
    split = {profile for pair in outcome.split for profile in pair}
    survivors = {survivor for _, survivor in outcome.merged}
    return {*outcome.refolded, *outcome.absorbed, *split, *survivors} - {0}


def after_fold(tx: Connection, outcome: Outcome, changed: Iterable[int], now: int) -> None:
    """Have those looked at whom a fold outside of a micro-batch has changed, or whose account."""
    gone = gone_of(outcome)
    members.join_people(tx, dict(outcome.merged), gone, now)
    again = ({*changed, *outcome.created, *outcome.renamed} | touched_of(outcome)) - gone
    found = graph.profiles_by_id(tx, sorted(again))
    accounts = [row.id for row in found if row.collection == ACCOUNTS]
    for people in objects.people_of_objects(tx, accounts, ever=True).values():
        again |= people
    timers.recheck(tx, sorted(again - gone), now)
