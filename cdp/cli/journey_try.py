"""The commands that try and explain journeys."""

from cdp.cli.journey_backtest import backtest
from cdp.cli.journey_explain import explain
from cdp.cli.journey_simulate import simulate

TRY = (simulate, backtest, explain)
