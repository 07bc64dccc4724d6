"""The kinds of steps, by the name that a file gives them; a new kind is a line here."""

from __future__ import annotations

from cdp.journeys.steps.base import At, Branch, End, Goto, Leave, Result, Stay, StepKind
from cdp.journeys.steps.delay import Wait
from cdp.journeys.steps.doing import (
    AddTo,
    CallStep,
    EmitStep,
    RemoveFrom,
    SendStep,
    SetStep,
    UpdateStep,
    Webhook,
)
from cdp.journeys.steps.experiment import Experiment
from cdp.journeys.steps.flow import BranchStep, Exit, GotoStep, Holdout, Split
from cdp.journeys.steps.gates import Approval, Rate
from cdp.journeys.steps.waiting import WaitUntil

#: In the order in which people are offered them.
STEPS: dict[str, StepKind] = {
    kind.name: kind
    for kind in (
        SendStep(),
        Wait(),
        WaitUntil(),
        BranchStep(),
        Split(),
        Experiment(),
        Holdout(),
        UpdateStep(),
        EmitStep(),
        Webhook(),
        AddTo(),
        RemoveFrom(),
        SetStep(),
        CallStep(),
        Rate(),
        Approval(),
        GotoStep(),
        Exit(),
    )
}

__all__ = [
    "STEPS",
    "At",
    "Branch",
    "End",
    "Goto",
    "Leave",
    "Result",
    "Stay",
    "StepKind",
]
