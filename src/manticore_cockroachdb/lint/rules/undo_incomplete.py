"""An undo part that leaves something behind."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.undo import Left, Undo
from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="undo-incomplete",
    cockroachdb="warning",
    postgresql="warning",
    habit=True,
    summary="The undo part does not take back everything that the forward part does.",
    help="undo every change, the last one first",
    problem="""
        After `rollback` the database is not what it was, though the history says so. Applying the
        migration again then fails: `relation already exists`. Looked at are tables, columns,
        indexes, constraints, views, types and the like, names, defaults, NOT NULL, types of
        columns and inserted rows; not what a DO block or a function does.
    """,
    solution="""
        ```sql
        CREATE TYPE mood AS ENUM ('happy', 'sad');
        ALTER TABLE users ADD COLUMN mood mood;

        -- @UNDO

        ALTER TABLE users DROP COLUMN mood;
        DROP TYPE mood;
        ```

        What cannot be taken back (a dropped column's data) is put back as far as possible: the
        column. `manticore verify` tries undo parts on a real server.
    """,
    ok=(
        Case("CREATE TABLE t (a INT8); CREATE INDEX i ON t (a);\n-- @UNDO\nDROP TABLE t;"),
        Case("ALTER TABLE t RENAME TO u;\n-- @UNDO\nALTER TABLE u RENAME TO t;"),
        Case(
            "ALTER TABLE t ADD COLUMN a INT8; CREATE INDEX i ON t (a);\n"
            "-- @UNDO\nALTER TABLE t DROP COLUMN a;"
        ),
        Case("INSERT INTO p (n) VALUES ('a');\n-- @UNDO\nDELETE FROM p WHERE n = 'a';"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY);\n-- @UNDO\nDO $$ BEGIN NULL; END $$;"),
    ),
    bad=(
        Case("CREATE TABLE a (b INT8); CREATE TYPE m AS ENUM ('x');\n-- @UNDO\nDROP TABLE a;"),
        Case("ALTER TABLE t ADD a INT8, ADD b INT8;\n-- @UNDO\nALTER TABLE t DROP a;"),
        Case("DROP VIEW v;\n-- @UNDO\nSELECT 1;"),
        Case("ALTER TABLE t ALTER COLUMN a SET DEFAULT 1;\n-- @UNDO\nSELECT 1;"),
        Case("INSERT INTO plans (name) VALUES ('free');\n-- @UNDO\nSELECT 1;"),
    ),
)
_DETAILS = {
    "nullability": "NULL or not",
    "default": "the default",
    "type": "the type",
    "label": "the change",
    "schema": "the change",
}
# Nobody would expect these back: a trigger may come back by a function, a role by hand.
_QUIET = ("trigger", "policy", "rule", "role", "extension")


def check(context: Context) -> Iterator[Finding]:
    """One finding, at the undo part, that lists what is left."""
    report = context.undo
    if report is None or report.opaque_down:
        return
    sure = [one for one in report.left if one.answer is Undo.NO and not _shared(context, one)]
    left = [_named(one, "") for one in sure if one.what == "made"]
    left += [_named(one, "without ") for one in sure if one.what == "gone"]
    left += [_changed(one) for one in sure if one.what in ("altered", "rows added")]
    left = [text for text in dict.fromkeys(left) if text]
    if left:
        shown = ", ".join(left[:4]) + (f" and {len(left) - 4} more" if len(left) > 4 else "")
        first = context.file.down[0] if context.file.down else None
        start = 0 if first else context.file.up_end
        yield context.finding(RULE, first, f"The undo part leaves: {shown}.", start=start)


def _shared(context: Context, one: Left) -> bool:
    """Whether it is an extension that may have been there, which nobody takes away again."""
    node = context.file.up[one.statement].node
    return isinstance(node, n.CreateObject) and node.kind == "extension" and node.if_not_exists


def _named(one: Left, before: str) -> str:
    if before and one.kind in _QUIET:
        return ""
    kind = {"materialized view": "view"}.get(one.kind, one.kind)
    return f"{before}{kind} {one.name}" if one.name else f"{before}an unnamed {kind}"


def _changed(one: Left) -> str:
    if one.what == "rows added":
        return f"rows in {one.name}"
    return f"{_DETAILS[one.aspect]} of {one.name}" if one.aspect in _DETAILS else ""
