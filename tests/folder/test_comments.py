"""Comments of a file stay at what they are about, whatever is changed around them."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.folder import remarks
from cdp.folder.merging import merged
from cdp.folder.model import Thing
from cdp.folder.reading import File, loader, plain

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "15"))
FILE = """\
# Why there is such a journey.

kind: journey
key: welcome     # never changes
trigger:
  # only those who pay
  event: Signed Up   # or come back
  where: properties.plan != "internal"  # not ours

steps:
  # at once
  - send: hello          # the first one

  # two days are enough,
  # said the team
  - wait: 2d             # or three
  - branch:
      # the rich
      - when: traits.plan = "gold"
        then:
          - exit: gold   # they know us
      - else: []         # all others
      # no more ways
  - set:
      text: |  # as it is
        # no comment
        a

  # the last one
  - send: "bye"
  # TODO: one more
"""


def after(change: Any, text: str = FILE) -> str:
    """The file after a change of its body, as it is pulled."""
    body = plain(loader().load(text))
    body.pop("kind")
    change(body)
    made = merged(File("x.yaml", text, loader().load(text)),
                  Thing("journey", str(body.pop("key")), body, None, None))  # fmt: skip
    assert plain(loader().load(made)) == {"kind": "journey", "key": "welcome", **body}
    return made


def test_what_is_not_changed_stays_to_the_byte() -> None:
    assert after(lambda body: None) == FILE
    shorter = FILE.replace("  - wait: 2d             # or three\n", "")
    shorter = shorter.replace("  # two days are enough,\n  # said the team\n", "")
    assert after(lambda body: body["steps"].pop(1)) == re.sub(r"\n\n  - branch", r"\n  - branch",
                                                             shorter)  # fmt: skip


def test_steps_are_put_in_changed_and_moved_with_what_is_said_of_them() -> None:
    def put_in(body: Any) -> None:
        body["steps"].insert(1, {"emit": "New"})

    assert after(put_in) == FILE.replace("\n  # two days", "  - emit: New\n\n  # two days", 1)

    def longer(body: Any) -> None:
        body["steps"][1] = {"wait": {"for": "3d", "until": "09:00"}, "note": "x"}

    made = after(longer)
    assert "  # said the team\n  - wait:                # or three\n      for: 3d\n" in made

    def into_a_branch(body: Any) -> None:
        first = body["steps"].pop(0)
        body["steps"][1]["branch"][1]["else"] = [first]

    made = after(into_a_branch)
    assert "          # at once\n          - send: hello  # the first one\n" in made
    assert "      - else:            # all others\n" in made
    assert '  # the last one\n  - send: "bye"\n  # TODO: one more\n' in made

    def turned(body: Any) -> None:
        body["steps"].reverse()

    made = after(turned)
    assert made.index("# the last one") < made.index("# said the team") < made.index("# at once")
    assert '  # the last one\n  - send: "bye"\n' in made


@pytest.mark.parametrize("text", ["a: 'x # y'\n", "a: x#y\n", 'a: "b\n  # c"\n', "a: |\n  # b\n"])
def test_what_only_looks_like_a_comment_is_none(text: str) -> None:
    assert remarks.read(text) == []


STEP = st.integers(0, 5)


def edits_of(*kinds: str) -> Any:
    return st.lists(st.tuples(st.sampled_from(kinds), STEP, STEP), max_size=4)


#: What is moved and changed at once may be taken for another step.
EDITS = edits_of("remove", "new", "move", "wrap") | edits_of("remove", "new", "note")
NAMES = ("ash", "birch", "cedar", "elm", "fir", "hazel")


@settings(max_examples=EXAMPLES, deadline=None)
@given(EDITS)
def test_each_comment_stays_at_its_step(edits: list[tuple[str, int, int]]) -> None:
    text = "kind: journey\nkey: welcome\nsteps:\n" + "".join(
        f"  # above {name}\n  - send: {name}  # beside {name}\n" for name in NAMES
    )

    def change(body: Any) -> None:
        steps = body["steps"]
        for number, (what, at, to) in enumerate(edits):
            if what == "new":
                steps.insert(at, {"wait": f"{number + 1}d"})
            elif at >= len(steps):
                continue
            elif what == "remove":
                del steps[at]
            elif what == "note":
                steps[at] = {**steps[at], "note": "seen"}
            elif what == "move":
                steps.insert(to, steps.pop(at))
            else:
                steps[at] = {"branch": [{"when": "traits.a = 1", "then": [steps[at]]}]}

    rows = after(change, text).splitlines()
    there = [row for row in rows if "send:" in row]
    for row in there:
        name = row.split("send: ")[1].split()[0]
        assert row.endswith(f"# beside {name}"), rows
        assert rows[rows.index(row) - 1].strip() == f"# above {name}", rows
    assert sum("# above" in row for row in rows) == len(there)
