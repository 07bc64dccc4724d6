"""Headwater: a self-hosted customer data platform.

Read the folders in the order in which an event travels: ``tracking`` takes it
in, ``log`` keeps it, ``pipeline`` turns it into state with the help of
``identity`` and ``profiles``, ``delivery`` carries it out through ``plugin``.
"""

__version__ = "0.1.0"
