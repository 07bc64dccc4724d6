"""Tests of journeys, without a server or a store: pytest's fixtures and what stands behind them.

    plugin   the fixtures ``journey``, ``person``, ``people``, ``clock``, ``sent``
    stage    a folder's definitions as they are played: people who do things, a clock, messages

Loaded by pytest in every run on a machine where Headwater is installed, so that importing
`cdp.testing.plugin` imports next to nothing.
"""
