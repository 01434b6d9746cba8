"""What a user is told when a migration's statement fails: the error, its place, what to do.

Pure apart from reading psycopg's errors; the executor decides what a failure *means*
(`outcome`) and then asks here how to say it.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import psycopg

from ..errors import ConnectionFailed, MigrationError, MigrationFailed, PartialMigration
from ..migrations.script import MigrationPlan
from ..parser.secrets import without_secrets
from ..parser.split import excerpt, line_column
from .messages import Message, place

LONGEST_STATEMENT = 2000


class Stopped(Exception):
    """A message that did not go through; caught in this package and never seen outside."""

    def __init__(
        self, error: psycopg.Error | ConnectionFailed, message: Message | None, done: int
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.message = message
        self.done = done
        self.begun = False  # a statement that runs alone was sent, and its end is not journalled
        # The script's statements in the transaction that stopped.
        self.span: tuple[int, int] = (0, 0)
        self.sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None

    @property
    def ours(self) -> int | None:
        """Which of our own statements after the script's failed: 0 is the fence, 1 the record."""
        message = self.message
        own = -1 if message is None else self.done - message.before - message.statements
        return own if own >= 0 else None


def failure_of(
    plan: MigrationPlan, stopped: Stopped, *, done: int, finished: tuple[int, ...]
) -> MigrationError:
    """The error for a statement that failed, with its place in the file.

    `done` steps of the migration are recorded; `finished` are the versions of this run.
    """
    script = plan.script
    diagnostic: Any = getattr(stopped.error, "diag", None)
    offset = _offset(plan, stopped, diagnostic)
    line, column = line_column(script.text, offset) if offset is not None else (None, None)
    what = "Rolling back migration" if script.direction == "down" else "Migration"
    text = f"{what} {plan.version} failed: {sentence(stopped.error)}"
    if done:
        text += f" ({done} of {len(plan.steps)} steps are done and recorded.)"
    if stopped.begun:
        text += " The last statement was sent; the next run finds out what became of it."
    kind = PartialMigration if done or stopped.begun else MigrationFailed
    failure = kind(
        text,
        version=plan.version,
        path=script.path,
        line=line,
        column=column,
        sqlstate=stopped.sqlstate,
        excerpt=without_secrets(excerpt(script.text, offset)) if offset is not None else None,
        hint=_hint(diagnostic, partial=bool(done), begun=stopped.begun),
    )
    failure.applied = finished
    return failure


def _offset(plan: MigrationPlan, stopped: Stopped, diagnostic: Any) -> int | None:
    if stopped.message is None or diagnostic is None:
        return None
    position = diagnostic.statement_position
    return place(
        plan.script.text,
        plan.script.spans,
        stopped.message,
        done=stopped.done,
        position=int(position) if position else None,
        detail=diagnostic.message_detail,
    )


def unknown(plan: MigrationPlan, stopped: Stopped) -> ConnectionFailed:
    """The error when the server is gone for good, and with it the answer: it claims nothing."""
    what = "rolled back" if plan.script.direction == "down" else "applied"
    return ConnectionFailed(
        f"The connection was lost while migration {plan.version} was being {what}, and could"
        f" not be had again: {sentence(stopped.error)}",
        hint="run again when the server is back; what had become of it is recorded there",
    )


def statement_of(plan: MigrationPlan, failure: MigrationError) -> str | None:
    """The statement that a failure points at, as it may be kept: no passwords, not too long."""
    if failure.line is None or failure.column is None:
        return None
    text, spans = plan.script.text, plan.script.spans
    place = (failure.line, failure.column)
    # Halving: each look counts lines from the beginning, and there may be a million statements.
    found = bisect_left(spans, place, key=lambda span: line_column(text, span[1]))
    if found == len(spans):
        return None
    start, end = spans[found]
    return without_secrets(text[start:end])[:LONGEST_STATEMENT]


def sentence(error: BaseException) -> str:
    """The server's own words, on one line, or the client's when the server said nothing."""
    diagnostic: Any = getattr(error, "diag", None)
    text = getattr(diagnostic, "message_primary", None) or str(error)
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else text + "."


def repair_hint(version: int) -> str:
    """How a person settles a migration that nobody else can."""
    return (
        f"look at the database, then `manticore repair {version} --applied` or"
        f" `manticore repair {version} --not-applied`"
    )


def _hint(diagnostic: Any, *, partial: bool, begun: bool) -> str | None:
    hints = []
    for field in ("message_detail", "message_hint"):
        text = getattr(diagnostic, field, None)
        # CockroachDB puts the stack of an internal error here.
        if text and "source SQL:" not in text and "stack trace" not in text:
            hints.append(" ".join(text.split()))
    if begun:
        hints.append("run again when the cause is mended")
    elif partial:
        hints.append("correct the statement and run again: it goes on where it stopped")
    return "; ".join(hints) or None
