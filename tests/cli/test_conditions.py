"""``cdp conditions``: JSON lines in and out, formatting, prose, refusals."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cdp
from tests.factories import Space


def test_eval_answers_each_line_in_order(cdp: Cdp) -> None:
    message = {"type": "track", "event": "Order Completed", "properties": {"total": 60}}
    conditions = ['type = "track"', "properties.total > 100", "type == 1", "a = 1\nor b("]
    lines = [json.dumps({"condition": text, "message": message}) for text in conditions]
    lines += [
        "",
        '{"condition": 5, "message": {}}',
        "nope",
        '{"condition": "a", "message": {"a": true}}',
    ]
    answers = cdp("conditions", "eval", stdin="\n".join(lines).encode()).rows
    assert answers[:4] == [
        {"result": True},
        {"result": False},
        {"error": "== means nothing here. Write a single =.", "line": 1, "column": 6},
        {"error": "there is no function b", "line": 2, "column": 4},
    ]
    assert answers[4]["error"].startswith('line 6 of the input is not {"condition"')
    assert answers[5]["error"].startswith("line 7 of the input is not JSON")
    assert answers[6:] == [{"result": True}]


def test_eval_reads_a_file(cdp: Cdp) -> None:
    path = cdp.folder / "checks.jsonl"
    path.write_text('{"condition": "!contains(event, \\"x\\")", "message": {}}\n')
    assert cdp("conditions", "eval", str(path)).rows == [{"result": True}]


def test_fmt_writes_the_canonical_form(cdp: Cdp) -> None:
    assert cdp("conditions", "fmt", "type='a'and not event='b'").out == (
        'type = "a" and !(event = "b")\n'
    )
    tree = cdp("conditions", "fmt", "traits.vip", "--context", "person", "--json").rows
    assert tree == [{"is": "path", "parts": ["traits", "vip"]}]
    person = ("--context", "person")
    assert cdp("conditions", "fmt", json.dumps(tree[0]), *person).out == "traits.vip\n"
    assert cdp("conditions", "explain", json.dumps(tree[0]), *person).out.startswith("the trait")
    assert "not the form of a condition" in cdp.refuses("conditions", "fmt", '{"is": "wish"}')
    assert "not JSON" in cdp.refuses("conditions", "fmt", "{a = 1}")
    assert cdp("conditions", "fmt", "-", stdin=b"type  = 'a'\n").out == 'type = "a"\n'
    assert cdp.refuses("conditions", "fmt", "a = 1 or") == (
        "cdp: line 1, column 9: the condition ends here; expected something to compare\n"
    )
    assert cdp.refuses("conditions", "fmt", "count('a')") == (
        "cdp: line 1, column 1: count asks for a person's history, and here is only one message"
        "; with --context person it is right\n"
    )


def test_explain_says_it_in_english_and_warns(cdp: Cdp) -> None:
    done = cdp("conditions", "explain", "propertis.total > 50 and traits.plan != null")
    assert done.out == "propertis total is more than 50 and the trait plan is set\n"
    assert done.err == (
        "warning: line 1, column 1: a message has no propertis. Did you mean properties?\n"
    )
    [shown] = cdp("conditions", "explain", "properties.total > 50", "--json").rows
    assert shown["ir"] == '[">","properties.total",{"value":50}]'
    assert shown["warnings"] == []
    [shown] = cdp("conditions", "explain", "regex(event, 'a')", "--json").rows
    assert shown["ir"] is None


def test_explain_knows_what_was_seen_where_there_is_a_store(cdp: Cdp) -> None:
    totl = 'event = "Order Completed" and properties.totl > 50'
    assert cdp("conditions", "explain", totl, "--data", str(cdp.data)).err == ""
    assert not cdp.data.exists()
    space = Space(cdp.data)
    order = {"type": "track", "event": "Order Completed", "userId": "u1"}
    space.send({**order, "properties": {"total": 60}})
    space.close()
    done = cdp("conditions", "explain", totl, "--data", str(cdp.data))
    assert done.err == (
        "warning: line 1, column 31: totl has never been seen on Order Completed. Did you mean "
        "total?\n"
    )


def test_eval_takes_lists_from_files(cdp: Cdp, tmp_path: Path) -> None:
    (tmp_path / "vips.txt").write_text("a@example.org\nb@example.org\n")
    message = {"userId": "b@example.org"}
    texts = ['userId in list("vips")', 'userId in list("vip")']
    lines = "".join(json.dumps({"condition": t, "message": message}) + "\n" for t in texts)
    option = f"vips={tmp_path / 'vips.txt'}"
    assert cdp("conditions", "eval", "--list", option, stdin=lines.encode()).rows == [
        {"result": True},
        {"error": "there is no list vip. Did you mean vips?", "line": 1, "column": 11},
    ]
    refused = cdp.refuses("conditions", "eval", "--list", "a=/nowhere", str(tmp_path / "vips.txt"))
    assert refused == "cdp: /nowhere: No such file or directory\n"
