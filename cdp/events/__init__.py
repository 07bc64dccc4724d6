"""What a message is: normalisation, stamping and the names of the Segment spec.

Pure: values in, values out. No store, no clock, no Flask.
"""

from cdp.events.decode import MalformedJSON, decode_json
from cdp.events.message import Message, Origin, Rejected, Stamp
from cdp.events.normalise import normalise
from cdp.events.split import Split, split
from cdp.events.times import format_time, parse_time

__all__ = [
    "MalformedJSON",
    "Message",
    "Origin",
    "Rejected",
    "Split",
    "Stamp",
    "decode_json",
    "format_time",
    "normalise",
    "parse_time",
    "split",
]
