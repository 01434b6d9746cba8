"""Commands of psql."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="psql-command",
    cockroachdb="error",
    postgresql="error",
    habit=True,
    summary="A line that begins with a backslash is for psql; a server does not know it.",
    help="remove it, or put the SQL that it stands for into the file",
    problem="""
        `\\connect`, `\\i`, `\\set`, `\\copy` are carried out by the psql program before anything
        is sent. Manticore sends SQL, and refuses the file.
    """,
    solution="""
        For `\\i other.sql` put the contents into the migration. For `\\copy` write INSERT, or load
        the data from the application. `\\c other` is not possible: a migration belongs to one
        database.
    """,
    ok=(Case("INSERT INTO t (a) VALUES ('\\connect');"), Case("SELECT 1; -- \\i other.sql")),
    bad=(
        Case("\\connect other\nCREATE TABLE t (id UUID PRIMARY KEY);"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY);\n\\i other.sql\n"),
        Case("\\set ON_ERROR_STOP on"),
    ),
)
_COMMAND = re.compile(r"^[ \t]*\\([A-Za-z!?]\w*)", re.MULTILINE)


def check(context: Context) -> Iterator[Finding]:
    """Lines that begin with a backslash, where they are not part of a string."""
    for statement, _ in context.on(n.Unparsed, undo=True):
        for found in _COMMAND.finditer(statement.sql):
            message = f"\\{found[1]} is a command of psql, not SQL."
            yield context.finding(RULE, statement, message, start=found.start(1) - 1)
