"""Streams to destinations and the outbox: how far each is, and what failed."""
