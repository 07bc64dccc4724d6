"""Journeys in the pipeline's transaction: who enters, goes on and ends, and what that brings about.

plan      what runs: the launched versions, read and compiled
stage     a micro-batch's and the timers' part: loads people's runs, lets `cdp.journeys`
          decide, writes
effects   deliveries, events, lists: what a step does, as rows
clockwork triggers by date and by schedule
orders    what people want done with runs
"""
