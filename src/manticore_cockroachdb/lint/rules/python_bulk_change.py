"""A Python migration that changes a whole table, or goes through one row by row."""

from __future__ import annotations

from collections.abc import Iterator

from ..context import Context
from ..model import Case, Finding, Rule, ServerFacts
from ..programs import bulk_changes
from .unbatched_change import ROWS

RULE = Rule(
    name="python-bulk-change",
    cockroachdb="warning",
    postgresql="warning",
    scales=True,
    summary="A Python migration should not change all rows of a table.",
    help="change them batch by batch: in SQL -- @backfill TABLE, in a program db.backfill(…)",
    problem="""
        A Python migration is one transaction, and for each row that it fetches and writes back it
        waits for the server twice. Over many rows it holds locks for long, runs into conflicts with
        the application (40001 on CockroachDB, and then all of it is done again), and what was done
        is lost when it fails. Reported, outside of `undo`, for a change of a whole table, for one
        in a loop, and for `executemany`, as far as the statements are written out; not for a table
        that the server of `--url` has few rows in.
    """,
    solution="""
        What SQL can say is a backfill, which runs batch by batch, each row exactly once, and goes
        on where it was (docs/backfill.md):

        ```sql
        -- @backfill users
        UPDATE users SET digest = md5(name) WHERE :batch;
        ```

        What only a program can say is one too, in a program of its own that may be run at any time:

        ```python
        for batch in db.backfill("digests", "users"):
            with batch as connection:
                for user in batch.rows:
                    connection.update("users", {"digest": digest(user)}, {"id": user["id"]})
        ```

        For a table that stays small, `# @allow python-bulk-change: reason` at the file's head.
    """,
    ok=(
        Case(
            "def migrate(connection):\n"
            "    connection.insert('plans', {'name': 'free'})\n"
            "    connection.execute('UPDATE plans SET price = 0 WHERE name = %s', ('free',))\n",
            name="20250102000000_plans.py",
        ),
        Case(
            "def migrate(connection):\n"
            "    for plan in connection.select('plans'):\n"
            "        connection.update('plans', {'x': 1}, {'id': plan['id']})\n",
            name="20250102000000_plans.py",
            facts=ServerFacts(tables={"plans": 12}),
        ),
    ),
    bad=(
        Case(
            "def migrate(connection):\n"
            "    for user in connection.select('users'):\n"
            "        connection.update('users', {'digest': f(user)}, {'id': user['id']})\n",
            name="20250102000000_digests.py",
        ),
        Case(
            "async def migrate(connection):\n"
            "    await connection.execute('UPDATE users SET digest = md5(name)')\n",
            name="20250102000000_digests.py",
        ),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Calls that change many rows, as far as that can be seen."""
    if context.file.is_program:
        for table, how, start in bulk_changes(context.file.text):
            rows = context.facts.tables.get(table) if context.facts else None
            if rows is None or rows > ROWS:
                yield context.finding(RULE, None, f"{how}, in one transaction.", start=start)
