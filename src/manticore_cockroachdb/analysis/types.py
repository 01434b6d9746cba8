"""Types of columns and the expressions that fill them, as far as what a change costs goes.

The one model of types, for plan and lint: whether a change from one to another is free, a
rewrite, or a loss. A type comes in two spellings: as the parser gives it, built-in names in upper
case, and as a server's catalog prints it, in lower case. They differ in meaning for one word
only: INTEGER (and INT) of a file has 64 bits on CockroachDB, ``integer`` of a catalog 32 on both.
"""

from __future__ import annotations

import re

from ..parser import nodes as n
from ..parser.types import canonical_type

_MODIFIER = re.compile(r"\(([\d\s,]+)\)")
_ANY_MODIFIER = re.compile(r"\([^)]*\)")
_CALL = re.compile(r"([a-z_][a-z0-9_]*)\s*\(")
_STRING = re.compile(r"'(?:[^']|'')*'")

SERIALS = frozenset(("SERIAL", "SERIAL2", "SERIAL4", "SERIAL8", "BIGSERIAL", "SMALLSERIAL"))
SMALL_INTEGERS = frozenset(("INT4", "INT2", "SMALLINT", "SERIAL2", "SERIAL4", "SMALLSERIAL"))
# These have 32 bits on PostgreSQL and 64 on CockroachDB.
PLAIN_INTEGERS = frozenset(("INT", "INTEGER", "SERIAL"))
_INTEGERS = ("INT2", "INT4", "INT8")  # the smallest first
_FLOATS = ("FLOAT4", "FLOAT8")
_TEXTS = ("TEXT", "STRING", "VARCHAR")
_TIMES = ("TIMESTAMP", "TIMESTAMPTZ", "TIME", "TIMETZ", "INTERVAL")
_MICROSECONDS = (6,)  # the modifier of a time that has none

# Functions that give another value for every row. What is not here (now() above all) is computed
# once for the statement, or is not known.
VOLATILE = frozenset(
    (
        *("random", "gen_random_uuid", "uuid_v4", "uuidv4", "uuidv7", "gen_random_ulid"),
        *("uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4", "gen_random_bytes"),
        *("unique_rowid", "unordered_unique_rowid", "clock_timestamp", "timeofday", "nextval"),
    )
)


# --- types --------------------------------------------------------------------------------


def base(type_: str) -> str:
    """A type without its modifiers: ``TIMESTAMP WITHOUT TIME ZONE`` of ``TIMESTAMP(3) …``."""
    return " ".join(_ANY_MODIFIER.sub("", type_).split())


def is_serial(type_: str) -> bool:
    """Whether it is an integer that a sequence of its own fills."""
    return base(type_).upper() in SERIALS


def is_timestamp(type_: str) -> bool:
    """Whether it counts time, with a zone or without."""
    return base(type_).startswith("TIMESTAMP")


def split(type_: str, *, cockroachdb: bool) -> tuple[str, tuple[int, ...]]:
    """A type's one name and its modifiers: VARCHAR and (20,)."""
    text = canonical_type(type_)
    word, _, array = type_.strip().partition("[")
    if word in ("INT", "INTEGER"):
        text = ("INT8" if cockroachdb else "INT4") + (f"[{array}" if array else "")
    if cockroachdb and text == "JSON":
        text = "JSONB"  # one type there
    found = _MODIFIER.search(text)
    numbers = tuple(int(part) for part in found[1].split(",")) if found else ()
    return " ".join(_MODIFIER.sub("", text).split()).upper(), numbers


def is_free(old: str, new: str, *, cockroachdb: bool) -> bool:
    """Whether the stored values stay as they are, and no row has to be looked at.

    PostgreSQL: ALTER TABLE, Notes: "binary coercible", or a modifier that only allows more.
    CockroachDB: ALTER COLUMN, "conversions that are trivial".
    """
    before, had = split(old, cockroachdb=cockroachdb)
    after, has = split(new, cockroachdb=cockroachdb)
    if (before in _TEXTS and after in _TEXTS) or before == after == "VARBIT":
        return not has or (bool(had) and had <= has)
    if before == after == "NUMERIC":
        return not has or (len(had) > 0 and had[0] <= has[0] and _scale(had) == _scale(has))
    if before == after and before in _TIMES:
        return (had or _MICROSECONDS) <= (has or _MICROSECONDS)
    if (before, after) == ("CIDR", "INET"):
        return True
    if cockroachdb and before in _INTEGERS and after in _INTEGERS:
        return _INTEGERS.index(before) <= _INTEGERS.index(after)
    return (before, had) == (after, has)


def _scale(numbers: tuple[int, ...]) -> int:
    return numbers[1] if len(numbers) > 1 else 0


def loss(old: str, new: str, *, cockroachdb: bool) -> str | None:
    """What of the values a change of type takes away without an error; None for nothing.

    A value that does not fit at all, such as a long text or a large number, is an error, and
    nothing is lost.
    """
    before, had = split(old, cockroachdb=cockroachdb)
    after, has = split(new, cockroachdb=cockroachdb)
    broken = before in _FLOATS or (before == "NUMERIC" and (not had or _scale(had) > 0))
    if broken and after in _INTEGERS:
        return "what is behind the decimal point"
    if before == after == "NUMERIC" and has and (not had or _scale(has) < _scale(had)):
        return "digits behind the decimal point"
    if before in ("FLOAT8", "NUMERIC") and after in _FLOATS and before != after:
        return "digits of numbers that have many"
    if before.startswith("TIMESTAMP") and after == "DATE":
        return "the time of day"
    if before.startswith("TIMESTAMP") and after in ("TIME", "TIMETZ"):
        return "the date"
    if before == "TIMETZ" and after == "TIME":
        return "the time zone"
    if before in _TIMES and before == after and has and has < (had or _MICROSECONDS):
        return "fractions of seconds"
    if before == "JSON" and after == "JSONB":
        return "the order of keys and repeated keys"
    if before in (*_TEXTS, "BPCHAR") and after in ("CHAR", "BPCHAR"):
        return "trailing blanks"
    return None


# --- expressions --------------------------------------------------------------------------


def called(expression: str | None) -> frozenset[str]:
    """The functions that an expression calls."""
    return frozenset(_CALL.findall(_STRING.sub("''", expression or "").lower()))


def is_volatile(expression: str | None) -> bool:
    """Whether an expression is known to differ from row to row."""
    return bool(called(expression) & VOLATILE)


def is_sequential(column: n.Column) -> bool:
    """Whether each new row gets a value just above the last one's."""
    if is_serial(column.type) or column.identity is not None:
        return True
    functions = called(column.default)
    if functions & {"nextval", "unique_rowid"}:
        return True
    now = functions & {"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp"}
    words = (column.default or "").lower()
    return bool(now) or "current_timestamp" in words or "current_date" in words


def is_cast(using: str, column: str) -> bool:
    """Whether a USING expression only casts the column itself."""
    bare = re.sub(r"[\s\"()]", "", using).lower()
    name = re.escape(column.lower())
    return (
        re.fullmatch(rf"{name}(::[a-z0-9_,.]+(\[\])?)*|cast{name}as[a-z0-9_,.]+", bare) is not None
    )
