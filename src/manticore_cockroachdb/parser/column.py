"""A column's definition, in CREATE TABLE and in ALTER TABLE … ADD COLUMN.

A qualifier is read by a function looked up by its first word; a word that none of them knows
ends the definition, and the caller then finds no comma or parenthesis where one should be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .constraint import references
from .cursor import Cursor
from .index import hash_buckets
from .nodes import Column
from .types import data_type
from .words import CLOSES, COLUMN_QUALIFIERS

# What is read so far of a column, by field.
Draft = dict[str, Any]


def column_definition(c: Cursor) -> Column:
    """A name, a type (except where one is inherited or comes from a query) and qualifiers."""
    draft: Draft = {"start": c.start, "name": c.name(), "type": ""}
    keys = c.keys
    key = keys[c.i]
    if key == "with" and c.accept("with", "options"):
        pass
    elif key not in (",", ")", "") and key not in COLUMN_QUALIFIERS:
        draft["type"] = data_type(c)
    while (qualifier := _QUALIFIERS.get(keys[c.i])) is not None:
        c.i += 1
        qualifier(c, draft)
    return Column(**draft)


def _not(c: Cursor, draft: Draft) -> None:
    if c.accept("null"):
        draft["not_null"] = True
        if c.key == "no":
            c.accept("no", "inherit")
    elif c.accept("visible"):
        draft["not_visible"] = True
    elif not c.accept_any(("deferrable", "valid", "enforced")):
        c.fail()


def _null(c: Cursor, draft: Draft) -> None:
    draft["null"] = True


def _constraint(c: Cursor, draft: Draft) -> None:
    c.name()
    if c.key not in COLUMN_QUALIFIERS:
        c.fail()


def _primary(c: Cursor, draft: Draft) -> None:
    c.expect("key")
    draft["primary_key"] = True
    if c.key in CLOSES:
        return
    if c.accept("using", "hash"):
        draft["using_hash"] = True
        hash_buckets(c)
    _index_parameters(c)


def _unique(c: Cursor, draft: Draft) -> None:
    draft["unique"] = True
    if c.accept("nulls"):
        c.accept("not")
        c.expect("distinct")
    draft["without_index"] = c.accept("without", "index")
    _index_parameters(c)


def _index_parameters(c: Cursor) -> None:
    if c.accept("with"):
        c.options()
    if c.accept("using", "index", "tablespace"):
        c.name()


def _check(c: Cursor, draft: Draft) -> None:
    expression = c.group()
    draft["check"] = f"({draft['check']}) AND ({expression})" if "check" in draft else expression
    c.accept("no", "inherit")


def _default(c: Cursor, draft: Draft) -> None:
    draft["default"] = c.expression(COLUMN_QUALIFIERS)


def _on(c: Cursor, draft: Draft) -> None:
    c.expect("update")
    draft["on_update"] = c.expression(COLUMN_QUALIFIERS)


def _generated(c: Cursor, draft: Draft) -> None:
    always = c.accept("always")
    if not always:
        c.expect("by", "default")
    c.expect("as")
    if c.accept("identity"):
        draft["identity"] = "always" if always else "by default"
        if c.key == "(":
            c.skip_group()
    elif always:
        _computed(c, draft)
    else:
        c.fail()


def _as(c: Cursor, draft: Draft) -> None:
    if c.key != "(":
        c.fail()
    _computed(c, draft)


def _computed(c: Cursor, draft: Draft) -> None:
    draft["generated_as"] = c.group()
    draft["generated"] = c.accept_any(("stored", "virtual")) or "virtual"


def _references(c: Cursor, draft: Draft) -> None:
    found: Draft = {}
    references(c, found)
    draft["references"] = found["references"]
    draft["on_delete"] = found.get("on_delete")


def _collate(c: Cursor, draft: Draft) -> None:
    draft["collation"] = str(c.qname())


def _create(c: Cursor, draft: Draft) -> None:
    c.if_not_exists()
    c.expect("family")
    if c.at_name():
        draft["family"] = c.name()


def _family(c: Cursor, draft: Draft) -> None:
    draft["family"] = c.name()


def _skip_name(c: Cursor, draft: Draft) -> None:
    c.label()


def _options(c: Cursor, draft: Draft) -> None:
    """Those of a foreign table's column."""
    c.skip_group()


def _nothing(c: Cursor, draft: Draft) -> None:
    """DEFERRABLE and ENFORCED: true of a constraint that has been read."""


def _initially(c: Cursor, draft: Draft) -> None:
    if not c.accept_any(("deferred", "immediate")):
        c.fail()


_QUALIFIERS: dict[str, Callable[[Cursor, Draft], None]] = {
    "not": _not,
    "null": _null,
    "constraint": _constraint,
    "primary": _primary,
    "unique": _unique,
    "check": _check,
    "default": _default,
    "on": _on,
    "generated": _generated,
    "as": _as,
    "references": _references,
    "collate": _collate,
    "create": _create,
    "family": _family,
    "storage": _skip_name,
    "compression": _skip_name,
    "deferrable": _nothing,
    "enforced": _nothing,
    "initially": _initially,
    "options": _options,
}
