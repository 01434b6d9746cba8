"""COPY that needs a client."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="copy-from-stdin",
    cockroachdb="error",
    postgresql="error",
    summary="COPY … FROM STDIN needs a client that sends the rows.",
    help="write INSERT … VALUES, or load the data from the application",
    problem="""
        The rows of `COPY … FROM STDIN` come from the client, after the statement; a dump has them
        in the lines below. A migration is sent as SQL, so there is nobody to send them, or to take
        those of `COPY … TO`. Manticore refuses the file.
    """,
    solution="""
        ```sql
        INSERT INTO countries (code, name) VALUES
            ('is', 'Iceland'),
            ('mt', 'Malta');
        ```

        `pg_dump --inserts` writes a dump like that.
    """,
    ok=(Case("INSERT INTO countries (code, name) VALUES ('is', 'Iceland');"),),
    bad=(
        Case("COPY countries (code, name) FROM STDIN;"),
        Case("COPY countries TO STDOUT;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """COPY from or to the client, in both parts."""
    for statement, dml in context.on(n.Dml, undo=True):
        if dml.verb == "COPY" and (dml.from_stdin or dml.to):
            message = (
                f"COPY {'TO' if dml.to else '… FROM STDIN'} needs a client that moves the rows."
            )
            yield context.finding(RULE, statement, message)
