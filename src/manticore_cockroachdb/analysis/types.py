"""Types of columns, as far as a change from one to another is free, a rewrite, or a loss."""

from __future__ import annotations

import re

from ..parser.types import canonical_type

_MODIFIER = re.compile(r"\(([\d\s,]+)\)")
_INTEGERS = {"INT2": 2, "INT4": 4, "INT8": 8}
_FLOATS = ("FLOAT4", "FLOAT8")
_TEXTS = ("TEXT", "VARCHAR")
_TIMES = ("TIMESTAMP", "TIMESTAMPTZ", "TIME", "TIMETZ", "INTERVAL")


def split(type_: str, *, cockroachdb: bool = False) -> tuple[str, tuple[int, ...]]:
    """A type's one name and its modifiers: VARCHAR and (20,)."""
    text = canonical_type(type_)
    if type_.strip().lower() in ("int", "integer"):
        text = "INT8" if cockroachdb else "INT4"
    found = _MODIFIER.search(text)
    numbers = tuple(int(n) for n in found[1].split(",")) if found else ()
    return " ".join(_MODIFIER.sub("", text).split()).upper(), numbers


def is_free(old: str, new: str, *, cockroachdb: bool) -> bool:
    """Whether the stored values stay as they are, and no row has to be looked at.

    PostgreSQL: ALTER TABLE, Notes: "binary coercible", or a modifier that only allows more.
    """
    before, had = split(old)
    after, has = split(new, cockroachdb=cockroachdb)
    if before in _TEXTS and after in _TEXTS:
        return not has or (bool(had) and had[0] <= has[0])
    if before == after == "NUMERIC":
        return not has or (len(had) > 0 and had[0] <= has[0] and _scale(had) == _scale(has))
    if before == after and before in (*_TIMES, "VARBIT"):
        limit = 6 if before in _TIMES else 10**9
        return (had[0] if had else limit) <= (has[0] if has else limit)
    if (before, after) == ("CIDR", "INET"):
        return True
    if cockroachdb and before in _INTEGERS and after in _INTEGERS:
        return _INTEGERS[before] <= _INTEGERS[after]
    return (before, had) == (after, has)


def _scale(numbers: tuple[int, ...]) -> int:
    return numbers[1] if len(numbers) > 1 else 0


def loss(old: str, new: str) -> str | None:
    """What of the values a change of type takes away without an error; None for nothing.

    A value that does not fit at all, such as a long text or a large number, is an error, and
    nothing is lost.
    """
    (before, had), (after, has) = split(old), split(new)
    exact = after in _INTEGERS
    if (before in _FLOATS and exact) or (before == "NUMERIC" and exact and _scale(had or (0, 1))):
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
    if before in _TIMES and before == after and has and has[0] < (had[0] if had else 6):
        return "fractions of seconds"
    if before in ("JSON", "TEXT") and after == "JSONB":
        return "the order of keys and repeated keys" if before == "JSON" else None
    if before in (*_TEXTS, "BPCHAR") and after in ("CHAR", "BPCHAR"):
        return "trailing blanks"
    return None
