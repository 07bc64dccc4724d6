"""Audiences and computed traits, kept true while messages come and time goes by.

    definitions  what is to be evaluated: definitions against what is under way
    people       what is known of the people that a micro-batch touches
    stage        one micro-batch, or timers that are due: who enters, who leaves, and why
    choosing     of whom a new condition has to be asked at all
    compute      everyone, for a new condition, in pieces beside the live ones

Truth is the history; what is remembered of people is a cache of it.
"""
