"""What messages may look like, and what they did look like.

`personal` tells what looks like a person's data, `classes` what is taken for it,
`masks` what is shown instead, `shapes` what a message carries, `names` how its name is
listed. Pure: values in, values out; no store, no clock.
"""

from cdp.protocols.classes import PERSONAL, Classes, NoField, field_key, field_name, root_of
from cdp.protocols.masks import DOTS, masked, masked_text
from cdp.protocols.names import general_name, hides_something
from cdp.protocols.personal import RED, YELLOW, looks_personal
from cdp.protocols.shapes import MASK, PARTS, Property, Seen, families, is_conflict, path_key

__all__ = [
    "DOTS",
    "MASK",
    "PARTS",
    "PERSONAL",
    "RED",
    "YELLOW",
    "Classes",
    "NoField",
    "Property",
    "Seen",
    "families",
    "field_key",
    "field_name",
    "general_name",
    "hides_something",
    "is_conflict",
    "looks_personal",
    "masked",
    "masked_text",
    "path_key",
    "root_of",
]
