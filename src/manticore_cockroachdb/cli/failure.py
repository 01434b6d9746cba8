"""Errors, told: what happened, where in which file, what to do; and the exit code for each.

    error: Migration 20230102 failed: column "agee" does not exist.
      --> migrations/20230102_add_index.sql:3:31
       CREATE INDEX users_age ON users (agee);
                                        ^
    hint: …

Everything is looked up in `CODES`, by the class of the error; a subclass comes before its parent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import (
    BackfillIncomplete,
    ConfigError,
    DeadlineReached,
    HistoryError,
    LeaseError,
    ManticoreError,
    MigrationError,
    MigrationFailed,
    NoSuchDatabase,
    NotReady,
    PartialMigration,
    UnknownVersion,
)
from ..outcome import is_denied
from .index import Exit
from .terminal.console import Console
from .terminal.stream import width
from .terminal.text import pointed, printable, redacted

CODES: tuple[tuple[type[ManticoreError], int], ...] = (
    (ConfigError, Exit.USAGE),
    (UnknownVersion, Exit.USAGE),
    (PartialMigration, Exit.PERSON),
    (BackfillIncomplete, Exit.PENDING),
    (NotReady, Exit.PENDING),
    (DeadlineReached, Exit.DEADLINE),
    (HistoryError, Exit.PERSON),
    (LeaseError, Exit.LEASE),
    (ManticoreError, Exit.ERROR),
)

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is shown, and as ``--json`` gives it under ``error``."""

    kind: str
    message: str
    hint: str | None = None
    path: str | None = None
    line: int | None = None
    column: int | None = None
    version: int | None = None
    sqlstate: str | None = None
    excerpt: str | None = None
    applied: tuple[int, ...] = ()
    others: tuple[Failure, ...] = ()

    @property
    def place(self) -> str:
        """``file:line:column``, as far as known."""
        return ":".join(str(p) for p in (self.path, self.line, self.column) if p is not None)

    @property
    def placed(self) -> str:
        """The message, behind its place where it has one."""
        return f"{self.place}: {self.message}" if self.place else self.message


def failure(error: BaseException) -> tuple[Failure, int]:
    """Return what to say about an error and what to end with."""
    kind = type(error).__name__
    if isinstance(error, MigrationError):
        applied: tuple[int, ...] = ()
        if isinstance(error, MigrationFailed | PartialMigration | DeadlineReached):
            applied = error.applied
        told = Failure(
            kind,
            error.message,
            error.hint,
            error.path,
            error.line,
            error.column,
            error.version,
            error.sqlstate,
            None if error.excerpt is None else redacted(error.excerpt),
            applied,
        )
    elif isinstance(error, NoSuchDatabase):  # its own hint is for Python
        hint = (
            "make it with manticore migrate --create or CREATE DATABASE, or check the name at the"
            " end of the URL"
        )
        told = Failure(kind, error.message, hint)
    elif isinstance(error, ManticoreError):
        told = Failure(kind, error.message, error.hint)
    elif (sqlstate := getattr(error, "sqlstate", None)) or kind.endswith("OperationalError"):
        told = _of_server(error, kind, sqlstate)
    elif isinstance(error, OSError):
        what = error.strerror or str(error)
        where = f"{error.filename}: " if error.filename else ""
        told = Failure(kind, f"{where}{what}.", path=None)
    else:
        text = " ".join(str(error).split())
        told = Failure(
            kind,
            f"Unexpected: {kind}: {text}" if text else f"Unexpected: {kind}.",
            "this is a mistake in manticore; --verbose shows where, for a report",
        )
    others = error.others if isinstance(error, ManticoreError) else ()
    told = replace(told, others=tuple(failure(other)[0] for other in others))
    return told, next((code for cls, code in CODES if isinstance(error, cls)), Exit.ERROR)


def _of_server(error: BaseException, kind: str, sqlstate: str | None) -> Failure:
    diagnostic = getattr(error, "diag", None)
    message = getattr(diagnostic, "message_primary", None) or str(error)
    message = " ".join(message.split())
    hint = getattr(diagnostic, "message_hint", None)
    if is_denied(sqlstate):
        hint = hint or "grant the right to this user, or connect as another one"
    suffix = f" (SQLSTATE {sqlstate})" if sqlstate else ""
    return Failure(kind, f"The server says: {message}{suffix}", hint, sqlstate=sqlstate)


def tell(told: Failure, console: Console) -> None:
    """Say it: message, place, excerpt, hint; then whatever else was found with it."""
    _tell(told, console)
    shown = told.others if console.verbose else told.others[:SHOWN]
    for other in shown:
        _tell(other, console)
    if len(shown) < len(told.others):
        console.line(f"… and {len(told.others) - len(shown):,} more errors (--verbose shows all)")


def _tell(told: Failure, console: Console) -> None:
    console.error(told.message)
    if told.place:
        console.line(f"  {console.style('-->', 'cyan')} {_shown(told.place)}")
    if told.excerpt:
        for line in pointed(_shown(told.excerpt), width(console.stream), "  | "):
            console.line(line)
    console.hint(told.hint)


def _shown(text: str) -> str:
    return redacted(printable(text))
