"""A file or directory of another migration tool's."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import ForeignFile
from ...migrations import foreign
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import base_name

RULE = Rule(
    name="foreign-file",
    cockroachdb="error",
    postgresql="error",
    summary="The file is another migration tool's.",
    help="convert it",
    problem="""
        To manticore another tool's marker is a mere comment. The way back below
        `-- migrate:down` or `-- +goose Down` would run as a part of the way forward, and drop what
        that has just made. Every command refuses such a file, and names like `1_x.down.sql` or
        `V1__x.sql`, and directories with other traces of a tool, such as `atlas.sum`.
    """,
    solution="""
        Put the way back below a line `-- @UNDO` in place of the marker.

        ```sql
        CREATE TABLE users (id UUID PRIMARY KEY);

        -- @UNDO

        DROP TABLE users;
        ```

        A marker inside a string or a dollar-quoted body is no marker. A file that is manticore's in
        spite of its looks, or that manticore has applied already, says so; its checksum stays
        the same.

        ```sql
        -- @allow foreign-file: applied with manticore, which took the marker for a comment
        -- migrate:up
        CREATE TABLE users (id UUID PRIMARY KEY);
        ```
    """,
    ok=(
        Case("CREATE TABLE t (id UUID PRIMARY KEY);\n-- @UNDO\n-- migrate:down\nDROP TABLE t;"),
        Case("SELECT $$\n-- migrate:down\n$$;\n-- @UNDO\nSELECT 1;"),
        Case("-- @allow foreign-file: applied long ago\n-- migrate:up\nSELECT 1;"),
    ),
    bad=(
        Case("-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;"),
        Case("-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;"),
        Case("SELECT 1;\n---- create above / drop below ----\nSELECT 2;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """What gave the file away; what is allowed, too, so that the allowance is not stale."""
    file, error = context.file, context.file.error
    if error is None:
        undo = file.up_end if file.undo_start is not None else None
        name = base_name(file.path)
        if foreign.is_suspicious(name, file.text):
            trace = foreign.in_file(name, file.text, undo)
            if trace is not None:
                message = foreign.message(trace)
                yield context.finding(RULE, None, message, start=trace.start)
    elif isinstance(error, ForeignFile):
        start = context.error_start
        yield context.finding(RULE, None, error.message, start=start, help=error.hint)
