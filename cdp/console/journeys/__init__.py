"""Journeys: drawing, trying, launching, and who is where in them."""
