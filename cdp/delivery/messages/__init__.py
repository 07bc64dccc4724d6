"""Carrying messages to people: lease, render, claim with the last check, hand over, record."""
