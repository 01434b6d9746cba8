"""From one table's columns to another's: the statements of ALTER TABLE, in the order they need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..dialect import Engine
from . import ddl
from . import model as m
from .diff import wider
from .names import qualified, quote


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a drafted migration, without its semicolon, and what to know about it.

    ``sql`` is empty where only a person can say what to write.
    """

    sql: str
    notes: tuple[str, ...] = ()


EXPERIMENTAL = Step(
    "SET enable_experimental_alter_column_type_general = true", ("needed before CockroachDB 25.1",)
)


def alter_columns(
    old: m.Table,
    new: m.Table,
    retyped: frozenset[str],
    rebuilt: frozenset[str],
    engine: Engine,
) -> Iterator[Step]:
    """The steps from the old columns to the new ones, constraints and indexes aside.

    Computed columns go first and come last, since they hold on to the others.
    """
    head = f"ALTER TABLE {qualified(*new.key)}"
    for column in old.columns:
        if column.name in rebuilt:
            yield Step(f"{head} DROP COLUMN {quote(column.name)}", _rebuilding(column, new))
    both = [(was, c) for c in new.columns if (was := old.column(c.name)) and c.name not in rebuilt]
    for was, column in both:
        yield from _change(head, was, column, column.name in retyped, engine)
    added = [c for c in new.columns if c.name in rebuilt or old.column(c.name) is None]
    for column in sorted(added, key=lambda c: c.generated is not None):
        yield Step(f"{head} ADD COLUMN {ddl.column(column, engine)}", _adding(column, old, new))
    for column in old.columns:
        if new.column(column.name) is None:
            notes = () if column.generated else (f"destroys what {column.name} holds",)
            yield Step(f"{head} DROP COLUMN {quote(column.name)}", notes)


def _rebuilding(column: m.Column, new: m.Table) -> tuple[str, ...]:
    goal = new.column(column.name)
    if goal is not None and goal.generated is not None and column.generated is None:
        return (f"destroys what {column.name} holds: it is computed from now on",)
    return ()


def _adding(column: m.Column, old: m.Table, new: m.Table) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    given = column.default or column.generated or column.identity
    if not column.nullable and not given and old.column(column.name) is None:
        notes += ("fails while the table has rows: give it a default, or add it NULL and fill it",)
    gone = [c for c in old.columns if new.column(c.name) is None and c.type == column.type]
    come = [c for c in new.columns if old.column(c.name) is None and c.type == column.type]
    if len(gone) == len(come) == 1:
        table = qualified(*new.key)
        names = f"{quote(gone[0].name)} TO {quote(column.name)}"
        notes += (f"if this is a rename: ALTER TABLE {table} RENAME COLUMN {names}",)
    return notes


def _change(
    head: str, was: m.Column, column: m.Column, retyped: bool, engine: Engine
) -> Iterator[Step]:
    name = quote(column.name)
    here = f"{head} ALTER COLUMN {name}"
    if was.generated is not None and column.generated is None:
        word = "EXPRESSION" if engine == "postgresql" else "STORED"
        yield Step(f"{here} DROP {word}")
    if was.identity is not None and _kind(was) != _kind(column):
        yield Step(f"{here} DROP IDENTITY")
    default = was.default
    if default is not None and (retyped or column.default is None):
        yield Step(f"{here} DROP DEFAULT")
        default = None
    if was.on_update is not None and column.on_update is None:
        yield Step(f"{here} DROP ON UPDATE")
    if retyped:
        yield from _retype(here, was, column, engine)
    if column.default is not None and column.default != default:
        yield Step(f"{here} SET DEFAULT {column.default}")
    if column.on_update is not None and column.on_update != was.on_update:
        yield Step(f"{here} SET ON UPDATE {column.on_update}")
    if was.nullable and not column.nullable:
        yield Step(f"{here} SET NOT NULL", (f"fails while {name} is NULL in any row",))
    if column.identity != was.identity:
        yield from _identity(here, was, column)
    if column.nullable and not was.nullable:
        yield Step(f"{here} DROP NOT NULL")
    if was.visible != column.visible:
        yield Step(f"{here} SET {'VISIBLE' if column.visible else 'NOT VISIBLE'}")


def _kind(column: m.Column) -> bool:
    return column.identity is not None


def _retype(here: str, was: m.Column, column: m.Column, engine: Engine) -> Iterator[Step]:
    safe = wider(was.type, column.type)
    only_size = was.type.partition("(")[0] == column.type.partition("(")[0]
    if engine == "cockroachdb" and not (safe and only_size):
        yield EXPERIMENTAL
    collation = f" COLLATE {column.collation}" if column.collation else ""
    using = "" if safe or only_size else f" USING {quote(column.name)}::{column.type}"
    if _through_text(was.type, column.type):
        text = "TEXT[]" if column.type.endswith("[]") else "TEXT"
        using = f" USING {quote(column.name)}::{text}::{column.type}"
    notes = () if safe else (f"fails for values that are no {column.type}, or shortens them",)
    yield Step(f"{here} TYPE {column.type}{collation}{using}", notes)


_FAMILIES = (
    {"INT2", "INT4", "INT8", "FLOAT4", "FLOAT8", "NUMERIC", "OID", "MONEY"},
    {"DATE", "TIMESTAMP", "TIMESTAMPTZ"},
    {"TIME", "TIMETZ", "INTERVAL"},
    {"JSON", "JSONB"},
    {"BIT", "VARBIT"},
)
_TEXTS = {"TEXT", "VARCHAR", "CHAR", "BPCHAR", "NAME", "STRING"}


def _through_text(old: str, new: str) -> bool:
    """Whether types know each other only as text: what is not akin, and types of one's own."""
    one, two = (kind.partition("(")[0].removesuffix("[]") for kind in (old, new))
    if "." in one or "." in two:
        return True
    akin = one == two or any({one, two} <= family for family in _FAMILIES)
    return not (akin or one in _TEXTS or two in _TEXTS)


def _identity(here: str, was: m.Column, column: m.Column) -> Iterator[Step]:
    if column.identity is None:
        return
    kind, _, options = column.identity.partition(" (")
    more = f" ({options}" if options else ""
    if was.identity is None:
        yield Step(f"{here} ADD GENERATED {kind} AS IDENTITY{more}")
        return
    yield Step(f"{here} DROP IDENTITY")
    yield Step(f"{here} ADD GENERATED {kind} AS IDENTITY{more}", ("its numbers begin anew",))
