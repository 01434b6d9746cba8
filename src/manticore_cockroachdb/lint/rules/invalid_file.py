"""A file that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import ForeignFile
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="invalid-file",
    cockroachdb="error",
    postgresql="error",
    summary="The file cannot be read as a migration.",
    help="mend the file",
    problem="""
        A string, comment or quote that does not end; an unknown directive (`-- @undoo`); two
        `-- @UNDO` lines; an empty forward part; text that is not UTF-8; a version that another
        file has. `manticore migrate` refuses the whole directory because of it.
    """,
    solution="""
        The message says what and where. Known directives are

        ```sql
        -- @transaction off
        -- @environments development, testing
        -- @allow drop-table: unused since release 41
        DROP TABLE faxes;

        -- @UNDO

        CREATE TABLE faxes (id UUID PRIMARY KEY);
        ```
    """,
    ok=(Case("SELECT 1;\n-- @UNDO\nSELECT 2;"), Case("-- note: @undo is a marker\nSELECT 1;")),
    bad=(
        Case("SELECT 'never ends;"),
        Case("-- @undoo\nSELECT 1;"),
        Case("-- nothing here\n"),
        Case("SELECT 1;\n-- @UNDO\n-- @UNDO\n"),
        Case("SELECT 'a\0b';"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """What was wrong when the file was read, or with its version."""
    error = context.file.error
    if error is not None and not isinstance(error, ForeignFile):
        start = context.error_start
        yield context.finding(RULE, None, error.message, start=start, help=error.hint)
    if context.twin is not None:
        yield context.finding(
            RULE,
            None,
            f"{context.twin} has the same version, {context.file.version}.",
            help="give one of them a new version",
        )
