"""What a message is: normalisation, stamping and the names of the Segment spec.

Pure: values in, values out. No store, no clock, no Flask.
"""

from cdp.events.decode import MalformedJSON, decode_json
from cdp.events.message import Message, Origin, Rejected, Stamp
from cdp.events.normalise import normalise
from cdp.events.paths import at_path, event_name
from cdp.events.split import Split, split
from cdp.events.times import format_time, parse_time

__all__ = [
    "MalformedJSON",
    "Message",
    "Origin",
    "Rejected",
    "Split",
    "Stamp",
    "at_path",
    "decode_json",
    "event_name",
    "format_time",
    "normalise",
    "parse_time",
    "split",
]
