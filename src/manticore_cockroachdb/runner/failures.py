"""What a user is told when a migration's statement fails: the error, its place, what to do.

Pure apart from reading psycopg's errors; the executor decides what a failure *means*
(`outcome`) and then asks here how to say it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import psycopg

from ..dialect import Server
from ..errors import ConnectionFailed, MigrationError, MigrationFailed, PartialMigration
from ..migrations.script import MigrationPlan
from ..outcome import Verdict, is_syntax_error, verdict_of
from ..parser.quoting import quote, reserved_at
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
    def verdict(self) -> Verdict:
        """What the failure means."""
        return verdict_of(self.sqlstate, str(self.error))

    @property
    def lost(self) -> bool:
        """Whether the connection itself was lost."""
        return self.sqlstate is None

    @property
    def ours(self) -> int | None:
        """Which of our own statements after the script's failed: 0 is the fence, 1 the record."""
        message = self.message
        own = -1 if message is None else self.done - message.before - message.statements
        return own if own >= 0 else None


def failure_of(
    plan: MigrationPlan,
    stopped: Stopped,
    *,
    done: int,
    finished: tuple[int, ...],
    server: Server,
) -> MigrationError:
    """The error for a statement that failed on `server`, with its place in the file.

    `done` steps of the migration are recorded; `finished` are the versions of this run.
    """
    script = plan.script
    diagnostic: Any = getattr(stopped.error, "diag", None)
    offset = _offset(plan, stopped, diagnostic)
    path, source, place = script.path, script.text, offset
    if offset is not None:
        path, source, place = script.place(offset)
    line, column = line_column(source, place) if place is not None else (None, None)
    shown = without_secrets(excerpt(source, place)) if place is not None else None
    if script.is_program:
        from . import programs

        line = programs.line_in(stopped.error, script.path or "")
        shown = programs.shown(script.text, line)
    what = f"{script.title[0].upper()}{script.title[1:]}"
    if script.direction == "down":
        what = f"Rolling back {script.title}"
    text = f"{what} failed: {sentence(stopped.error)}"
    if done:
        text += f" ({done} of {len(plan.steps)} steps are done and recorded.)"
    if stopped.begun:
        text += " The last statement was sent; the next run finds out what became of it."
    kind = PartialMigration if done or stopped.begun else MigrationFailed
    failure = kind(
        text,
        version=script.number,
        path=path,
        line=line,
        column=column,
        sqlstate=stopped.sqlstate,
        excerpt=shown,
        hint=_hint(
            diagnostic,
            _not_understood(script.text, script.spans, offset, server, diagnostic),
            plan,
            partial=bool(done),
            begun=stopped.begun,
        ),
    )
    failure.applied = finished
    return failure


def _offset(plan: MigrationPlan, stopped: Stopped, diagnostic: Any) -> int | None:
    if stopped.message is None or diagnostic is None:
        return None
    position = diagnostic.statement_position
    text, spans = plan.script.text, plan.script.spans
    offset = place(
        text,
        spans,
        stopped.message,
        done=stopped.done,
        position=int(position) if position else None,
        detail=diagnostic.message_detail,
    )
    if position or offset is None:
        return offset
    # Only the statement is known: better the name in it that the error is about.
    end = next((end for start, end in spans if start == offset), offset)
    for name in (diagnostic.constraint_name, diagnostic.column_name):
        found = name and re.compile(rf'(?<![\w"])"?{re.escape(name)}\b').search(text, offset, end)
        if found:
            return int(found.start())
    return offset


def unknown(plan: MigrationPlan, stopped: Stopped) -> ConnectionFailed:
    """The error when the server is gone for good, and with it the answer: it claims nothing."""
    what = "rolled back" if plan.script.direction == "down" else "applied"
    return ConnectionFailed(
        f"The connection was lost while {plan.script.title} was being {what}, and could"
        f" not be had again: {sentence(stopped.error)}",
        hint="run again when the server is back; what had become of it is recorded there",
    )


def statement_of(plan: MigrationPlan, failure: MigrationError) -> str | None:
    """The statement that a failure points at, as it may be kept: no passwords, not too long."""
    if failure.line is None or failure.column is None:
        return None
    script, spans = plan.script, plan.script.spans
    place = (failure.line, failure.column)
    for one in plan.script.origins:
        if one.path is not None and one.path == failure.path:
            first, last = (line_column(*one.place(at)) for at in (0, len(one.sql)))
            if first <= place <= last:
                return without_secrets(one.shown)[:LONGEST_STATEMENT]
    if plan.script.origins:
        return None
    # Halving: each look counts lines from the beginning, and there may be a million statements.
    found = bisect_left(spans, place, key=lambda span: line_column(*script.place(span[1])[1:]))
    if found == len(spans):
        return None
    return without_secrets(script.shown(*spans[found]))[:LONGEST_STATEMENT]


def sentence(error: BaseException) -> str:
    """The server's own words, on one line, or the client's when the server said nothing."""
    diagnostic: Any = getattr(error, "diag", None)
    text = getattr(diagnostic, "message_primary", None) or str(error)
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else text + "."


def repair_hint(version: int) -> str:
    """How a person settles a migration that nobody else can."""
    if version < 0:
        return "look at the database, then run again: what makes these objects runs anew"
    return (
        f"look at the database, then `manticore repair {version} --applied` or"
        f" `manticore repair {version} --not-applied`"
    )


_WORD = re.compile(r"\s*(\w+|'[^']*'|\"[^\"]*\"|\S)")
_HELP = "try \\h "  # what CockroachDB's own shell understands, and nobody else
# What later versions of CockroachDB understand, where v20.2 stops: how the rest of the statement
# begins or what is before it ends, and what it is. Sources: release notes v22.1.0 (hash-sharded
# indexes without a number of buckets) and v22.2.0 (trigram indexes, indexes that are not visible).
_LATER = (
    (r"gin_trgm_ops\b", r"", "trigram indexes came with v22.2"),
    (r"(?:not\s+)?visible\b", r"\bindex\b", "indexes that are not visible came with v22.2"),
    (r"", r"\busing\s+hash\s*\Z", "write USING HASH WITH BUCKET_COUNT = 8 before v22.1"),
)


def _not_understood(
    text: str,
    spans: Sequence[tuple[int, int]],
    offset: int | None,
    server: Server,
    diagnostic: Any,
) -> str | None:
    """What of a statement the server does not know, where its parser stopped at `offset`: a name
    that is a reserved word; on CockroachDB more."""
    if offset is None or not is_syntax_error(diagnostic.sqlstate):
        return None
    if (word := reserved_at(text, offset)) is not None:
        return (
            f"{word} is a reserved word: choose another name, or write it in double quotes"
            f" wherever it is used, {quote(word.lower())}"
        )
    if server.engine != "cockroachdb":
        return None
    if "unimplemented" in (diagnostic.message_primary or ""):
        return None  # it says itself what that is, with a link
    start, end = next(((a, b) for a, b in spans if a <= offset <= b), (offset, offset))
    before, rest = text[start:offset], text[offset:end]
    for follows, precedes, what in _LATER:
        if re.match(follows, rest, re.IGNORECASE) and re.search(precedes, before, re.IGNORECASE):
            return f"{server} does not know this: {what}"
    words = [found[1] for found, _ in zip(_WORD.finditer(rest), range(3), strict=False)]
    if not words:
        words = [found[1] for found in _WORD.finditer(before)][-2:]
        return f"{server} expects more after {' '.join(words)}"
    return (
        f"{server} understands nothing from {' '.join(words)} on: it is misspelt, or this version"
        " does not have it"
    )


def _hint(
    diagnostic: Any, unknown: str | None, plan: MigrationPlan, *, partial: bool, begun: bool
) -> str | None:
    hints = [] if unknown is None else [unknown]
    for field in ("message_detail", "message_hint"):
        text = getattr(diagnostic, field, None)
        # CockroachDB puts the stack of an internal error here.
        if text and not any(ours in text for ours in ("source SQL:", "stack trace", _HELP)):
            hints.append(" ".join(text.split()).rstrip("."))
    if plan.version < 0:
        if (partial or begun) and plan.version == -1:
            hints.append(
                "what was dropped stays away until it goes through: correct the file and run again"
            )
    elif begun:
        hints.append("run again when the cause is mended")
    elif partial:
        hints.append("correct the statement and run again: it goes on where it stopped")
    return "; ".join(hints) or None
