"""Changing what people define, checked against all the rest."""
