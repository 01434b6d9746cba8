# Generated from async_rows.py by tools/unasync.py; do not edit.
"""Make rows up for a table of a scratch database, so that a backfill has something to work on.

Row by row: a value for each column, a row of the table that a foreign key points to, and what the
server refuses is drawn again. Where nothing that it takes is found, that is what comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import psycopg
from psycopg import Connection

from ..outcome import is_of_a_check, is_of_a_row
from ..parser.quoting import listed, literal, qualified, quote
from ..schema import model as m
from ..schema.read import fetch
from .values import Hints, hints_of, mentions, value_of

ROWS = 25
TRIES = 200
"""Draws for one row."""


@dataclass(frozen=True, slots=True)
class Made:
    """How many rows were made; and why there are no more of them, where there are none."""

    rows: int = 0
    why: str = ""


class Rows:
    """Rows for the tables of one schema; ``also`` are conditions that rows had better fulfil."""

    def __init__(
        self, connection: Connection[Any], schema: m.Schema, also: Sequence[str] = ()
    ) -> None:
        self.connection = connection
        self.schema = schema
        self.also = tuple(also)
        self.rng = Random(1)
        self._made: dict[m.Key, Made] = {}
        self._well: dict[m.Key, dict[str, str]] = {}
        self._hinted: dict[tuple[m.Key, str], Hints] = {}

    def make(self, table: m.Table, rows: int = ROWS) -> Made:
        """Put up to so many rows into a table, and what they need into others."""
        if table.key in self._made:
            return self._made[table.key]
        self._made[table.key] = Made(0, f"{table.name} needs rows of its own first")
        parents: dict[m.Constraint, list[tuple[Any, ...]]] = {}
        for one in table.foreign_keys:
            found, why = self._parents(table, one)
            if not found and not _optional(table, one) and one.target != table.key:
                return self._keep(table, Made(0, why))
            parents[one] = found
        made, why = 0, ""
        for number in range(1, rows + 1):
            why = self._row(table, number, parents)
            if why:
                break
            made += 1
        return self._keep(table, Made(made, why))

    def _keep(self, table: m.Table, made: Made) -> Made:
        self._made[table.key] = made
        return made

    def _parents(self, table: m.Table, one: m.Constraint) -> tuple[list[tuple[Any, ...]], str]:
        """Keys that a foreign key may point to; none for a table that points to itself."""
        parent = one.target and self.schema.table(one.target[1], one.target[0])
        if parent is None or one.target is None:
            return [], f"{table.name} points to a table that is not there"
        if one.target == table.key:
            return [], ""
        made = self.make(parent)
        names = ", ".join(f"{quote(name)}::TEXT" for name in one.target_columns)
        text = f"SELECT {names} FROM {qualified(*one.target)} ORDER BY 1 LIMIT 100"
        rows = (fetch(self.connection, text))[0]
        return [tuple(row) for row in rows], made.why or f"{parent.name} has no row"

    def _row(
        self, table: m.Table, number: int, parents: dict[m.Constraint, list[tuple[Any, ...]]]
    ) -> str:
        """Insert a row; why it cannot be, or nothing. What a check is about is taken from the last
        row that was well, and then drawn again by itself: so several checks are met one after
        another."""
        why, row = "", dict[str, str]()
        redraw = [column.name for column in table.columns]
        for attempt in range(TRIES):
            drawn = self._given(table, number, parents, first=attempt == 0)
            if isinstance(drawn, str):
                return drawn
            known = self._well.get(table.key, {}) if attempt in (1, 2) else {}
            fresh = {name: known.get(name, value) for name, value in drawn.items()}
            row = {**{k: v for k, v in row.items() if k not in redraw}, **_of(fresh, redraw)}
            into, values = f"INSERT INTO {qualified(*table.key)}", ", ".join(row.values())
            text = f"{into} ({listed(tuple(row))}) VALUES ({values})" if row else ""
            try:
                fetch(self.connection, text or f"{into} DEFAULT VALUES")
                self._well[table.key] = row
                return ""
            except psycopg.Error as error:
                words = error.diag.message_primary or str(error)
                why = f"{table.name}: {' '.join(words.split())}"
                if not is_of_a_row(error.sqlstate):
                    break
                redraw = _concerned(table, error.sqlstate, words, error.diag.constraint_name)
        return why

    def _given(
        self,
        table: m.Table,
        number: int,
        parents: dict[m.Constraint, list[tuple[Any, ...]]],
        *,
        first: bool,
    ) -> dict[str, str] | str:
        """The values of a row by column; a sentence where there is none for one."""
        given: dict[str, str] = {}
        for column in table.columns:
            if column.generated is not None or (column.identity or "").startswith("ALWAYS"):
                continue
            if column.default is not None or column.identity:
                if number % 2 == 0 or column.identity or "nextval" in (column.default or ""):
                    continue
            elif column.nullable and number % 3 == 2:
                continue
            hints, enums = self._hints(table, column), self.schema.enums
            value = value_of(column.type, number, hints, enums, self.rng, first=first)
            if value is not None:
                given[column.name] = value
            elif not column.nullable and column.default is None:
                return f"no value is known for {table.name}.{column.name}, {column.type}"
        for one, keys in parents.items():
            self._point(table, one, keys, given, number - 1 if first else None)
        return given

    def _point(
        self,
        table: m.Table,
        one: m.Constraint,
        keys: list[tuple[Any, ...]],
        given: dict[str, str],
        at: int | None,
    ) -> None:
        """Let a row point to one of the keys, to itself, or to nothing."""
        if keys:
            chosen = keys[(self.rng.randrange(len(keys)) if at is None else at) % len(keys)]
            for name, text in zip(one.columns, chosen, strict=True):
                column = table.column(name)
                assert column is not None
                given[name] = _constant(text, column.type)
        elif one.target == table.key and not _optional(table, one):
            for name, target in zip(one.columns, one.target_columns, strict=True):
                if target in given:
                    given[name] = given[target]
        else:
            for name in one.columns:
                given.pop(name, None)

    def _hints(self, table: m.Table, column: m.Column) -> Hints:
        key = table.key, column.name
        if key not in self._hinted:
            self._hinted[key] = self._find_hints(table, column)
        return self._hinted[key]

    def _find_hints(self, table: m.Table, column: m.Column) -> Hints:
        checks = [c.definition for c in table.constraints if c.kind == "check"]
        sources = [text for text in (*checks, *self.also) if mentions(text, column.name)]
        if table.partition_by is not None and mentions(table.partition_by, column.name):
            parts = [t for t in self.schema.tables if t.partition_of == table.key]
            sources += [part.bound for part in parts if part.bound is not None]
        return hints_of(sources)


def _of(drawn: dict[str, str], names: Sequence[str]) -> dict[str, str]:
    return {name: value for name, value in drawn.items() if name in names}


def _concerned(
    table: m.Table, sqlstate: str | None, words: str, constraint: str | None
) -> list[str]:
    """The columns that are to blame for an error; all where it does not say."""
    every = [column.name for column in table.columns]
    named = next((c for c in table.constraints if c.name == constraint), None)
    if is_of_a_check(sqlstate):
        text = words if named is None else named.definition
        return [name for name in every if mentions(text, name)] or every
    if named is not None and named.columns:
        return list(named.columns)
    return every


def _optional(table: m.Table, one: m.Constraint) -> bool:
    """Whether a row may do without what a foreign key points to."""
    columns = [table.column(name) for name in one.columns]
    return any(c is not None and c.nullable for c in columns)


def _constant(text: Any, type: str) -> str:
    return "NULL" if text is None else f"{literal(str(text))}::{type}"
