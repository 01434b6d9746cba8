"""What is said of a statement that CockroachDB's parser stops at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from manticore_cockroachdb.dialect import Server, capabilities
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.migrations.plan import plan_script
from manticore_cockroachdb.migrations.script import script_of
from manticore_cockroachdb.runner.failures import Stopped, failure_of
from manticore_cockroachdb.runner.messages import Message

OLD = Server("cockroachdb", (20, 2))


class SyntaxError_(Exception):
    """A server's complaint, as psycopg shows it."""

    def __init__(self, sql: str, at: int, message: str = "syntax error") -> None:
        super().__init__(message)
        caret = " " * at + "^"
        self.sqlstate = "42601"
        self.diag = SimpleNamespace(
            sqlstate="42601",
            message_primary=message,
            message_detail=f"source SQL:\n{sql}\n{caret}",
            message_hint="try \\h CREATE INDEX",
            statement_position=None,
            constraint_name=None,
            table_name=None,
            column_name=None,
        )


def hint(sql: str, at: str, server: Server = OLD, message: str = "syntax error") -> str | None:
    """The hint for a statement in which the parser stopped at a word; "" is its end."""
    file = parse_file("1_x.sql", sql + ";\n", "1_x.sql")
    plan = plan_script(script_of(file), capabilities(server))
    error: Any = SyntaxError_(sql, sql.index(at) if at else len(sql), message)
    stopped = Stopped(error, Message(sql, 0, 0, 1, 0), 0)
    return failure_of(plan, stopped, done=0, finished=(), server=server).hint


@pytest.mark.parametrize(
    ("sql", "at", "said"),
    [
        ("CREATE INDEX i ON t (b) NOT VISIBLE", "NOT", "not visible came with v22.2"),
        ("CREATE INDEX i ON t USING GIN (c gin_trgm_ops)", "gin", "trigram indexes came"),
        ("CREATE INDEX i ON t (b) USING HASH", "", "BUCKET_COUNT"),
        ("CREATE INDEX i ON t (b) WIBBLE wobble", "WIBBLE", "nothing from WIBBLE wobble on"),
        ("ALTER TABLE t ADD COLUMN d INT8 NOT VISIBLE", "VISIBLE", "nothing from VISIBLE on"),
        ("CREATE INDEX i ON", "", "expects more after i ON"),
    ],
)
def test_the_part_that_the_server_does_not_know_is_shown(sql, at, said):
    found = hint(sql, at) or ""
    assert said in found
    assert "CockroachDB 20.2" in found
    assert "\\h" not in found


def test_what_a_server_has_named_itself_is_not_explained_again():
    assert hint("CREATE INDEX i ON t (lower(c))", ")", message="unimplemented: this syntax") is None


def test_only_cockroachdb_is_spoken_of():
    assert hint("SELECT FROM FROM", "FROM", Server("postgresql", (17, 0))) is None
