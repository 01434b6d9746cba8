"""DROP COLUMN."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="drop-column",
    cockroachdb="warning",
    postgresql="warning",
    summary="Dropping a column destroys its data, and breaks code that still names it.",
    help="drop it when no running code names it any more, and keep a copy of what may be needed",
    problem="""
        The values are gone, and no undo brings them back. Whatever still selects or inserts the
        column fails from that moment on: the version of the application that is running, an ORM
        that caches columns, a view. CockroachDB drops indexes with it, even those that only store
        it, and refuses when a partial index's predicate mentions it; if the job fails it may not
        be able to put the column back (cockroachdb/cockroach#46541).
    """,
    solution="""
        1. Deploy code that no longer names the column.
        2. Keep what may still be needed:
           ```sql
           CREATE TABLE users_fax AS SELECT id, fax FROM users WHERE fax IS NOT NULL;
           ```
        3. Drop it, in a migration of its own, and say that this was thought of:
           ```sql
           -- @allow drop-column: unused since release 41, copy in users_fax
           ALTER TABLE users DROP COLUMN fax;
           ```
    """,
    ok=(
        Case(
            "ALTER TABLE users ADD COLUMN fax TEXT;\n-- @UNDO\nALTER TABLE users DROP COLUMN fax;"
        ),
        Case("CREATE TABLE t (a INT8, b INT8); ALTER TABLE t DROP COLUMN b;"),
        Case("ALTER TABLE users ADD COLUMN a INT8; ALTER TABLE users DROP COLUMN a;"),
    ),
    bad=(
        Case("ALTER TABLE users DROP COLUMN fax;"),
        Case("ALTER TABLE users DROP IF EXISTS fax;"),
        Case("ALTER TABLE users DROP COLUMN fax CASCADE;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A column that an older migration made."""
    for statement, alter, action in context.actions_on_existing(n.DropColumn):
        if context.is_new_column(statement, alter.name, action.name) or context.is_moved_away(
            statement, alter.name, action.name
        ):
            continue
        also = ", and all that depends on it, unseen" if action.cascade else ""
        yield context.finding(
            RULE,
            statement,
            f"Dropping {alter.name}.{quote(action.name)} destroys its data{also}.",
            start=action.start,
        )
