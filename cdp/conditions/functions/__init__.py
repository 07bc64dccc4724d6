"""The functions of the language, by name, in the order of the documentation."""

from cdp.conditions.functions.base import Example, Function, Param
from cdp.conditions.functions.case import SPELLINGS
from cdp.conditions.functions.casts import CASTS
from cdp.conditions.functions.contains import CONTAINS, ENDS_WITH, STARTS_WITH
from cdp.conditions.functions.devices import HAS_DEVICE
from cdp.conditions.functions.length import LENGTH
from cdp.conditions.functions.match import MATCH
from cdp.conditions.functions.ratio import RATIO
from cdp.conditions.functions.regex import REGEX
from cdp.conditions.functions.semver import SEMVER
from cdp.conditions.functions.state import AUDIENCE, SUBSCRIBED
from cdp.conditions.functions.typeof import TYPEOF

FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        CONTAINS,
        STARTS_WITH,
        ENDS_WITH,
        MATCH,
        REGEX,
        LENGTH,
        TYPEOF,
        *SPELLINGS,
        *CASTS,
        RATIO,
        SEMVER,
        AUDIENCE,
        SUBSCRIBED,
        HAS_DEVICE,
    )
}

__all__ = ["FUNCTIONS", "Example", "Function", "Param"]
