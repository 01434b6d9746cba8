"""The functions of Python migrations, and what is said when one fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

from ..errors import FileError, ManticoreError, MigrationFailed, raise_all
from ..interpreter.module import Function, function_of, line_in, one_line
from ..migrations.program import DOWN, UP, compiled
from ..migrations.script import MigrationPlan
from ..outcome import Verdict, verdict_of

__all__ = ["failed", "functions_of", "line_in", "shown", "stopped_by"]


def functions_of(plans: Iterable[MigrationPlan]) -> dict[int, Function]:
    """What runs for each plan, by version. Raises FileError, with all that is wrong with any."""
    found: dict[int, Function] = {}
    errors: list[FileError] = []
    for plan in plans:
        script = plan.script
        path = script.path or ""
        name = UP if script.direction == "up" else DOWN
        try:
            code = compiled(script.text, path, script.version)
            found[script.version] = function_of(code, path, name, script.version)
        except FileError as error:
            errors.append(error)
    raise_all(errors)
    return found


def stopped_by(error: BaseException, *, connected: bool) -> psycopg.Error | None:
    """The error of our connection that a migration's function ended with, even if it made another
    of it where the whole may be tried again; None where it is the function's own.

    ``connected``: the connection is there still. Then an error without a SQLSTATE is none of its.
    """
    if isinstance(error, psycopg.Error) and (error.sqlstate is not None or not connected):
        return error
    seen: BaseException = error
    for _ in range(20):
        before = seen.__cause__ or seen.__context__
        if before is None:
            return None
        seen = before
        if isinstance(seen, psycopg.Error):
            if seen.sqlstate is None and not connected:
                return seen
            if seen.sqlstate is not None and verdict_of(seen.sqlstate) is Verdict.RETRY:
                return seen
    return None


def failed(plan: MigrationPlan, error: BaseException) -> MigrationFailed:
    """The error for a function that raised one of its own."""
    script = plan.script
    what = f"{type(error).__name__}: {one_line(error)}"
    hint = None
    if isinstance(error, ManticoreError):
        what, hint = error.message, error.hint
    begun = f"Rolling back {script.title}" if script.direction == "down" else script.title
    line = line_in(error, script.path or "")
    return MigrationFailed(
        f"{begun[0].upper()}{begun[1:]} failed: {what}",
        version=script.number,
        path=script.path,
        line=line,
        excerpt=shown(script.text, line),
        hint=hint,
    )


def shown(text: str, line: int | None) -> str | None:
    """A line of a program, as an excerpt."""
    lines: list[Any] = text.splitlines()
    return None if line is None or line > len(lines) else f"{lines[line - 1].strip()}\n^"
