"""A plan as people and programs read it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from cdp.definitions.difference import Change
from cdp.events import format_time
from cdp.folder.model import Effect, Plan, Sends, Step

_SIGNS = {"create": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}


def print_plan(plan: Plan) -> None:
    """Print each change with what differs, who is affected and what looks wrong."""
    from rich.console import Console
    from rich.text import Text

    width = Console().width if sys.stdout.isatty() else 10_000
    console = Console(highlight=False, markup=False, emoji=False, width=width, soft_wrap=True)
    for step in plan.steps:
        sign, colour = _SIGNS[step.action]
        head = Text(f"{sign} {step.id[0].replace('_', ' ')} {step.id[1]}", f"bold {colour}")
        console.print(head.append(f"  {step.file}" if step.file else "", "dim not bold"))
        if step.action != "remove":
            for change in step.changes:
                for mark, colour, text in _lines(change, step):
                    console.print(Text(f"    {mark} {text}", colour))
        if step.effect is not None:
            console.print(Text(f"    {effect_text(step.effect)}", "bold"))
        if step.sends is not None:
            console.print(Text(f"    {sends_text(step.sends)}", "bold"))
        for warning in step.warnings:
            place = f"{warning.field}: " if warning.field else ""
            console.print(Text(f"    warning: {place}{warning.located}", "yellow"))
        if step.conflict is not None:
            console.print(Text(f"    conflict: {step.conflict}", "bold red"))
    for id_, effect in plan.affected.items():
        console.print(Text(f"  {id_[0]} {id_[1]}: {effect_text(effect)}", "bold"))


def effect_text(effect: Effect) -> str:
    """``+12,304 −87 people``."""
    about = "" if effect.exact else "about "
    return f"{about}+{effect.enter:,} −{effect.leave:,} {effect.of}"


def sends_text(sends: Sends) -> str:
    """``goes to 1,204 people at 2026-12-01T09:00:00.000Z``."""
    if sends.people is None:
        people = "people"
    else:
        about = "" if sends.exact else "about "
        people = f"{about}{sends.people:,} {'person' if sends.people == 1 else 'people'}"
    if sends.state == "ready":
        return "goes whenever it is called, to those named there"
    if sends.at is None:
        return f"a draft for {people}: nothing is sent"
    return f"goes to {people} at {format_time(sends.at)} (those whom it is for then)"


def _lines(change: Change, step: Step) -> Iterator[tuple[str, str, str]]:
    if change.before is not None:
        yield "-", "red", f"{change.field}: {_text(change.before)}"
    if change.after is not None:
        yield "+", "green", f"{change.field}: {_text(change.after)}"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.replace("\n", "\n      ")
