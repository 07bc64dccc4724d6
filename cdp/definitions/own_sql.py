"""What may stand in a query that people write: the views that it sees, and its words.

Names and columns of the views stay as they are. Databases look at what a query does as
well; this tells what is wrong before one is asked. A query of a warehouse reads that one's
own tables; as each database takes texts and comments apart differently, there is no
backslash in it, and its comments are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cdp.conditions.errors import nearest_or_all

#: Characters of a query.
MAX_SQL = 20_000
#: Each view with its columns. Times are milliseconds since 1970.
VIEWS = {
    "people": "profile_id, name, created_at",
    "accounts": "profile_id, name, created_at",
    "identifiers": "profile_id, type, value",
    "traits": "profile_id, trait, value, number",
    "events": "profile_id, event_id, event, at",
    "properties": "profile_id, event_id, event, at, property, value, number",
}
NAMES = tuple(VIEWS)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: What may stand before a parenthesis: words of SQL, and functions that only work out a value.
_WORDS = _set(
    """
    select with as in exists not and or on using over partition by values when then else
    case from where having filter union all intersect except any some distinct join is
    between like within group order materialized lateral limit offset any array numeric
    decimal varchar char rows range
    """
)
FUNCTIONS = _set(
    """
    abs avg cast ceil ceiling char_length coalesce concat count cume_dist date date_part
    date_trunc datetime dense_rank exp extract first_value floor greatest ifnull iif instr
    julianday lag last_value lead least left length ln log lower ltrim max min mod nth_value
    ntile nullif percent_rank percentile_cont percentile_disc position pow power printf
    random rank replace right round row_number rtrim sign split_part sqrt stddev strftime
    strpos substr substring sum time to_char to_timestamp total trim trunc unixepoch upper
    variance
    """
)
#: Those of other databases, which only work out a value too.
ELSEWHERE = FUNCTIONS | _set(
    """
    any_value approx_count_distinct array_length bool_and bool_or convert_timezone count_if
    current_date current_timestamp date_add date_diff date_sub dateadd datediff datepart day
    dayofweek decode div getdate hour if initcap json_extract json_extract_path_text
    json_extract_scalar json_value jsonb_array_length jsonb_extract_path_text listagg logical_and
    logical_or make_date md5 median minute mode month now nvl nvl2 parse_date parse_json
    parse_timestamp quarter regexp_contains regexp_extract regexp_like regexp_replace
    regexp_substr safe_cast safe_divide second split string_agg sysdate timestamp timestamp_add
    timestamp_diff timestamp_sub timestamp_trunc timestampdiff to_date to_json to_number
    to_varchar try_cast weekofyear year zeroifnull
    """
)
#: What would make the text behind it another kind of text.
_PREFIXES = ("e", "b", "x", "n", "u")
_TOKEN = re.compile(
    r"""(?P<skip>\s+|--[^\r\n]*|/\*.*?\*/)|(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")*")
    |(?P<word>[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<cast>::)|(?P<sign>[^\s])""",
    re.VERBOSE | re.DOTALL,
)


class SqlError(ValueError):
    """A query that is refused, or fails; its text is for people."""


def no_warehouse(name: str, known: Sequence[str]) -> str:
    """What is wrong with the name of a warehouse that is none."""
    if not known:
        return f"there is no warehouse {name}: the server's settings name none"
    return f"there is no warehouse {name}. {nearest_or_all(name, known)}"


def checked(sql: str, outside: bool = False) -> str:
    """A query without what would end it; `SqlError` for what is no query, or not allowed.

    ``outside``: it is asked of a warehouse.
    """
    if len(sql) > MAX_SQL:
        raise SqlError(f"a query has {MAX_SQL:,} characters at most")
    sql = sql.strip().rstrip(";").rstrip()
    tokens = list(_tokens(sql))
    if not tokens or tokens[0][1].lower() not in ("select", "with"):
        raise SqlError("a query begins with SELECT or WITH; it can only read")
    allowed = _WORDS | (ELSEWHERE if outside else FUNCTIONS)
    before = ""
    for (kind, text), (_, after) in zip(tokens, [*tokens[1:], ("", "")], strict=True):
        name = text.strip('"').lower()
        if outside and "\\" in text:
            raise SqlError("\\ can't stand in a query of a warehouse")
        if kind == "sign" and text in "'\"`[]?:;@$\\#{}":
            what = "a second statement" if text == ";" else text
            raise SqlError(f"{what} can't stand in a query")
        if name.startswith(("pg_", "sqlite_", "pragma_", "information_schema")):
            there = "" if outside else f"; there are {', '.join(NAMES)}"
            raise SqlError(f"there is no {name} to read{there}")
        if (kind == "quoted" and after == "(") or (name == "u" and after == "&"):
            raise SqlError(f"{text} can't stand in a query")
        if kind == "word" and name in _PREFIXES and after.startswith("'"):
            raise SqlError(f"a text begins with ', not {text}'")
        # ``with totals (person, total) as (…)`` names a table, and its columns.
        called = kind == "word" and after == "(" and before not in ("with", "recursive")
        if called and name not in allowed:
            raise SqlError(f"the function {text} can't be used in a query")
        before = name
    return _TOKEN.sub(_blank, sql) if outside else sql


def _blank(found: re.Match[str]) -> str:
    """A comment as a blank, and all else as it is: every token is looked at, so that what
    looks like a comment within a text stays."""
    skip = found["skip"]
    if skip is None or not skip.startswith(("-", "/")):
        return found.group()
    return " "


def whom_and_value(columns: list[str]) -> str:
    """What the first of a query's two columns is called; `SqlError` if there are not two."""
    if len(columns) != 2:
        names = ", ".join(columns)
        raise SqlError(f"it returns {names}; it must return whom and a value, two columns")
    return columns[0].lower()


def _tokens(sql: str) -> Iterator[tuple[str, str]]:
    for found in _TOKEN.finditer(sql):
        kind = found.lastgroup or ""
        if kind != "skip":
            yield kind, found.group()
