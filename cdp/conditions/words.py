"""Words that mean something wherever an operand may stand."""

KEYWORDS = frozenset(("and", "or", "not", "in", "null", "true", "false"))
