"""Rows: a list that knows how many rows a statement touched, and rows as objects of a class.

A class is whatever can be called with the columns' values: a dataclass, a NamedTuple, a class of
attrs, msgspec or pydantic, a function. Its signature says which columns it takes; others are left
out. Values arrive as psycopg reads them: what converts them further is the class.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar

from psycopg import AsyncCursor, Cursor
from psycopg.rows import dict_row, no_result
from psycopg.sql import Composable

from .errors import QueryError

R = TypeVar("R")
Row: TypeAlias = dict[str, Any]
Parameters: TypeAlias = Sequence[object] | Mapping[str, object]
Statement: TypeAlias = str | bytes | Composable


class Rows(list[R]):
    """The rows of a statement; ``rowcount`` is how many it returned, or else touched.

    It is -1 where the server tells no number, as after CREATE TABLE.
    """

    __slots__ = ("rowcount",)
    rowcount: int


def row_factory(shape: Callable[..., R] | None) -> Callable[[Any], Callable[[Sequence[Any]], Any]]:
    """Return psycopg's row factory for rows of a shape, dicts without one.

    Raises `QueryError` at the first answer that lacks a column the shape cannot do without.
    """
    if shape is None or shape is dict:
        return dict_row

    def factory(cursor: Cursor[Any] | AsyncCursor[Any]) -> Callable[[Sequence[Any]], R]:
        if cursor.description is None:
            return no_result
        return maker(shape, tuple(column.name for column in cursor.description))

    return factory


@lru_cache(512)
def maker(shape: Callable[..., R], columns: tuple[str, ...]) -> Callable[[Sequence[Any]], R]:
    """Return the function that makes an object of a row with these columns."""
    positional, named, required, rest, anything = _parameters(shape)
    if anything:
        return lambda values: shape(*values)
    where = {name: position for position, name in enumerate(columns)}
    missing = [name for name in required if name not in where]
    if missing:
        raise QueryError(
            f"{_name(shape)} needs {', '.join(map(repr, missing))}, and the columns are "
            f"{', '.join(map(repr, columns))}.",
            hint="Select these columns, or give the fields a default.",
        )
    # As many in order as possible: positions are faster than names.
    ordered: list[str] = []
    for name in positional:
        if name not in where:
            break
        ordered.append(name)
    names = [n for n in (*positional, *named) if n in where and n not in ordered]
    names += [n for n in columns if rest and n not in ordered and n not in names]
    if not names and tuple(ordered) == columns:
        return lambda values: shape(*values)
    first, second = _picker([where[n] for n in ordered]), _picker([where[n] for n in names])
    if not names:
        return lambda values: shape(*first(values))
    return lambda values: shape(*first(values), **dict(zip(names, second(values), strict=True)))


def _parameters(
    shape: Callable[..., object],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], bool, bool]:
    """Return the parameters by position, by name, those without a default, ``**`` and ``*``."""
    try:
        signature = inspect.signature(shape)
    except (TypeError, ValueError) as error:
        raise QueryError(
            f"{shape!r} cannot make rows: it does not say which columns it takes.",
            hint="Give a dataclass, a NamedTuple or the like, or a function with named parameters.",
        ) from error
    positional, named, required, rest, anything = [], [], [], False, False
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = True
        elif parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.POSITIONAL_ONLY):
            positional.append(name)
        elif parameter.kind is parameter.KEYWORD_ONLY:
            named.append(name)
        else:
            anything = True
        variable = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if parameter.default is parameter.empty and not variable:
            required.append(name)
    return tuple(positional), tuple(named), tuple(required), rest, anything


def _picker(positions: list[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda values: tuple(values[position] for position in positions)


def _name(shape: Callable[..., object]) -> str:
    return getattr(shape, "__qualname__", repr(shape))
