"""Conditions and orders: what ``where`` and ``order_by`` mean, as SQL text.

Both are given as data, never as SQL: a column is always quoted, a value always a parameter, an
operator or a direction always one of those known here. An order such as
``"name; DROP TABLE users"`` is the name of a column, and not one that exists. The one exception
says so itself: the text of ``("sql", text, values)`` is the program's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from numbers import Number
from typing import TypeAlias

from .errors import QueryError
from .sql import identifier

Where: TypeAlias = Mapping[str, object] | tuple[object, ...]
OrderBy: TypeAlias = str | Sequence[str | tuple[str, str]]

# operator -> SQL, for a column, the operator and one parameter
OPERATORS = {
    **{op: op for op in ("=", "!=", "<>", "<", "<=", ">", ">=")},
    **{op: op for op in ("~", "~*", "!~", "!~*", "@>", "<@", "&&", "?", "?|", "?&")},
    "like": "LIKE",
    "not like": "NOT LIKE",
    "ilike": "ILIKE",
    "not ilike": "NOT ILIKE",
    "is distinct from": "IS DISTINCT FROM",
    "is not distinct from": "IS NOT DISTINCT FROM",
}
# operators that join conditions, on rows and on one column
JOINING = ("and", "or", "not")
# operators whose operand is not one plain parameter
SPECIAL = ("in", "not in", "between", "not between", "is", "is not", "any", "path", *JOINING)

_ORDER = re.compile(
    r"(?P<minus>-)?(?P<column>.+?)(?:\s+(?P<way>asc|desc))?(?:\s+nulls\s+(?P<nulls>first|last))?",
    re.IGNORECASE | re.DOTALL,
)


def conditions(where: Where) -> tuple[str, list[object]]:
    """Return the text after WHERE and its parameters; empty for an empty mapping.

    A mapping's entries must all hold. A value stands for equality, None for ``IS NULL``, a list
    or set for membership, a tuple for an operator and its operand: ``{"age": (">=", 18)}``. The
    same tuples join conditions, on one column and on whole ones:

        {"age": ("or", [("<", 10), (">", 60)])}         {"name": ("not", ("like", "a%"))}
        ("or", [{"a": 1}, {"b": 2}])    ("and", […])    ("not", {"a": 1})
        ("sql", "lower(email) = lower(%s)", [email])

    ``("path", ["address", "city"], "Oslo")`` compares what stands at that place of a JSON column,
    as a number where the operand is one, else as text. ``("any", 5)`` finds arrays that hold 5.
    Raises `QueryError` for anything else.
    """
    parameters: list[object] = []
    return _whole(where, parameters, empty=True), parameters


def _whole(where: object, parameters: list[object], *, empty: bool = False) -> str:
    """Return a condition on rows."""
    if isinstance(where, dict) or isinstance(where, Mapping):  # noqa: SIM101 - the first is fast
        if not where and not empty:
            raise QueryError(
                "An empty condition inside of and, or, not would hold for every row.",
                hint="Leave it out.",
            )
        texts: list[str] = []
        for column, value in where.items():
            if value is None or isinstance(value, tuple | list | set | frozenset):
                texts.append(_on(column, _Target(identifier(column)), value, parameters))
            else:  # by far the most frequent
                texts.append(f"{identifier(column)} = %s")
                parameters.append(value)
        return " AND ".join(texts)
    if not isinstance(where, tuple):
        raise QueryError(
            f"where takes a mapping, not {type(where).__name__}.",
            hint='Write where={"name": value}; for anything else there is execute().',
        )
    operator = _word(where)
    if operator == "sql":
        return _piece(where, parameters)
    if len(where) != 2 or operator not in JOINING:
        raise QueryError(
            "This where is a tuple, but not an operator and its operand.",
            hint='Write ("or", [{…}, {…}]), ("and", […]), ("not", {…}) or ("sql", text, values).',
        )
    return _joined(operator, where[1], lambda part: _whole(part, parameters))


def _joined(operator: str, operand: object, text: Callable[[object], str]) -> str:
    if operator == "not":
        return f"NOT ({text(operand)})"
    if not isinstance(operand, list) or not operand:
        raise QueryError(f"{operator!r} takes a list of conditions that is not empty.")
    return "(" + f" {operator.upper()} ".join(f"({text(part)})" for part in operand) + ")"


def _piece(where: tuple[object, ...], parameters: list[object]) -> str:
    """Return a piece of SQL as it stands: its text is the program's, its values are parameters."""
    text = where[1] if len(where) in (2, 3) else None
    values = where[2] if len(where) == 3 else ()
    if not isinstance(text, str) or not text.strip() or not isinstance(values, list | tuple):
        raise QueryError(
            "A piece of SQL is its text and a list of values.",
            hint='Write ("sql", "lower(email) = lower(%s)", [email]).',
        )
    parameters += values
    return f"({text})"


class _Target:
    """What an operator stands behind: a column, or a place in one, which is a parameter."""

    def __init__(self, text: str, path: object = None, cast: str = "") -> None:
        self.text = text
        self.path = path
        self.cast = cast

    def put(self, parameters: list[object]) -> str:
        """Return the text, having added the parameters that stand in it."""
        if self.path is None:
            return self.text
        parameters.append(self.path)
        return f"({self.text} #>> %s){self.cast}"


def _word(value: tuple[object, ...]) -> str:
    word = value[0] if value else None
    return " ".join(word.lower().split()) if isinstance(word, str) else ""


def _on(column: str, target: _Target, value: object, parameters: list[object]) -> str:
    """Return a condition on one column."""
    if value is None:
        return f"{target.put(parameters)} IS NULL"
    if isinstance(value, tuple):
        return _operation(column, target, value, parameters)
    if isinstance(value, list | set | frozenset):
        return _membership(column, target, value, parameters)
    text = f"{target.put(parameters)} = %s"
    parameters.append(value)
    return text


def _operation(
    column: str, target: _Target, value: tuple[object, ...], parameters: list[object]
) -> str:
    operator = _word(value)
    if operator == "path":
        return _on(column, *_place(column, target, value), parameters)
    if len(value) != 2 or operator not in (*OPERATORS, *SPECIAL):
        raise QueryError(
            f"The condition on {column!r} is a tuple, but not an operator and its operand.",
            hint=f"Write ('>=', 18), or a list for membership. Operators: "
            f"{', '.join((*OPERATORS, *SPECIAL))}.",
        )
    operand = value[1]
    if operator in JOINING:
        return _joined(operator, operand, lambda part: _on(column, target, part, parameters))
    if operator in ("in", "not in"):
        return _membership(column, target, operand, parameters, negated=operator == "not in")
    if operator == "any":
        parameters.append(operand)
        return f"%s = ANY ({target.put(parameters)})"
    name = target.put(parameters)
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


def _place(column: str, target: _Target, value: tuple[object, ...]) -> tuple[_Target, object]:
    """Return a place in a JSON column, and the condition on it."""
    keys = value[1] if len(value) == 3 else None
    if target.path is not None or not isinstance(keys, list) or not keys:
        raise QueryError(
            f"The path into {column!r} is not a list of keys and a condition.",
            hint='Write ("path", ["address", "city"], "Oslo"); a place in a list is its number.',
        )
    path, wanted = [str(key) for key in keys], value[2]
    if isinstance(wanted, bool):
        wanted = str(wanted).lower()
    return _Target(target.text, path, "::DECIMAL" if _numeric(wanted) else ""), wanted


def _numeric(wanted: object) -> bool:
    """Return whether the first value of a condition is a number."""
    while isinstance(wanted, tuple | list | set | frozenset):
        members = list(wanted)
        if isinstance(wanted, tuple) and isinstance(members[0] if members else None, str):
            members = members[1:]
        wanted = next((member for member in members if member is not None), None)
    return isinstance(wanted, Number) and not isinstance(wanted, bool)


def _membership(
    column: str,
    target: _Target,
    values: object,
    parameters: list[object],
    *,
    negated: bool = False,
) -> str:
    """Return IN or NOT IN; where the values hold None, NULL is one of them."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise QueryError(f"The condition on {column!r} needs a list of values.")
    members = list(values)
    found = [value for value in members if value is not None]
    no = "NOT " if negated else ""
    if not found:
        if members:
            return f"{target.put(parameters)} IS {no}NULL"
        return "TRUE" if negated else "FALSE"
    text = f"{target.put(parameters)} {no}IN ({', '.join(['%s'] * len(found))})"
    parameters += found
    if len(found) == len(members) or negated:
        return text  # NOT IN never finds NULL, so there None needs no words of its own
    return f"({text} OR {target.put(parameters)} IS NULL)"


def ordering(order_by: OrderBy) -> str:
    """Return the text after ORDER BY.

    ``"name"``, ``"-name"``, ``"name desc nulls last"``, several with commas or as a list; a
    column whose own name looks like that is written as a pair, ``("-odd, name", "desc")``.
    """
    if isinstance(order_by, str):
        return _ordering(order_by)
    return ", ".join(_order(item) for item in order_by)


@lru_cache(512)
def _ordering(order_by: str) -> str:
    return ", ".join(_order(item) for item in order_by.split(","))


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
