"""A unique key as an order to walk in: keys as text, conditions and the next key as SQL.

A key is the text of each of its columns, as the server writes them, and goes back to it as a typed
literal. The order is the index's own, up or down column by column: where all columns go the same
way it is that of the row `(a, b)`, which both servers look up in an index; where they differ it is
written out. Walking a descending index upwards is a walk through it from its other end.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..parser.quoting import literal, quote

Key: TypeAlias = tuple[str, ...]

# Types that have max(), and so tell the last of some keys without sorting them.
_NUMBERS = ("bigint", "integer", "smallint", "numeric", "real", "double precision")
_WITH_MAX = (*_NUMBERS, "text", "character varying", "date", "timestamp")


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """One column: its type as SQL takes it; `collate` is what a literal needs behind it."""

    name: str
    type: str
    descending: bool = False
    collate: str = ""

    def literal(self, text: str) -> str:
        """A value of the column from its text."""
        return f"{literal(text)}::{self.type}{self.collate}"


@dataclass(frozen=True, slots=True)
class Walk:
    """A table, its SQL name, in the order of a key; only rows that `where` holds for."""

    table: str
    columns: tuple[KeyColumn, ...]
    where: str | None = None

    @property
    def mixed(self) -> bool:
        """Whether some columns go up and others down."""
        return len({column.descending for column in self.columns}) > 1

    def condition(self, after: Key | None, upto: Key | None, alias: str | None = None) -> str:
        """The rows after one key, up to and with another; None for the first and the last."""
        parts = [] if after is None else [self._beyond(after, alias, past=True)]
        if upto is not None:
            parts.append(self._beyond(upto, alias, past=False))
        if self.where is not None:
            parts.append(f"({self.where})")
        return f"({' AND '.join(parts) or 'true'})"

    def one(self, key: Key, alias: str | None = None) -> str:
        """The row of one key."""
        pairs = zip(self.columns, key, strict=True)
        return "(" + " AND ".join(f"{_name(c, alias)} = {c.literal(v)}" for c, v in pairs) + ")"

    def _beyond(self, key: Key, alias: str | None, *, past: bool) -> str:
        """After `key` if `past`, otherwise up to and with it."""
        names = [_name(column, alias) for column in self.columns]
        values = [c.literal(v) for c, v in zip(self.columns, key, strict=True)]
        if not self.mixed:
            left, right = ", ".join(names), ", ".join(values)
            if len(names) > 1:
                left, right = f"({left})", f"({right})"
            return f"{left} {'>' if past else '<='} {right}"
        text = ""
        for i in reversed(range(len(names))):
            sign = ">" if past != self.columns[i].descending else "<"
            if not text:
                text = f"{names[i]} {sign}{'' if past else '='} {values[i]}"
            else:
                text = f"({names[i]} {sign} {values[i]} OR ({names[i]} = {values[i]} AND {text}))"
        return text

    @property
    def names(self) -> str:
        """The key as a select list."""
        return ", ".join(quote(column.name) for column in self.columns)

    @property
    def key_texts(self) -> str:
        """The key as a select list of texts."""
        return ", ".join(f"{quote(column.name)}::TEXT" for column in self.columns)

    def order(self, *, backwards: bool = False) -> str:
        """What stands after ORDER BY."""
        down = [self.mixed and column.descending for column in self.columns]
        return ", ".join(
            quote(column.name) + (" DESC" if descending != backwards else "")
            for column, descending in zip(self.columns, down, strict=True)
        )

    def next_key(self, after: Key | None, upto: Key | None, rows: int) -> str:
        """The last key of the next `rows` keys, and how many they are; no row where none is left.

        At most that many keys are read, whatever the table's size.
        """
        some = (
            f"SELECT {self.names} FROM {self.table} WHERE {self.condition(after, upto)}"
            f" ORDER BY {self.order()} LIMIT {int(rows)}"
        )
        first = self.columns[0]
        if len(self.columns) == 1 and first.type.startswith(_WITH_MAX) and not first.collate:
            name = quote(first.name)
            return f"SELECT max({name})::TEXT, count(*) FROM ({some}) AS b HAVING count(*) > 0"
        counted = f"SELECT {self.names}, row_number() OVER (ORDER BY {self.order()}) AS n"
        return (
            f"SELECT {self.key_texts}, n FROM ({counted} FROM ({some}) AS a) AS b"
            f" ORDER BY n DESC LIMIT 1"
        )


def _name(column: KeyColumn, alias: str | None) -> str:
    name = quote(column.name)
    return name if alias is None else f"{quote(alias)}.{name}"


def encode(key: Key | None) -> str | None:
    """A key as it is stored."""
    return None if key is None else json.dumps(key, ensure_ascii=False)


def decode(text: str | None) -> Key | None:
    """A key from how it is stored."""
    if text is None:
        return None
    found: Sequence[str] = json.loads(text)
    return tuple(found)
