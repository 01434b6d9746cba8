"""What ALTER TABLE does to one column."""

from __future__ import annotations

from .cursor import Cursor
from .nodes import (
    Action,
    AlterColumnType,
    DropDefault,
    DropExpression,
    DropNotNull,
    OtherAction,
    SetDefault,
    SetNotNull,
)
from .types import data_type

# After ALTER COLUMN name, the first words of what is known and kept as text.
_OTHER = frozenset(
    (
        ("add", "generated"),
        ("drop", "identity"),
        ("drop", "on"),
        ("options", "("),
        ("reset", "("),
        ("restart", ""),
        ("restart", "with"),
        ("set", "("),
        ("set", "compression"),
        ("set", "expression"),
        ("set", "generated"),
        ("set", "increment"),
        ("set", "maxvalue"),
        ("set", "minvalue"),
        ("set", "cache"),
        ("set", "cycle"),
        ("set", "no"),
        ("set", "not"),
        ("set", "on"),
        ("set", "restart"),
        ("set", "start"),
        ("set", "statistics"),
        ("set", "storage"),
        ("set", "visible"),
    )
)


def alter_column(c: Cursor, start: int) -> Action:
    """After ALTER of an action."""
    c.accept("column")
    if c.key.isdigit():
        column = c.key  # a key of an index, by its number
        c.i += 1
    else:
        column = c.name()
    first = c.i
    if c.accept("type") or c.accept("set", "data", "type"):
        return _type(c, column, start)
    if c.accept("set", "default"):
        return SetDefault(column=column, expression=c.expression(), start=start)
    if c.accept("drop", "default"):
        return DropDefault(column=column, start=start)
    if c.accept("set", "not", "null"):
        return SetNotNull(column=column, start=start)
    if c.accept("drop", "not", "null"):
        return DropNotNull(column=column, start=start)
    if c.accept("drop", "stored"):
        return DropExpression(column=column, start=start)
    if c.accept("drop", "expression"):
        return DropExpression(column=column, if_exists=c.if_exists(), start=start)
    if (c.key, c.keys[c.i + 1]) not in _OTHER:
        c.fail()
    c.skip_to_comma()
    return OtherAction(text=c.shout(first, c.i), column=column, start=start)


def _type(c: Cursor, column: str, start: int) -> AlterColumnType:
    name = data_type(c)
    collation = str(c.qname()) if c.accept("collate") else None
    using = c.expression() if c.accept("using") else None
    return AlterColumnType(column=column, type=name, collation=collation, using=using, start=start)
