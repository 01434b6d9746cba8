"""Errors as they are told, and their exit codes."""

from __future__ import annotations

import io

import psycopg
import pytest

from manticore_cockroachdb import errors
from manticore_cockroachdb.cli.failure import failure, tell
from manticore_cockroachdb.cli.index import EXIT_CODES, Exit
from manticore_cockroachdb.cli.terminal.console import Console


def test_a_place_an_excerpt_and_a_hint() -> None:
    error = errors.MigrationFailed(
        "Migration 3 failed: no such column.",
        path="m/3_x.sql",
        line=3,
        column=5,
        excerpt="SELECT\tagee\x1b\n      \t^",
        hint="look",
    )
    stream = io.StringIO()
    tell(failure(error)[0], Console(stream))
    assert stream.getvalue() == (
        "error: Migration 3 failed: no such column.\n"
        "  --> m/3_x.sql:3:5\n"
        "  | SELECT\tagee�\n"
        "  |       \t^\n"
        "hint: look\n"
    )


def every_error() -> list[type[errors.ManticoreError]]:
    found, todo = [], [errors.ManticoreError]
    while todo:
        kind = todo.pop()
        found.append(kind)
        todo += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == errors.__name__]


CODES = {
    "ConfigError": Exit.USAGE,
    "UnknownVersion": Exit.USAGE,
    "PartialMigration": Exit.PERSON,
    "HistoryError": Exit.PERSON,
    "ChangedFile": Exit.PERSON,
    "MissingFile": Exit.PERSON,
    "OutOfOrder": Exit.PERSON,
    "BackfillIncomplete": Exit.PENDING,
    "NotReady": Exit.PENDING,
    "DeadlineReached": Exit.DEADLINE,
    "LeaseError": Exit.LEASE,
    "LeaseTimeout": Exit.LEASE,
    "LeaseLost": Exit.LEASE,
}


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_each_error_has_its_exit_code(kind: type[errors.ManticoreError]) -> None:
    more: dict[str, int] = {"found": 2} if kind is errors.NotOneRow else {}
    told, code = failure(kind("What happened.", **more))
    assert (told.kind, told.message) == (kind.__name__, "What happened.")
    assert code == CODES.get(kind.__name__, Exit.ERROR)
    assert code in EXIT_CODES


def test_errors_of_the_server_and_of_the_system() -> None:
    told, code = failure(psycopg.errors.InsufficientPrivilege("permission denied for table x"))
    assert told.message == "The server says: permission denied for table x (SQLSTATE 42501)"
    assert told.hint and code == Exit.ERROR
    told, _ = failure(psycopg.OperationalError("the connection is lost"))
    assert told.message == "The server says: the connection is lost"
    told, _ = failure(FileNotFoundError(2, "No such file or directory", "x"))
    assert told.message == "x: No such file or directory."


def test_a_mistake_of_ours_is_called_one() -> None:
    told, code = failure(ZeroDivisionError("division by zero"))
    assert told.message == "Unexpected: ZeroDivisionError: division by zero"
    assert "mistake in manticore" in (told.hint or "") and code == Exit.ERROR


def test_a_missing_database_is_not_answered_in_python() -> None:
    told, _ = failure(errors.NoSuchDatabase("no", hint="call create_database()"))
    assert "CREATE DATABASE" in (told.hint or "")


def test_on_a_terminal_long_lines_break_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("manticore_cockroachdb.cli.terminal.console.width", lambda stream: 40)
    stream = io.StringIO()
    console = Console(stream)
    console.error("Migration 3 cannot be applied, because its file has been changed.\n  Stayed: it")
    console.hint("short")
    assert stream.getvalue() == (
        "error: Migration 3 cannot be applied,\n"
        "       because its file has been\n"
        "       changed.\n"
        "  Stayed: it\n"
        "hint: short\n"
    )
