"""Data types and expressions, as far as the rules need to tell them apart."""

from __future__ import annotations

import re

from ..parser import nodes as n

_MODIFIER = re.compile(r"\(([^)]*)\)")
_CALL = re.compile(r"([a-z_][a-z0-9_]*)\s*\(")
_STRING = re.compile(r"'(?:[^']|'')*'")

SERIALS = frozenset(("SERIAL", "SERIAL2", "SERIAL4", "SERIAL8", "BIGSERIAL", "SMALLSERIAL"))
SMALL_INTEGERS = frozenset(("INT4", "INT2", "SMALLINT", "SERIAL2", "SERIAL4", "SMALLSERIAL"))
# These have 32 bits on PostgreSQL and 64 on CockroachDB.
PLAIN_INTEGERS = frozenset(("INT", "INTEGER", "SERIAL"))
_TEXTS = frozenset(("TEXT", "STRING", "VARCHAR", "CHARACTER VARYING"))
_WIDTHS = {"INT2": 2, "SMALLINT": 2, "INT4": 4, "INT": 8, "INTEGER": 8, "INT8": 8, "BIGINT": 8}

# Functions that give another value for every row. What is not here (now() above all) is computed
# once for the statement, or is not known.
VOLATILE = frozenset(
    (
        *("random", "gen_random_uuid", "uuid_v4", "uuidv4", "uuidv7", "gen_random_ulid"),
        *("uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4", "gen_random_bytes"),
        *("unique_rowid", "unordered_unique_rowid", "clock_timestamp", "timeofday", "nextval"),
    )
)


def base(type_: str) -> str:
    """A type without its modifiers: ``TIMESTAMP WITHOUT TIME ZONE`` of ``TIMESTAMP(3) …``."""
    return " ".join(_MODIFIER.sub("", type_).split())


def is_timestamp(type_: str) -> bool:
    """Whether it counts time, with a zone or without."""
    return base(type_).startswith("TIMESTAMP")


def called(expression: str | None) -> frozenset[str]:
    """The functions that an expression calls."""
    return frozenset(_CALL.findall(_STRING.sub("''", expression or "").lower()))


def is_volatile(expression: str | None) -> bool:
    """Whether an expression is known to differ from row to row."""
    return bool(called(expression) & VOLATILE)


def is_sequential(column: n.Column) -> bool:
    """Whether each new row gets a value just above the last one's."""
    if base(column.type) in SERIALS or column.identity is not None:
        return True
    functions = called(column.default)
    if functions & {"nextval", "unique_rowid"}:
        return True
    now = functions & {"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp"}
    words = (column.default or "").lower()
    return bool(now) or "current_timestamp" in words or "current_date" in words


def keeps_its_form(old: str, new: str, *, cockroachdb: bool) -> bool:
    """Whether a change of type leaves every stored value as it is, and every value valid."""
    before, after = base(old), base(new)
    if before in _TEXTS and after in _TEXTS:
        return _length(new) is None or (_length(old) or 10**9) <= (_length(new) or 0)
    if before == after and before in ("NUMERIC", "DECIMAL"):
        return _wider(_numbers(old), _numbers(new))
    if before == after and is_timestamp(old):
        return _length(new) is None or (_length(old) or 6) <= (_length(new) or 6)
    if cockroachdb and before in _WIDTHS and after in _WIDTHS:
        return _WIDTHS[before] <= _WIDTHS[after]
    return before == after and _numbers(old) == _numbers(new)


def _wider(old: list[int], new: list[int]) -> bool:
    """NUMERIC(precision, scale): more digits before the point, as many after it."""
    if not new:
        return True
    if not old:
        return False
    return old[0] <= new[0] and old[1:] == new[1:]


def _numbers(type_: str) -> list[int]:
    found = _MODIFIER.search(type_)
    parts = found[1].split(",") if found else []
    return [int(part) for part in parts if part.strip().isdigit()]


def _length(type_: str) -> int | None:
    numbers = _numbers(type_)
    return numbers[0] if numbers else None
