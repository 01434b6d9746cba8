"""SELECT * in a view or a prepared statement."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...parser import nodes as n
from ...parser.parse import parse
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="select-star",
    cockroachdb="warning",
    postgresql="info",
    habit=True,
    summary="SELECT * in a view or prepared statement means the columns of today.",
    help="name the columns",
    problem="""
        A view keeps the columns that the table had when it was made: a column that is added later
        is not in it, one that is dropped or renamed is refused because of it. A prepared statement
        fails after any change of the columns, with `0A000 cached plan must not change result
        type`.
    """,
    solution="""
        ```sql
        CREATE VIEW active_users AS SELECT id, name, email FROM users WHERE active;
        ```
    """,
    ok=(
        Case("CREATE VIEW v AS SELECT id, name FROM users;"),
        Case("CREATE VIEW v AS SELECT count(*) AS n FROM users;"),
        Case("CREATE TABLE users_copy AS SELECT * FROM users;"),
    ),
    bad=(
        Case("CREATE VIEW v AS SELECT * FROM users;"),
        Case("CREATE MATERIALIZED VIEW v AS SELECT u.*, 1 AS one FROM users AS u;"),
        Case("PREPARE p AS SELECT * FROM users;"),
    ),
)
_PREPARE = re.compile(r"prepare\s+\S+?\s*(?:\([^)]*\))?\s+as\s+", re.IGNORECASE)


def check(context: Context) -> Iterator[Finding]:
    """A star in an outermost select list that is kept."""
    for statement, create in context.on(n.CreateObject):
        if create.query_selects_star:
            message = f"{create.name} keeps the columns that there are today."
            yield context.finding(RULE, statement, message)
    for statement, command in context.on(n.SessionCommand):
        found = _PREPARE.match(statement.sql) if command.verb == "PREPARE" else None
        if found is not None:
            query = parse(statement.sql[found.end() :])
            if isinstance(query, n.Query) and query.selects_star:
                message = "The prepared statement fails when a column is added or dropped."
                yield context.finding(RULE, statement, message)
