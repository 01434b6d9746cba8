"""Strong locks without a limit on waiting for them, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Finding, Rule
from ..read import Statement

RULE = Rule(
    name="lock-timeout",
    postgresql="info",
    habit=True,
    summary="A change that waits for a lock makes every later query wait too.",
    help="begin with SET LOCAL lock_timeout = '5s'",
    problem="""
        ALTER TABLE needs an ACCESS EXCLUSIVE lock. While one long query runs it waits, and all
        new queries on the table queue behind it: an outage from a change that takes a millisecond.
        With a limit it fails quickly instead, leaves nothing behind, and can be tried again.
    """,
    solution="""
        ```sql
        SET LOCAL lock_timeout = '5s';
        ALTER TABLE users ADD COLUMN age INTEGER;
        ```

        Or for all migrations, in the configuration:

        ```toml
        [tool.manticore.settings]
        lock_timeout = "5s"
        ```
    """,
    ok=(
        Case("SET LOCAL lock_timeout = '5s'; ALTER TABLE users ADD COLUMN age INTEGER;"),
        Case("CREATE TABLE t (id UUID PRIMARY KEY); ALTER TABLE t ADD COLUMN a INTEGER;"),
        Case("CREATE INDEX CONCURRENTLY i ON users (age);"),
    ),
    bad=(
        Case("ALTER TABLE users ADD COLUMN age INTEGER;"),
        Case("DROP TABLE users;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """The first statement that locks a table in use, if no limit is set before it."""
    for statement in context.file.up:
        node = statement.node
        if isinstance(node, n.SetVar) and node.name == "lock_timeout":
            return
        for table in _locked(context, statement):
            message = f"Waiting for the lock on {table} makes every query on it wait."
            yield context.finding(RULE, statement, message)
            return


def _locked(context: Context, statement: Statement) -> list[n.QName]:
    names: tuple[n.QName, ...] = ()
    match statement.node:
        case n.AlterTable(object="table", name=name, actions=actions):
            if not all(isinstance(action, n.ValidateConstraint) for action in actions):
                names = (name,)
        case n.Truncate(names=truncated):
            names = truncated
        case n.Drop(kind="table", names=dropped):
            names = dropped
        case _:
            pass
    return [name for name in names if context.existing(statement, name)]
