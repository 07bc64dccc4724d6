"""What is pulled and applied into an empty space is pulled again to the byte."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cdp.conditions import ConditionError, format_text
from cdp.definitions import DefinitionError
from cdp.folder.merging import merged
from cdp.folder.model import Thing
from cdp.folder.reading import File, loader, plain
from cdp.folder.texts import yaml_of
from cdp.pipeline.sweep import put_rules
from cdp.store import Store, config_rows
from cdp.store.config_rows import NameTaken
from cdp.store.defined import defining
from cdp.store.profiles.trait_rules import put_trait_rules
from tests.conditions import trees
from tests.folder.shop import apply, empty, pull, settings_of, texts, world
from tests.scratch import SCRATCH

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "25"))
SOME = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
WORDS = st.sampled_from(["a", "b", "vip", "big_spenders", "x1"])
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def condition(tree: Any) -> str | None:
    try:
        return format_text(tree)
    except (ConditionError, ValueError):
        return None


AUDIENCES = st.fixed_dictionaries(
    {"who": trees.people().map(condition)},
    optional={"name": TEXT, "description": TEXT, "of": st.sampled_from(["people", "accounts"]),
              "archived": st.booleans()},
)  # fmt: skip
LISTS = st.fixed_dictionaries({"static": st.just(True)}, optional={"name": TEXT})
TRAITS = st.fixed_dictionaries({"value": trees.FORMS.map(condition)}, optional={"name": TEXT})
VIRTUAL = st.fixed_dictionaries(
    {"name": TEXT, "event": TEXT, "where": trees.messages().map(condition)},
    optional={"description": TEXT},
)
DEFINED = st.one_of(
    st.tuples(st.just("audience"), WORDS, AUDIENCES | LISTS),
    st.tuples(st.just("computed_trait"), WORDS, TRAITS),
    st.tuples(st.just("virtual_event"), WORDS, VIRTUAL),
)
SECRETS = st.fixed_dictionaries(
    {"url": st.just("https://example.com/x")},
    optional={
        "token": st.sampled_from(["t0ken-1", "t0ken-2", "${env:KEPT}"]),
        "headers": st.dictionaries(st.sampled_from(["A", "B"]), st.sampled_from(["s3-1", "s3-2"])),
        "pins": st.lists(st.sampled_from(["p1n-1", "p1n-2"]), max_size=2),
        "more": st.dictionaries(TEXT, JSON, max_size=2),
    },
)
#: Where a pulled file refers to the token.
TOKEN = re.compile(r"(?m)^(  token: )\$\{env:\w+\}$")
HOOKS = st.tuples(
    st.sampled_from(["hook", "my-hook", "my_hook", "2nd"]),
    st.text("abc ", min_size=1, max_size=4).map(lambda text: f"N{text}N"),
    SECRETS,
    st.sampled_from(["", 'type = "track"', 'event = "A" and\nproperties.x > 1']),
    st.booleans(),
    st.lists(st.sampled_from(["ads", "Ł"]), max_size=2, unique=True),
)


def fill(
    store: Store, defined: list[Any], hooks: list[Any], sources: set[str], rules: bool
) -> None:
    for number, (kind, key, body) in enumerate(defined):
        if None in body.values():
            continue
        try:
            with store.write() as tx:
                defining.put(tx, number, (kind, key), body, "ada")
        except (DefinitionError, NameTaken):
            continue
    with store.write() as tx:
        for key in sorted(sources):
            config_rows.add_source(tx, 1, key, f"Source {key}", f"write-key-of-{key}", "ada")
        first = config_rows.all_sources(tx)[0].id if sources else None
        for key, name, values, filter_, enabled, consent in {
            hook[0]: hook for hook in hooks
        }.values():
            made = config_rows.add_destination(
                tx, 1, key, name, "hook", first, values, "ada", consent, filter_
            )
            if not enabled:
                config_rows.change_destination(tx, 2, made, "ada", enabled=False)
        if rules:
            put_rules(
                tx, {"kind": "identity", "key": "default", "limits": {"user_id": 2}}, "ada", 1
            )
            put_trait_rules(tx, 1, {"merge_objects": ["address"]}, "ada")


def environ(root: Path) -> dict[str, str]:
    """Any value for each variable that the files name."""
    names = re.findall(r"\$\{env:(\w+)\}", "".join(texts(root).values()))
    return {name: "value-from-the-environment" for name in names if name != "KEPT"}


@SOME
@given(
    st.lists(DEFINED, max_size=6), st.lists(HOOKS, max_size=3),
    st.sets(st.sampled_from(["web", "ios"])), st.booleans(),
)  # fmt: skip
def test_pulled_applied_and_pulled_again_it_is_the_same_to_the_byte(
    defined: list[Any], hooks: list[Any], sources: set[str], rules: bool
) -> None:
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        base = Path(folder)
        old, new = empty(base / "old"), empty(base / "new")
        fill(old, defined, hooks, sources, rules)
        pull(old, base / "first")
        # Nothing has changed.
        assert apply(old, base / "first") == [] and pull(old, base / "first") == {}
        for secret in ("t0ken", "s3-", "p1n-", "write-key"):
            assert all(secret not in path.read_text() for path in (base / "first").rglob("*.*"))
        inside = world(**environ(base / "first"), KEPT="kept")
        apply(new, base / "first", inside)
        pull(new, base / "second", inside)
        first, second = texts(base / "first"), texts(base / "second")
        for name, text in first.items():
            if "KEPT" in text:
                # It was read: in the new store there is a secret in its place.
                second[name] = TOKEN.sub(r"\1${env:KEPT}", second[name])
        assert second == first
        for key in {hook[0] for hook in hooks}:
            stored = str(settings_of(new, key))
            assert "t0ken" not in stored and "${env" not in stored
        old.close()
        new.close()


@SOME
@given(st.dictionaries(TEXT.filter(bool), JSON, max_size=4))
def test_any_value_is_written_so_that_it_is_read_as_it_was(body: dict[str, Any]) -> None:
    body = {name: value for name, value in body.items() if name not in ("kind", "key")}
    text = yaml_of(Thing("destination", "x", body, None, None))
    assert text.endswith("\n")
    found = plain(loader().load(text))
    assert found == {"kind": "destination", "key": "x", **body}
    assert str(list(found.items())) == str(
        list({"kind": "destination", "key": "x", **body}.items())
    )


@SOME
@example({"a": {"": 4.569588976043205e16}}, {"a": {"": 4.569588976043205e16}})
@given(st.dictionaries(WORDS, JSON, max_size=4), st.dictionaries(WORDS, JSON, max_size=4))
def test_a_file_takes_other_values_and_keeps_its_comments(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    text = "# first\n" + yaml_of(Thing("audience", "x", old, None, None))
    file = File("x.yaml", text, loader().load(text))
    made = merged(file, Thing("audience", "x", new, None, None))
    assert plain(loader().load(made)) == {"kind": "audience", "key": "x", **new}
    # Characters that YAML takes for ends of lines leave no room for comments.
    if not re.search("[\x7f-\x9f\u2028\u2029\ufeff]", repr_of(old, new)):
        assert made.startswith("# first\n")


def repr_of(*values: Any) -> str:
    return json.dumps(values, ensure_ascii=False)
