"""The text of a migration that leads from one catalog to another, for a person to review.

What it says about itself stands in plain comments: "Review" where a statement may fail or takes
data away, "By hand" where none could be written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import SchemaError
from ..parser.lex import tokens
from . import model as m
from .alter import alter
from .alter_table import Step
from .rename import Rename

_HEAD = "-- Review: {what} was written by comparing two schemas; read it before it runs."
_APART = """\
-- A new label of an enum cannot be used in the transaction that adds it.
-- @transaction off"""


@dataclass(frozen=True, slots=True)
class Draft:
    """Both parts of a migration. ``notes`` is how many remarks stand in them for review."""

    up: str
    down: str
    notes: int


def draft(before: m.Schema, after: m.Schema, renames: Sequence[Rename] = ()) -> Draft:
    """A migration that makes ``after`` of ``before``, and its undo.

    ``renames`` run first, and ``before`` is what they leave. Raises SchemaError when there is no
    difference, or when the engines are not the same.
    """
    up = (*(Step(one.sql) for one in renames), *alter(before, after))
    down = (*alter(after, before), *(Step(one.back) for one in reversed(renames)))
    if not any(step.sql for step in up):
        raise SchemaError(
            "There is no difference to write a migration for.",
            hint="the schemas are equal, or differ in what only a person can change: see"
            " manticore diff",
        )
    apart = before.engine == "postgresql" and (uses_new_labels(up) or uses_new_labels(down))
    return Draft(
        _text(up, "this migration", apart),
        _text(down, "this undo", False),
        sum(len(step.notes) for step in (*up, *down)),
    )


def _text(steps: Sequence[Step], what: str, apart: bool) -> str:
    parts = [_HEAD.format(what=what)]
    parts += [_APART] if apart else []
    for step in steps:
        word = "Review" if step.sql else "By hand"
        lines = [f"-- {word}: {_one_line(note)}" for note in step.notes]
        lines += [f"{step.sql};"] if step.sql else []
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def uses_new_labels(steps: Iterable[Step]) -> bool:
    """Whether a statement uses a label that another one adds to an enum."""
    added: set[str] = set()
    used: set[str] = set()
    for step in steps:
        strings = [t.value for t in tokens(step.sql) if t.kind == "string"]
        if " ADD VALUE " in step.sql and step.sql.startswith("ALTER TYPE "):
            added.add(strings[0])
        else:
            used.update(strings)
    return bool(added & used)
