"""Who is in which audience and why, values of computed traits, and what is due when."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from cdp.store.tables.base import Big, metadata

#: What is evaluated of audiences and computed traits, one row for each different condition
#: (its ``fingerprint``, everything made expanded). A new one is ``waiting`` for kept values,
#: then ``computing`` beside the one that is ``live`` until everyone was looked at;
#: ``failed`` says why in ``error``, ``gone`` is over.
audiences = Table(
    "audiences",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),  # audience computed_trait
    Column("key", Text, nullable=False),
    Column("version", Integer, nullable=False),  # of the definition
    Column("fingerprint", Text, nullable=False, default=""),
    Column("root", Text),  # the condition with everything made expanded, in its JSON form
    Column("collection", Integer, nullable=False),
    Column("state", Text, nullable=False),  # waiting computing live gone failed
    Column("reached", Big, nullable=False, default=0),  # profiles up to here were looked at
    Column("until", Big, nullable=False, default=0),  # later ones are live anyway
    Column("size", Big, nullable=False, default=0),
    Column("made_at", Big, nullable=False),
    Column("live_at", Big),
    Column("ended_at", Big),
    Column("error", Text),
    Index("audiences_key", "kind", "key"),
)

members = Table(
    "members",
    metadata,
    Column("audience", Integer, nullable=False),
    Column("profile", Big, nullable=False),
    Column("since", Big, nullable=False),
    PrimaryKeyConstraint("audience", "profile"),
    Index("members_profile", "profile"),
    sqlite_with_rowid=False,
)

#: Every entry and exit. ``cause`` is what brought it about: event trait timer merge
#: definition list; ``event`` the position of the message, ``detail`` JSON: what each
#: clause was worth then, in short (`cdp.audiences.shorthand`); those of older releases
#: in full.
member_changes = Table(
    "member_changes",
    metadata,
    Column("seq", Big, primary_key=True),
    Column("audience", Integer, nullable=False),
    Column("profile", Big, nullable=False),
    Column("at", Big, nullable=False),
    Column("entered", Boolean, nullable=False),
    Column("cause", Text, nullable=False),
    Column("event", Big),
    Column("live", Boolean, nullable=False),  # False: nothing to tell anybody of
    Column("detail", Text, nullable=False),
    Index("member_changes_audience", "audience", "seq"),
    Index("member_changes_profile", "profile"),
)

#: What the clauses of each version of an audience say, as JSON; entries and exits name it
#: by number. Where a release writes conditions in other words, a version gets a second one.
reason_forms = Table(
    "reason_forms",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("audience", Integer, nullable=False),
    Column("form", Text, nullable=False),
    Index("reason_forms_audience", "audience"),
)

#: What computed traits are worth, as JSON; no row where there is no value.
computed_values = Table(
    "computed_values",
    metadata,
    Column("trait", Integer, nullable=False),
    Column("profile", Big, nullable=False),
    Column("value", Text, nullable=False),
    Column("since", Big, nullable=False),
    PrimaryKeyConstraint("trait", "profile"),
    Index("computed_values_profile", "profile"),
    sqlite_with_rowid=False,
)

#: Every change of a computed trait that destinations are told of, until they all were; for
#: one alone (``destination``) where it was connected then. ``value`` is JSON; None: no more.
value_changes = Table(
    "value_changes",
    metadata,
    Column("seq", Big, primary_key=True),
    Column("trait", Integer, nullable=False),
    Column("profile", Big, nullable=False),
    Column("at", Big, nullable=False),
    Column("value", Text),
    Column("destination", Integer),
    Index("value_changes_trait", "trait", "seq"),
    Index("value_changes_profile", "profile"),
)

#: The last time that the query of a computed trait was asked: ``rows`` came back, of which
#: ``unknown`` named nobody; ``changed`` values are others now. ``wanted``: it is to be asked
#: as soon as it can be.
query_runs = Table(
    "query_runs",
    metadata,
    Column("trait", Integer, primary_key=True),
    Column("began_at", Big),
    Column("ended_at", Big),
    Column("rows", Big, nullable=False, default=0),
    Column("unknown", Big, nullable=False, default=0),
    Column("changed", Big, nullable=False, default=0),
    Column("error", Text),
    Column("wanted", Boolean, nullable=False, default=False),
)

#: The next instant at which time alone can change something. ``kind`` says what the
#: ``subject`` is: a journey's run, say; or nothing, where a profile must be looked at anew.
#: All audiences and computed traits of a profile have one row, due when the soonest of them
#: is: ``dues`` is a MessagePack map of the id of each to its instant.
timers = Table(
    "timers",
    metadata,
    Column("kind", Integer, nullable=False),
    Column("subject", Big, nullable=False),
    Column("profile", Big, nullable=False),
    Column("due", Big, nullable=False),
    Column("dues", LargeBinary),
    PrimaryKeyConstraint("profile", "kind", "subject"),
    Index("timers_due", "due"),
    sqlite_with_rowid=False,
)
