"""Who a message is about: identifiers, rules and the fold that makes profiles.

Pure: values in, values out; no store, no clock.
"""

from cdp.identity.cuts import NO_CUTS, Cut, Cuts
from cdp.identity.identifiers import (
    Found,
    Identifier,
    canonical,
    extract,
    identifier_hash,
    node_key,
    normal_value,
    parse_identifier,
    parse_public_id,
    public_id,
)
from cdp.identity.resolve import (
    Dropped,
    Graph,
    Group,
    Node,
    Placement,
    Resolution,
    fits,
    fits_alone,
    fold,
)
from cdp.identity.rules import DEFAULT, Limit, Rules

__all__ = [
    "DEFAULT",
    "NO_CUTS",
    "Cut",
    "Cuts",
    "Dropped",
    "Found",
    "Graph",
    "Group",
    "Identifier",
    "Limit",
    "Node",
    "Placement",
    "Resolution",
    "Rules",
    "canonical",
    "extract",
    "fits",
    "fits_alone",
    "fold",
    "identifier_hash",
    "node_key",
    "normal_value",
    "parse_identifier",
    "parse_public_id",
    "public_id",
]
