"""manticore history"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ..call import Call
from ..options import DATABASE, OUTPUT
from ..result import Result, plain
from ..terminal.layout import Layout
from ..terminal.text import cut, one_line, redacted, safe, took, when
from ..verb import verb

if TYPE_CHECKING:
    from ...migrations.results import Attempt

# Columns of the history that concern a reader; the undo text and the fencing token do not.
HISTORY = (
    "version",
    "description",
    "applied_at",
    "mode",
    "duration_ms",
    "applied_by",
    "applied_from",
    "checksum",
)


@verb(*(DATABASE, OUTPUT))
@click.option("--failed", is_flag=True, help="The attempts that failed instead, newest first.")
def command(call: Call, failed: bool) -> Result:
    """List applied migrations: when, for how long, by whom, from where."""
    with call.migration() as migration:
        if failed:
            return failed_attempts(migration.attempts(), call.layout())
        return applied(migration.get_applied_migrations(), call.layout())


def applied(rows: Sequence[Mapping[str, object]], layout: Layout) -> Result:
    """What is applied: version, when, duration, by whom, from where, what."""
    data = [{name: row.get(name) for name in HISTORY} for row in rows]
    cells = [
        (
            str(row["version"]),
            when(row["applied_at"]),
            _duration(row["duration_ms"]),
            _who(row["applied_by"], row["applied_from"]),
            str(row["description"] or ""),
        )
        for row in data
    ]
    if not cells:
        return Result(data, ["Nothing is applied."])
    head = ("version", "applied at (UTC)", "took", "by", "description")
    return Result(data, layout.table(head, cells))


def failed_attempts(rows: Sequence[Attempt], layout: Layout) -> Result:
    """Failed attempts, newest first."""
    rows = [replace(row, statement=row.statement and redacted(row.statement)) for row in rows]
    data = [plain(row) for row in rows]
    if not rows:
        return Result(data, ["No attempt has failed."])
    lines: list[str] = []
    for row in rows:
        verb = "rolling back " if row.direction == "down" else ""
        head = f"{when(row.failed_at)} UTC  {verb}{row.version}"
        lines.append(layout.style(head, "bold"))
        by = _who(row.attempted_by, row.attempted_from)
        facts = [by, f"after {_duration(row.duration_ms)}" if row.duration_ms is not None else ""]
        facts += [f"SQLSTATE {row.sqlstate}" if row.sqlstate else "", row.outcome or ""]
        lines.append(f"  {safe(', '.join(one_line(f) for f in facts if f))}")
        if row.message:
            lines.append(f"  {safe(one_line(row.message))}")
        if row.statement:
            shown = [f"  | {safe(line)}" for line in row.statement.splitlines()]
            lines += shown if layout.width is None else [cut(line, layout.width) for line in shown]
    return Result(data, lines)


def _who(by: object, host: object) -> str:
    return "@".join(str(part) for part in (by, host) if part)


def _duration(milliseconds: object) -> str:
    return took(milliseconds / 1000) if isinstance(milliseconds, int | float) else ""
