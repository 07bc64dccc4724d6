"""Journeys: people on their way through steps, as a pure function of what happens.

Pure: definitions, people and instants in; states, effects and transitions out. The pipeline
loads and writes; back-tests and simulations feed the same functions from history.

    schema → read → program   a file's nested steps become a graph
    triggers                  what begins a run, how often
    steps/                    the kinds of steps, a class each
    advance                   one run, one input → its new state, effects, transitions (law 5)
    listening                 which journeys listen to what
    groups                    journeys of which a person is in one at a time
    course                    all runs of a person
    moment                    what a step may ask: the person as of now
    run                       the values that go in and out
"""

from cdp.journeys.advance import Advanced, advance
from cdp.journeys.course import Course
from cdp.journeys.gates import Gates
from cdp.journeys.listening import Journeys
from cdp.journeys.moment import LiveMoment, Moment, World
from cdp.journeys.program import Program, Step
from cdp.journeys.read import JourneyError, Read, read
from cdp.journeys.run import Past, Run, Transition

__all__ = [
    "Advanced",
    "Course",
    "Gates",
    "JourneyError",
    "Journeys",
    "LiveMoment",
    "Moment",
    "Past",
    "Program",
    "Read",
    "Run",
    "Step",
    "Transition",
    "World",
    "advance",
    "read",
]
