"""Every error this package raises, in one tree.

    ManticoreError                    message says what happened, ``hint`` what to do
    ├── ConfigError                   an option, setting, URL or file of settings is wrong
    ├── QueryError                    a call's arguments make no statement (a ValueError too)
    ├── NotOneRow                     a query for one row found none, or more; says how many
    ├── TransactionError              a call is not where it could belong to a transaction
    ├── ConnectionFailed              no server reached, or it refused us
    │   └── NoSuchDatabase            the server answered; the database is not there
    ├── LocalServerError              the embedded server could not start, stop or be found
    ├── SchemaError                   a dump, diff, drift or docs request cannot be met
    └── MigrationError                carries version, path, line, column, sqlstate
        ├── FileError                 a migration file or directory cannot be used
        │   └── ForeignFile           it is another migration tool's
        ├── PlanError                 what was asked cannot be planned
        │   ├── UnknownVersion        a target that no migration has
        │   ├── NoUndo                a migration to roll back has no undo part
        │   └── Refused               no safe way to run it on this server
        ├── HistoryError              files and history disagree
        │   ├── ChangedFile           an applied file is no longer what was applied
        │   ├── MissingFile           an applied migration has no file
        │   └── OutOfOrder            a pending version is lower than an applied one
        ├── MigrationFailed           a statement failed; nothing of its migration remains
        ├── PartialMigration          a migration stopped half way; says what stayed
        ├── BackfillIncomplete        a backfill that has to be complete is not
        ├── NotReady                  the schema is not yet what was waited for
        ├── DeadlineReached           stopped in good order, because its time was up
        └── LeaseError                the right to migrate
            ├── LeaseTimeout          another runner holds it for longer than we wait
            └── LeaseLost             we held it and no longer do; nothing more was run

Errors of the server that come from the caller's own SQL (``db.execute`` and the like) are
psycopg's, untouched. A migration's failure carries psycopg's error as ``__cause__``.
Messages and hints never contain a password: see `manticore_cockroachdb.config`.
"""

from __future__ import annotations

from collections.abc import Sequence


class ManticoreError(Exception):
    """The root. ``str(error)`` is one sentence; ``hint`` says how to go on.

    ``others`` are further errors that were found with it, as when several files cannot be read.
    """

    others: tuple[ManticoreError, ...] = ()

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"
        return "\n".join([text, *map(str, self.others)])


def raise_all(found: Sequence[ManticoreError]) -> None:
    """Raise the first of these errors, if there is one, with the rest as its ``others``."""
    if found:
        found[0].others = tuple(found[1:])
        raise found[0]


class ConfigError(ManticoreError):
    """An option, a setting or a URL is wrong."""


class QueryError(ManticoreError, ValueError):
    """The arguments of ``select``, ``insert`` and the like make no statement; nothing was sent."""


class NotOneRow(ManticoreError):
    """A query that one row was asked of found ``found`` of them."""

    def __init__(self, message: str, *, found: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.found = found


class TransactionError(ManticoreError):
    """A call outside of the transaction that it seems to be in; it was not sent."""


class ConnectionFailed(ManticoreError):
    """No server was reached, or it refused us. ``__cause__`` is psycopg's error."""


class NoSuchDatabase(ConnectionFailed):
    """The server was reached and has no database of that name."""


class LocalServerError(ManticoreError):
    """The embedded server could not be found, started or stopped."""


class SchemaError(ManticoreError):
    """A dump, diff, drift or docs request cannot be met."""


class MigrationError(ManticoreError):
    """Something about one migration, or about all of them.

    ``version`` is the migration's number, ``path`` its file, ``line`` and ``column`` count
    from 1, ``sqlstate`` is the server's five characters; each is None where unknown.
    ``excerpt`` is the offending line with a caret under the column, ready to print.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        version: int | None = None,
        path: str | None = None,
        line: int | None = None,
        column: int | None = None,
        sqlstate: str | None = None,
        excerpt: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.version = version
        self.path = path
        self.line = line
        self.column = column
        self.sqlstate = sqlstate
        self.excerpt = excerpt

    def __str__(self) -> str:
        where = ":".join(str(p) for p in (self.path, self.line, self.column) if p is not None)
        text = f"{where}: {self.message}" if where else self.message
        if self.excerpt is not None:
            text += f"\n{self.excerpt}"
        text = text if self.hint is None else f"{text}\nhint: {self.hint}"
        return "\n".join([text, *map(str, self.others)])


class FileError(MigrationError):
    """A migration file or directory cannot be used as it is."""


class ForeignFile(FileError):
    """A file or directory is another migration tool's; nothing was run.

    ``tools`` are the names of those that it may be, as ``manticore import`` takes them.
    """

    tools: tuple[str, ...] = ()


class PlanError(MigrationError):
    """What was asked for cannot be planned; nothing was run."""


class UnknownVersion(PlanError):
    """A target version that neither the directory nor the history has."""


class NoUndo(PlanError):
    """A migration to be rolled back has no undo part; nothing was touched."""


class Refused(PlanError):
    """No order or transaction makes this migration safe here; nothing was run."""


class HistoryError(MigrationError):
    """The files and the history disagree; nothing was run."""


class ChangedFile(HistoryError):
    """The file of an applied migration no longer means what was applied."""


class MissingFile(HistoryError):
    """An applied migration has no file in the directory."""


class OutOfOrder(HistoryError):
    """A pending migration's version is lower than the newest applied one."""


class MigrationFailed(MigrationError):
    """A statement failed and nothing of its migration remains.

    ``applied`` holds the versions that this run had finished before.
    """

    applied: tuple[int, ...] = ()


class PartialMigration(MigrationError):
    """A migration stopped half way, and its exact state is in the journal.

    ``applied`` holds the versions that this run had finished before.
    """

    applied: tuple[int, ...] = ()


class BackfillIncomplete(MigrationError):
    """Something needs a backfill to be complete, and it is not; nothing was run for it."""


class NotReady(MigrationError):
    """The time to wait was over before the database had what the files need."""


class DeadlineReached(MigrationError):
    """A run stopped in good order because its time was up; running again goes on.

    ``applied`` holds the versions that this run had finished before.
    """

    applied: tuple[int, ...] = ()


class LeaseError(MigrationError):
    """The right to migrate could not be had or kept."""


class LeaseTimeout(LeaseError):
    """Another runner held the lease for longer than we were told to wait."""


class LeaseLost(LeaseError):
    """The lease went to another runner; we stopped before our next statement."""
