"""Functions that plugins add to the language of conditions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from cdp.conditions import ConditionError, Context, Evaluator, Person, compile_text, explain, parse
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.functions.brought import take_away
from cdp.conditions.values import Time
from cdp.plugin import ConditionFunction, hookimpl
from cdp.plugin.manager import Plugins
from cdp.server.functions import HOOK, know_functions
from tests.cli.conftest import Cdp, cdp

__all__ = ["cdp"]

PLUGIN = """
from cdp.plugin import ConditionFunction, hookimpl

@hookimpl
def register_condition_functions():
    return [ConditionFunction(
        "vat_country", ("number",), lambda number: number[:2] if isinstance(number, str) else None,
        summary="The country of a VAT number.", words="the country of {0}", returns="text",
        example='vat_country(traits.vat) = "PL"', message={"traits": {"vat": "PL123"}},
    )]
"""


def made(name: str = "twice", **other: Any) -> ConditionFunction:
    fields: dict[str, Any] = {
        "params": ("number",),
        "apply": lambda number: number * 2,
        "summary": "Two times a number.",
        "words": "twice {0}",
        "example": f"{name}(properties.n) = 4",
        "message": {"properties": {"n": 2}},
        "returns": "number",
    }
    return ConditionFunction(name, **(fields | other))


@pytest.fixture(autouse=True)
def only_our_own() -> Iterator[None]:
    before = dict(FUNCTIONS)
    yield
    for name in {function.plugin for function in FUNCTIONS.values()} - {""}:
        take_away(name)
    assert before == FUNCTIONS


def loaded(**functions: Any) -> Plugins:
    """Plugins by name, each with what it returns."""
    plugins = Plugins()
    for name, found in functions.items():
        hook = hookimpl(lambda found=found: found)
        plugins.register(SimpleNamespace(register_condition_functions=hook), name)
    return know_functions(plugins)


def test_a_function_of_a_plugin_works_wherever_conditions_do() -> None:
    plugins = loaded(maths=[made()])
    assert plugins.failures == []
    meets = compile_text("twice(properties.total) > 100")
    assert meets({"properties": {"total": 51}}) and not meets({"properties": {"total": 50}})
    person = Person(traits={"n": [(1, 3)]})
    root = parse("twice(traits.n) = 6", Context.PERSON).root
    assert Evaluator(person, 2).holds(root)
    assert explain(root) == "twice the trait n is 6"
    with pytest.raises(ConditionError, match="twice takes 1 argument, not 2"):
        parse("twice(traits.n, 1) = 6", Context.PERSON)
    take_away("maths")
    with pytest.raises(ConditionError, match="there is no function twice"):
        compile_text("twice(properties.total) > 100")


def test_what_it_raises_or_gives_in_vain_is_null_and_told_once() -> None:
    given: list[Any] = []

    def odd(value: Any) -> Any:
        given.append(value)
        if value == "slow":
            time.sleep(0.01)
        if isinstance(value, list):
            value.append("spoilt")
        return {"a": 1} if value == "object" else value["x"] if value == "raise" else 4

    plugins = loaded(odd=[made("odd", apply=odd)])
    ask = compile_text("odd(properties.n) = null")
    message: dict[str, Any] = {"properties": {"n": "raise"}}
    assert ask(message) and ask(message)
    assert ask({"properties": {"n": "object"}})
    values = ["a"]
    assert not ask({"properties": {"n": values}}) and values == ["a"]
    assert not ask({"properties": {"n": "slow"}})
    errors = [(f.hook, f.error) for f in plugins.failures]
    assert [hook for hook, _ in errors] == ["condition function odd"] * 2
    assert "TypeError" in errors[0][1] and "longer than 5 ms" in errors[1][1]
    given.clear()
    FUNCTIONS["odd"].apply(Decimal("1.50"))
    FUNCTIONS["odd"].apply(Time(0))
    assert given == [1.5, "1970-01-01T00:00:00.000Z"]


WRONG = {
    "the language has a contains of its own": made("contains"),
    "the language has a count of its own": made("count"),
    "the language has a and of its own": made("and"),
    "'Twice' is no name of a function": made("Twice"),
    "twice needs params, a summary": made(params=()),
    "twice returns 'object'": made(returns="object"),
    "the words of twice can't be filled in": made(words="{1}"),
    "the example of twice is not true": made(message={"properties": {"n": 3}}),
    "the example of twice does not use it": made(example="type = null"),
    "the example of twice: line 1, column 1: there is no function thrice": made(
        example="thrice(a) = 1"
    ),
    "is no ConditionFunction": 5,
}


@pytest.mark.parametrize(("reason", "function"), WRONG.items())
def test_what_can_not_be_a_function_is_a_failure_of_its_plugin(reason: str, function: Any) -> None:
    before = dict(FUNCTIONS)
    plugins = loaded(bad=[function], good=[made("half", example="half(a) = 4", message={"a": 2})])
    [failure] = plugins.failures
    assert (failure.plugin, failure.hook) == ("bad", HOOK) and reason in failure.error
    assert set(FUNCTIONS) == {*before, "half"}


def test_the_first_plugin_to_bring_a_name_has_it() -> None:
    second = made(apply=lambda number: number * 2.0)
    plugins = loaded(first=[made()], second=[second])
    [failure] = plugins.failures
    assert failure.plugin == "second"
    assert "the plugin first brings a function twice already" in failure.error
    assert FUNCTIONS["twice"].plugin == "first"
    # A process that loads plugins again has the function as it is now.
    assert loaded(first=[made(summary="Other.")]).failures == []
    assert FUNCTIONS["twice"].summary == "Other."
    # One that can't be taken leaves the old one.
    assert loaded(first=[made(message={})]).failures != []
    assert FUNCTIONS["twice"].summary == "Other."


def test_commands_know_the_functions_of_plugins(cdp: Cdp) -> None:
    folder = cdp.data / "plugins"
    folder.mkdir(parents=True)
    (folder / "vat.py").write_text(PLUGIN)
    (folder / "bad.py").write_text(PLUGIN.replace("vat_country", "match"))
    rows = {row["function"]: row for row in cdp("conditions", "functions", "--json").rows}
    assert rows["vat_country(number)"]["plugin"] == "vat"
    assert rows["contains(text, part)"]["plugin"] is None
    said = cdp("conditions", "explain", 'vat_country(properties.vat) = "PL"')
    assert said.out == "the country of vat is “PL”\n"
    assert "cdp: the plugin bad: ValueError: the language has a match of its own" in said.err
    listed = {row["name"]: row["functions"] for row in cdp("plugins", "list", "--json").rows}
    assert listed["vat"] == ["vat_country"]
    url = "url=https://example.com/hook"
    text = 'vat_country(properties.vat) = "PL"'
    cdp("destinations", "add", "webhook", "--setting", url, "--filter", text)
