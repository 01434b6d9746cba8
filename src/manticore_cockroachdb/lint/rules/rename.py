"""RENAME of a table or column, and SET SCHEMA."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ...parser.quoting import quote
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="rename",
    cockroachdb="warning",
    postgresql="warning",
    habit=True,
    summary="Renaming breaks, at once, whatever uses the old name.",
    help="add the new name beside the old one, move the code over, then drop the old one",
    problem="""
        The application that is running knows the old name. Between the migration and the last
        restart its queries fail, however they are ordered. CockroachDB refuses when a view depends
        on the table, the job cannot be cancelled, and prepared `SELECT *` fail with 0A000.
    """,
    solution="""
        For a table, leave a view under the old name until no code uses it:

        ```sql
        -- @allow rename: the view keeps the old name alive
        ALTER TABLE users RENAME TO accounts;
        CREATE VIEW users AS SELECT id, name, email FROM accounts;
        ```

        For a column, add the new one, write both, fill it in batches, read the new one, and drop
        the old one last.
    """,
    ok=(
        Case("CREATE TABLE a (id UUID PRIMARY KEY); ALTER TABLE a RENAME TO b;"),
        Case("ALTER TABLE users ADD COLUMN a INT8; ALTER TABLE users RENAME COLUMN a TO b;"),
        Case("ALTER TABLE users RENAME CONSTRAINT a TO b;"),
        Case("ALTER INDEX users@a RENAME TO b;"),
    ),
    bad=(
        Case("ALTER TABLE users RENAME TO accounts;"),
        Case("ALTER TABLE users RENAME COLUMN name TO full_name;"),
        Case("ALTER TABLE users SET SCHEMA people;"),
        Case("ALTER VIEW active_users RENAME TO current_users;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """A new name for what code may know by its old one."""
    for statement, alter in context.on(n.AlterTable):
        if alter.object == "index" or not context.existing(statement, alter.name):
            continue
        for action in alter.actions:
            match action:
                case n.RenameTo(new=new):
                    told = f"Whatever uses {alter.name} breaks when it becomes {new}."
                case n.RenameColumn(old=old, new=name):
                    if context.is_new_column(statement, alter.name, old):
                        continue
                    told = f"Whatever uses {alter.name}.{quote(old)} breaks when it becomes {name}."
                case n.SetSchema(schema=schema):
                    told = f"Whatever uses {alter.name} breaks when it moves to {schema}."
                case _:
                    continue
            yield context.finding(RULE, statement, told, start=action.start)
