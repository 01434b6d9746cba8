"""Conditions and orders: what ``where`` and ``order_by`` mean, as SQL text.

Both are given as data, never as SQL: a column is always quoted, a value always a parameter, an
operator or a direction always one of those known here. An order such as
``"name; DROP TABLE users"`` is the name of a column, and not one that exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from .errors import QueryError
from .sql import identifier

Where: TypeAlias = Mapping[str, object]
OrderBy: TypeAlias = str | Sequence[str | tuple[str, str]]

# operator -> SQL, for a column, the operator and one parameter
OPERATORS = {
    **{op: op for op in ("=", "!=", "<>", "<", "<=", ">", ">=")},
    **{op: op for op in ("~", "~*", "!~", "!~*", "@>", "<@", "&&", "?")},
    "like": "LIKE",
    "not like": "NOT LIKE",
    "ilike": "ILIKE",
    "not ilike": "NOT ILIKE",
    "is distinct from": "IS DISTINCT FROM",
    "is not distinct from": "IS NOT DISTINCT FROM",
}
# operators whose operand is not one plain parameter
SPECIAL = ("in", "not in", "between", "not between", "is", "is not")

_ORDER = re.compile(
    r"(?P<minus>-)?(?P<column>.+?)(?:\s+(?P<way>asc|desc))?(?:\s+nulls\s+(?P<nulls>first|last))?",
    re.IGNORECASE | re.DOTALL,
)


def conditions(where: Where) -> tuple[str, list[object]]:
    """Return the text after WHERE and its parameters; empty for an empty mapping.

    A value stands for equality, None for ``IS NULL``, a list or set for membership, a tuple for
    an operator and its operand: ``{"age": (">=", 18)}``. Raises `QueryError` for anything else.
    """
    if not isinstance(where, Mapping):
        raise QueryError(
            f"where takes a mapping, not {type(where).__name__}.",
            hint='Write where={"name": value}; for anything else there is execute().',
        )
    texts: list[str] = []
    parameters: list[object] = []
    for column, value in where.items():
        if value is None:
            texts.append(f"{identifier(column)} IS NULL")
        elif isinstance(value, tuple):
            texts.append(_operation(column, value, parameters))
        elif isinstance(value, list | set | frozenset):
            texts.append(_membership(column, value, parameters))
        else:
            texts.append(f"{identifier(column)} = %s")
            parameters.append(value)
    return " AND ".join(texts), parameters


def _operation(column: str, value: tuple[object, ...], parameters: list[object]) -> str:
    operator = value[0] if value else None
    operator = " ".join(operator.lower().split()) if isinstance(operator, str) else None
    if len(value) != 2 or (operator not in OPERATORS and operator not in SPECIAL):
        raise QueryError(
            f"The condition on {column!r} is a tuple, but not an operator and its operand.",
            hint=f"Write ('>=', 18), or a list for membership. Operators: "
            f"{', '.join((*OPERATORS, *SPECIAL))}.",
        )
    name, operand = identifier(column), value[1]
    if operator in ("in", "not in"):
        return _membership(column, operand, parameters, negated=operator == "not in")
    if operator in ("between", "not between"):
        if not isinstance(operand, list | tuple) or len(operand) != 2:
            raise QueryError(f"{operator} on {column!r} takes two values, (low, high).")
        parameters += operand
        return f"{name} {operator.upper()} %s AND %s"
    if operand is None and operator in ("=", "is"):
        return f"{name} IS NULL"
    if operand is None and operator in ("!=", "<>", "is not"):
        return f"{name} IS NOT NULL"
    if operator in ("is", "is not"):
        if not isinstance(operand, bool):
            raise QueryError(f"{operator} on {column!r} takes None, True or False.")
        return f"{name} {operator.upper()} {str(operand).upper()}"
    parameters.append(operand)
    return f"{name} {OPERATORS[operator]} %s"


def _membership(
    column: str, values: object, parameters: list[object], *, negated: bool = False
) -> str:
    """Return IN or NOT IN; where the values hold None, NULL is one of them."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise QueryError(f"The condition on {column!r} needs a list of values.")
    members = list(values)
    found = [value for value in members if value is not None]
    name, no = identifier(column), "NOT " if negated else ""
    parameters += found
    if not found:
        return f"{name} IS {no}NULL" if members else ("TRUE" if negated else "FALSE")
    text = f"{name} {no}IN ({', '.join(['%s'] * len(found))})"
    # NOT IN never finds NULL, so there None needs no words of its own.
    return f"({text} OR {name} IS NULL)" if len(found) < len(members) and not negated else text


def ordering(order_by: OrderBy) -> str:
    """Return the text after ORDER BY.

    ``"name"``, ``"-name"``, ``"name desc nulls last"``, several with commas or as a list; a
    column whose own name looks like that is written as a pair, ``("-odd, name", "desc")``.
    """
    if isinstance(order_by, str):
        order_by = order_by.split(",")
    return ", ".join(_order(item) for item in order_by)


def _order(item: str | tuple[str, str]) -> str:
    if isinstance(item, tuple):
        column, way = item if len(item) == 2 else ("", "")
        match = _ORDER.fullmatch(f"x {way}")
        if not column or match is None or match["column"] != "x":
            raise QueryError(f"{item!r} is not a column and 'asc' or 'desc'.")
    else:
        match = _ORDER.fullmatch(item.strip()) if isinstance(item, str) else None
        if match is None:
            raise QueryError(f"{item!r} is no order.", hint='Write "name", "-name" or "name desc".')
        column = match["column"]
    way = "DESC" if match["minus"] else (match["way"] or "").upper()
    if match["minus"] and match["way"]:
        raise QueryError(f"{item!r} says its direction twice.")
    nulls = f"NULLS {match['nulls'].upper()}" if match["nulls"] else ""
    return " ".join(part for part in (identifier(column), way, nulls) if part)
