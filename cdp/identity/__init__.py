"""Who a message is about: identifiers, rules and the fold that makes profiles.

Pure: values in, values out; no store, no clock.
"""

from cdp.identity.identifiers import (
    Found,
    Identifier,
    extract,
    identifier_hash,
    node_key,
    normal_value,
    parse_public_id,
    public_id,
)
from cdp.identity.resolve import Graph, Group, Node, Placement, Resolution, fold
from cdp.identity.rules import DEFAULT, Rules

__all__ = [
    "DEFAULT",
    "Found",
    "Graph",
    "Group",
    "Identifier",
    "Node",
    "Placement",
    "Resolution",
    "Rules",
    "extract",
    "fold",
    "identifier_hash",
    "node_key",
    "normal_value",
    "parse_public_id",
    "public_id",
]
