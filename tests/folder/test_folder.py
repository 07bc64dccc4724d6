"""Plan, apply and pull: what is refused, what is told, and what stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cdp.config import Settings
from cdp.definitions import Id
from cdp.folder import work
from cdp.folder.lock import NAME, BadLock
from cdp.folder.model import StalePlan
from cdp.store import Store, config_rows, definitions
from cdp.store.defined import defining
from cdp.store.migrate import migrate
from tests.folder.shop import (
    BIG,
    HOOK,
    ORDERS,
    add_hook,
    apply,
    define,
    empty,
    pull,
    settings_of,
    stored,
    texts,
    world,
    write,
)
from tests.postgres import new_database

SPENDERS: Id = ("audience", "big_spenders")
WHO = 'sum(properties.total of "Order Completed" within 30d) > 500 and traits.country = "PL"'
X, Y = "kind: audience\nkey: x\nwho: {}\n", "kind: audience\nkey: y\nwho: {}\n"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return empty(tmp_path / "store")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    return made


def faults(store: Store, root: Path, **environ: str) -> list[str]:
    with pytest.raises(work.BadFiles) as caught:
        work.plan(store, root, world(**environ))
    return [str(fault) for fault in caught.value.faults]


# Applying.


def test_files_are_applied_as_they_stand_and_again_there_is_nothing_to_do(
    store: Store, root: Path
) -> None:
    write(root, audiences__big=BIG, orders=ORDERS)
    steps = apply(store, root)
    assert {(step.action, step.id[1], step.file) for step in steps} == {
        ("create", "orders_90d", "orders.yaml"), ("create", "big_spenders", "audiences/big.yaml"),
    }  # fmt: skip
    assert stored(store, SPENDERS) == {"name": "Big spenders", "who": WHO}
    assert apply(store, root) == []
    with store.read() as tx:
        [version] = definitions.versions(tx, *SPENDERS)
    assert (version.author, version.at) == ("eve (apply)", 2000)


def test_one_broken_file_among_many_applies_nothing(store: Store, root: Path) -> None:
    write(root, big=BIG, orders=ORDERS, bad=X.format("traits.a ="))
    assert faults(store, root) == [
        "bad.yaml:3:16: who: the condition ends here; expected something to compare"
    ]
    assert stored(store, SPENDERS) is None


def test_a_change_that_fails_half_way_leaves_nothing(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, big=BIG, source="kind: source\nkey: web\n")

    def fails(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(defining, "change", fails)
    with pytest.raises(OSError, match="full"):
        apply(store, root)
    with store.read() as tx:
        assert config_rows.own_sources(tx) == []


def test_all_errors_are_told_at_once_with_file_line_and_column(store: Store, root: Path) -> None:
    write(
        root,
        a="kind: audience\nkey: A b\nwho: >-\n  traits.a\n  ==\nof: things\ncolour: red\n",
        b="kind: audience\nkey: b\nwho: |\n  traits.a = 1\n  and traits.b ==\n",
        c="kind: audience\nkey: c\nwho: \"traits.a = 1 and audience('nobody')\"\n",
        d="kind: audiense\nkey: d\n",
        e="key: e\n",
        f="kind: audience\nkey: c\nwho: 'true'\n",
        g="kind: audience\nkey: [1\n",
        h="- a\n- b\n",
        i="kind: source\nkey: i\nenabled: maybe\n",
        j="kind: identity\nkey: default\nlimits:\n  user_id: 0\n",
        k="kind: traits\nkey: default\nmax_traits: many\n",
        l="kind: destination\nkey: l\nplugin: hok\n",
        m="kind: destination\nkey: m\nplugin: hook\nsource: web\nsettings:\n  url: nowhere\n"
        "  token: ${env:NOT_SET}\nfilter: tipe =\n",
        n="kind: audience\nkey: n\nkey: n\n",
        o="kind: audience\nkey: o\nwho: 2026-01-01\n",
    )
    found = faults(store, root)
    assert [line.partition(": ")[0] for line in found] == [
        "a.yaml:2:1", "a.yaml:3:1", "a.yaml:6:1", "a.yaml:7:1", "b.yaml:5:16", "c.yaml:3:33",
        "d.yaml:1:1", "e.yaml:1:1", "f.yaml:2:1", "g.yaml:3:1", "h.yaml:1:1", "i.yaml:3:1",
        "j.yaml:4:3", "k.yaml:3:1", "l.yaml:3:1", "m.yaml:8:15", "n.yaml:3:1", "o.yaml:1:1",
    ]  # fmt: skip
    for text in (
        "a.yaml:7:1: colour: an audience has no such field",
        "c.yaml:3:33: who: there is no audience nobody",
        "Did you mean audience?",
        "e.yaml:1:1: kind: it is missing",
        "f.yaml:2:1: key: c.yaml has the audience c already",
        "Did you mean hook?",
    ):
        assert any(text in line for line in found), text
    (root / "m.yaml").write_text(
        "kind: destination\nkey: m\nplugin: hook\nsource: web\nsettings:\n  token: ${env:NOT_SET}\n"
    )
    assert [line for line in faults(store, root) if line.startswith("m.yaml")] == [
        "m.yaml:4:1: source: there is no source web.",
        "m.yaml:6:3: settings.token: NOT_SET is not set in the environment",
    ]


def test_what_a_broken_file_defines_is_not_called_missing(store: Store, root: Path) -> None:
    write(root, x=X.format('audience("y")'), y=Y.format("traits.a ="))
    assert [line.partition(":")[0] for line in faults(store, root)] == ["y.yaml"]


def test_a_destination_that_is_told_must_be_there_or_come_along(store: Store, root: Path) -> None:
    told = "kind: audience\nkey: x\nwho: traits.a = 1\nsend_to: [hok]\n"
    write(root, x=told, hook=HOOK)
    [said] = faults(store, root, HOOK_TOKEN="t")
    assert said.startswith("x.yaml:4:") and "no destination hok. Did you mean hook?" in said
    write(root, x=told.replace("hok", "hook"))
    assert len(apply(store, root, world(HOOK_TOKEN="t"))) == 2
    write(root, x=told.replace("hok", "hook").replace("a = 1", "a = 2"))
    assert len(apply(store, root, world(HOOK_TOKEN="t"))) == 1
    write(root, hook="kind: destination\nkey: hook\nplugin: [")
    write(root, x=told.replace("hok", "hook"))
    assert not any("x.yaml" in fault for fault in faults(store, root))


def test_definitions_that_refer_to_each_other_come_in_one_go(store: Store, root: Path) -> None:
    write(
        root, a=X.format('audience("y") and traits.orders_90d > 3'), b=Y.format("traits.plan = 1"),
        c=ORDERS.replace("Order Completed", "Big Order"),
        d="kind: virtual_event\nkey: big\nname: Big Order\nevent: Order Completed\n"
        "where: properties.total > 100\n",
    )  # fmt: skip
    assert len(apply(store, root)) == 4
    write(root, b=Y.format('audience("x")'))
    assert any("itself: audience y → audience x" in line for line in faults(store, root))


def test_a_source_gets_a_random_write_key_or_one_of_the_environment(
    store: Store, root: Path
) -> None:
    write(root, web="kind: source\nkey: web\nname: The web\n",
          ios="kind: source\nkey: ios\nenabled: false\nwrite_key: ${env:IOS_KEY}\n")  # fmt: skip
    assert "IOS_KEY is not set" in faults(store, root)[0]
    apply(store, root, world(IOS_KEY="key-of-ios-1"))
    with store.read() as tx:
        found = {item.key: item for item in config_rows.own_sources(tx)}
    assert (found["web"].name, found["web"].enabled, len(found["web"].write_key)) == (
        "The web", True, 32,
    )  # fmt: skip
    assert (found["ios"].enabled, found["ios"].write_key) == (False, "key-of-ios-1")
    assert apply(store, root) == []
    [step] = apply(store, root, world(IOS_KEY="key-of-ios-2"))
    assert "key-of-ios" not in str(step.changes)
    with store.read() as tx:
        assert "key-of-ios-2" in {item.write_key for item in config_rows.own_sources(tx)}
    pull(store, root.parent / "other")
    assert "key" not in texts(root.parent / "other")["sources/ios.yaml"].replace("key: ios", "")


# Secrets.


def test_a_secret_is_read_when_it_is_applied_and_never_shown(store: Store, root: Path) -> None:
    write(root, hook=HOOK)
    [step] = apply(store, root, world(HOOK_TOKEN="s3cret-1"))
    assert settings_of(store, "hook")["token"] == "s3cret-1"
    assert "s3cret" not in str(step) and "s3cret" not in (root / NAME).read_text()
    # Where the variable is not set, what is stored stays.
    assert apply(store, root) == []
    [step] = apply(store, root, world(HOOK_TOKEN="s3cret-2"))
    assert [change.field for change in step.changes] == ["settings.token"]
    assert "s3cret" not in str(step.changes)
    assert settings_of(store, "hook")["token"] == "s3cret-2"
    # Under whatever name it is called here, the file says what the store says.
    assert pull(store, root) == {} and texts(root)["hook.yaml"] == HOOK


def test_a_reference_that_is_stored_stays_one(store: Store, root: Path) -> None:
    add_hook(store, "hook", {"url": "https://example.com", "token": "${env:LATER}"})
    pull(store, root)
    assert "token: ${env:LATER}" in texts(root)["destinations/hook.yaml"]
    assert apply(store, root, world(LATER="now")) == []
    assert settings_of(store, "hook")["token"] == "${env:LATER}"


def test_secrets_of_keys_that_look_alike_get_names_that_differ(store: Store, root: Path) -> None:
    for key, token in (("my-hook", "one"), ("my_hook", "two")):
        add_hook(store, key, {"url": "https://example.com", "token": token})
    pull(store, root)
    names = {text.partition("${env:")[2].partition("}")[0] for text in texts(root).values()}
    assert names == {"MY_HOOK_D219_TOKEN", "MY_HOOK_A29D_TOKEN"}
    assert apply(store, root) == []


def test_a_key_that_comes_later_never_takes_the_variable_of_one_that_looks_alike(
    store: Store, root: Path
) -> None:
    add_hook(store, "my_hook", {"url": "https://example.com", "token": "two"})
    pull(store, root)
    add_hook(store, "my-hook", {"url": "https://example.com", "token": "one"})
    assert pull(store, root) == {"destinations/my-hook.yaml": "written"}
    names = re.findall(r"\$\{env:(\w+)\}", "".join(texts(root).values()))
    assert names == ["MY_HOOK_D219_TOKEN", "MY_HOOK_TOKEN"]


def test_a_secret_is_not_called_by_a_variable_that_another_refers_to(
    store: Store, root: Path
) -> None:
    add_hook(store, "hook", {"url": "https://example.com", "token": "one"})
    add_hook(store, "other", {"url": "https://example.com", "token": "${env:HOOK_TOKEN}"})
    pull(store, root)
    assert "token: ${env:HOOK_TOKEN_2}" in texts(root)["destinations/hook.yaml"]
    assert "token: ${env:HOOK_TOKEN}" in texts(root)["destinations/other.yaml"]


def test_a_secret_that_is_written_out_is_taken_with_a_warning_and_hidden(
    store: Store, root: Path
) -> None:
    write(root, hook=HOOK.replace("${env:HOOK_TOKEN}", "s3cret"))
    [step] = apply(store, root)
    assert "written out" in step.warnings[0].text and "s3cret" not in str(step)
    assert settings_of(store, "hook")["token"] == "s3cret"


def test_without_its_plugin_a_destination_is_left_out(store: Store, root: Path) -> None:
    add_hook(store, "hook", {"url": "https://example.com", "token": "s3cret"})
    bare = world()._replace(destinations={})
    assert work.pull(store, root, bare) == []
    assert "hook is left out" in work.left_out(store, bare)[0]


def test_plugin_and_source_of_a_destination_stay(store: Store, root: Path) -> None:
    add_hook(store, "hook", {"url": "https://example.com"})
    write(root, s="kind: source\nkey: web\n",
          h="kind: destination\nkey: hook\nplugin: hook\nsource: web\n"
            "settings: { url: 'https://example.com' }\n")  # fmt: skip
    assert "another one is another destination" in faults(store, root)[0]


# Edits by others.


def test_an_apply_over_somebodys_later_edit_is_refused_with_the_difference(
    store: Store, root: Path
) -> None:
    define(store, SPENDERS, name="Big", who="traits.a > 1")
    pull(store, root)
    define(store, SPENDERS, name="Big", who="traits.a > 2", author="bob")
    write(root, audiences__big_spenders=BIG)
    planned = work.plan(store, root, world())
    [step] = planned.plan.conflicts
    assert step.conflict == "bob has changed it since (version 1 → 2)"
    assert ("who", "traits.a > 2", WHO) in step.changes
    with pytest.raises(work.Conflicts, match="bob has changed it"):
        work.apply(store, planned, world(), "eve", 1)
    assert stored(store, SPENDERS)["who"] == "traits.a > 2"
    # Pulling does not lose the edit of the folder either; both have to be looked at.
    [kept] = work.pull(store, root, world())
    assert kept.action == "kept" and kept.why is not None and "bob" in kept.why
    assert texts(root)["audiences/big_spenders.yaml"] == BIG
    apply(store, root, overwrite=True)
    assert stored(store, SPENDERS)["who"] == WHO


def test_two_folders_of_one_space_do_not_overwrite_each_other(store: Store, root: Path) -> None:
    other = root.parent / "other"
    write(root, big=BIG)
    apply(store, root)
    pull(store, other)
    file = other / "audiences/big_spenders.yaml"
    file.write_text(file.read_text().replace("500", "600"))
    apply(store, other)
    write(root, big=BIG.replace("500", "700"))
    with pytest.raises(work.Conflicts, match=r"eve \(apply\) has changed it"):
        apply(store, root)


def test_what_somebody_made_and_the_folder_never_saw_is_not_overwritten(
    store: Store, root: Path
) -> None:
    define(store, SPENDERS, who="traits.a > 1", author="bob")
    write(root, big=BIG)
    with pytest.raises(work.Conflicts, match="bob made it, and this folder has not seen it"):
        apply(store, root)
    # What files made, other files may change.
    assert apply(store, root, overwrite=True)
    (root / NAME).unlink()
    write(root, big=BIG.replace("500", "600"))
    assert len(apply(store, root)) == 1


def test_what_somebody_removed_does_not_come_back_by_itself(store: Store, root: Path) -> None:
    write(root, big=BIG)
    apply(store, root)
    with store.write() as tx:
        defining.remove(tx, 1, SPENDERS, "bob")
    with pytest.raises(work.Conflicts, match="removed it since"):
        apply(store, root)
    assert pull(store, root) == {"big.yaml": "removed"}
    assert texts(root) == {} and apply(store, root) == []


def test_a_change_back_is_no_conflict(store: Store, root: Path) -> None:
    write(root, big=BIG)
    apply(store, root)
    define(store, SPENDERS, who="traits.a > 1")
    define(store, SPENDERS, name="Big spenders", who=WHO)
    write(root, big=BIG.replace("500", "600"))
    assert len(apply(store, root)) == 1


def test_a_plan_that_was_overtaken_is_not_applied(store: Store, root: Path) -> None:
    write(root, big=BIG)
    planned = work.plan(store, root, world())
    define(store, SPENDERS, who="traits.a > 1")
    with pytest.raises(StalePlan, match="audience big_spenders has changed meanwhile"):
        work.apply(store, planned, world(), "eve", 1)
    assert stored(store, SPENDERS) == {"who": "traits.a > 1"}


def test_one_folder_serves_several_spaces(store: Store, root: Path) -> None:
    other = empty(root.parent / "production")
    write(root, big=BIG)
    apply(store, root)
    apply(other, root)
    write(root, big=BIG.replace("500", "600"))
    assert len(apply(store, root)) == len(apply(other, root)) == 1
    assert apply(store, root) == []


# Pruning.


def test_what_a_folder_lacks_goes_only_with_prune(store: Store, root: Path) -> None:
    write(root, big=BIG, orders=ORDERS, s="kind: source\nkey: web\n")
    apply(store, root)
    for name in ("big", "orders", "s"):
        (root / f"{name}.yaml").unlink()
    assert apply(store, root) == []
    steps = apply(store, root, prune=True)
    assert {(step.action, step.id[1]) for step in steps} == {
        ("remove", "big_spenders"), ("remove", "orders_90d"),
    }  # fmt: skip
    assert stored(store, SPENDERS) is None
    with store.read() as tx:
        assert [item.key for item in config_rows.own_sources(tx)] == ["web"]
    assert apply(store, root, prune=True) == []


def test_pruning_keeps_what_is_used_and_what_others_made(store: Store, root: Path) -> None:
    write(root, x=X.format("traits.a = 1"))
    apply(store, root)
    define(store, ("audience", "z"), who='audience("x")', author="bob")
    (root / "x.yaml").unlink()
    with pytest.raises(work.Conflicts, match="bob made it"):
        apply(store, root, prune=True)
    write(root, z='kind: audience\nkey: z\nwho: audience("x")\n')
    assert faults_of_pruning(store, root) == ["the audience x: x is used by the audience z (who)"]
    assert stored(store, ("audience", "x")) is not None


def faults_of_pruning(store: Store, root: Path) -> list[str]:
    with pytest.raises(work.BadFiles) as caught:
        work.plan(store, root, world(), prune=True)
    return [str(fault) for fault in caught.value.faults]


def test_a_destination_is_pruned_only_if_the_folder_had_it(store: Store, root: Path) -> None:
    add_hook(store, "hook", {"url": "https://example.com"})
    assert apply(store, root, prune=True) == []
    pull(store, root)
    (root / "destinations/hook.yaml").unlink()
    [step] = apply(store, root, prune=True)
    assert step.id == ("destination", "hook")
    with store.read() as tx:
        assert config_rows.all_destinations(tx) == []


def test_a_broken_file_keeps_its_object(store: Store, root: Path) -> None:
    write(root, big=BIG)
    apply(store, root)
    write(root, big="kind: audience\nkey: big_spenders\nwho: traits.a =\n")
    assert len(faults_of_pruning(store, root)) == 1


# Pulling.


def test_a_pull_takes_edits_over_and_leaves_comments_and_names_of_files(
    store: Store, root: Path
) -> None:
    write(root, vips__best=BIG)
    apply(store, root)
    define(store, SPENDERS, name="Best", who="traits.a > 1\nand traits.b > 1")
    assert pull(store, root) == {"vips/best.yaml": "changed"}
    assert texts(root) == {
        "vips/best.yaml": "# the best ones\nkind: audience\nkey: big_spenders\nname: Best\n"
        "who: traits.a > 1 and traits.b > 1\n"
    }
    assert pull(store, root) == {} and apply(store, root) == []


def test_a_pull_leaves_what_only_the_folder_has_changed(store: Store, root: Path) -> None:
    write(root, big=BIG)
    apply(store, root)
    write(root, big=BIG.replace("500", "600"), new=X.format("traits.a = 1"))
    assert pull(store, root) == {}
    assert "600" in texts(root)["big.yaml"]
    assert pull(store, root, overwrite=True) == {"big.yaml": "changed"}
    assert texts(root) == {"big.yaml": BIG, "new.yaml": X.format("traits.a = 1")}


def test_a_pull_writes_over_no_other_file(store: Store, root: Path) -> None:
    define(store, ("audience", "x"), who="traits.a = 1")
    write(root, audiences__x=Y.format("traits.a = 1"))
    assert pull(store, root) == {"audiences/x_2.yaml": "written"}


def test_a_pull_into_broken_files_writes_nothing(store: Store, root: Path) -> None:
    define(store, SPENDERS, who="traits.a = 1")
    write(root, x="kind: audience\nkey: x\nwho: [\n")
    with pytest.raises(work.BadFiles):
        pull(store, root)
    assert list(texts(root)) == ["x.yaml"]


def test_long_conditions_stand_in_lines(store: Store, root: Path) -> None:
    who = " and ".join(f'traits.number_{n} = "a long text {n}"' for n in range(4))
    define(store, ("audience", "x"), who=who)
    pull(store, root)
    assert texts(root)["audiences/x.yaml"].splitlines()[2:5] == [
        "who: |-", '  traits.number_0 = "a long text 0"', '  and traits.number_1 = "a long text 1"',
    ]  # fmt: skip
    assert apply(store, root) == []


# Files as such.


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"kind: audience\nkey: \xff\n", "bad.yaml:2:1: not UTF-8"),
        (b"", "must hold one object"),
        (b"a: 1\n---\na: 2\n", "expected a single document"),
        (b"kind: !!python/object:os.system x\nkey: x\n", ""),
        (b"kind: audience\nkey: x\nwho: &a [*a]\n", ""),
        (b"kind: audience\nkey: x\n1: 2\n", "names of fields must be texts"),
        (b"a: " + b"[" * 5000, ""),
        (b"kind: audience\nkey: x\nwho: " + b"x" * (1024 * 1024), "more than 1,048,576 bytes"),
        (
            b"kind: audience\nkey: x\na0: &a0 [1,1,1,1,1,1,1,1,1]\n"
            + b"".join(
                b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9))
                for n in range(1, 9)
            ),
            "more than 100,000 parts",
        ),
    ],
)
def test_no_file_is_more_than_an_error(store: Store, root: Path, content: bytes, says: str) -> None:
    (root / "bad.yaml").write_bytes(content)
    [first, *_] = faults(store, root)
    assert first.startswith("bad.yaml:") and says in first


def test_what_begins_with_a_dot_and_what_is_no_yaml_is_left_alone(store: Store, root: Path) -> None:
    write(root, big=BIG)
    (root / ".github").mkdir()
    (root / ".github" / "ci.yaml").write_text("on: push\n")
    (root / "README.md").write_text("kind: nonsense\n")
    assert len(apply(store, root)) == 1


@pytest.mark.parametrize("text", ["<<<<<<< mine\n", "[]", '{"form": 2, "spaces": {}}'])
def test_a_lock_file_that_is_broken_is_told(store: Store, root: Path, text: str) -> None:
    write(root, big=BIG)
    (root / NAME).write_text(text)
    with pytest.raises(BadLock, match=r"cdp\.lock"):
        work.plan(store, root, world())
    with pytest.raises(BadLock):
        pull(store, root)


@pytest.mark.postgres
def test_on_postgres_as_well(root: Path) -> None:
    store = Store.open(Settings(database_url=new_database()))
    migrate(store)
    write(root, big=BIG, orders=ORDERS, hook=HOOK)
    assert len(apply(store, root, world(HOOK_TOKEN="s3cret"))) == 3
    define(store, SPENDERS, who="traits.a > 1", author="bob")
    with pytest.raises(work.Conflicts, match="bob has changed it"):
        apply(store, root)
    assert pull(store, root) == {"big.yaml": "changed"}
    assert apply(store, root) == []
    store.close()
