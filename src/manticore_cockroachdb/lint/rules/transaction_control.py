"""BEGIN, COMMIT and ROLLBACK in a migration."""

from __future__ import annotations

from collections.abc import Iterator

from ...parser import nodes as n
from ..context import Context
from ..model import Case, Edit, Finding, Fix, Rule
from ..read import Statement

RULE = Rule(
    name="transaction-control",
    cockroachdb="error",
    postgresql="error",
    habit=True,
    summary="A migration does not begin or end transactions: Manticore does.",
    help="remove it; -- @transaction off runs one statement at a time",
    problem="""
        A migration already runs in a transaction, together with its row in the history, where the
        server can do that. A COMMIT inside would end it half way: what comes after would no longer
        be undone by a failure, and the history could disagree with the database. Manticore refuses
        to run such a file.
    """,
    solution="""
        Leave them out. If the statements must not share a transaction, say so:

        ```sql
        -- @transaction off
        ALTER TABLE orders ADD CONSTRAINT positive CHECK (total >= 0) NOT VALID;
        ALTER TABLE orders VALIDATE CONSTRAINT positive;
        ```
    """,
    ok=(
        Case("ALTER TABLE users ADD COLUMN age INT8;"),
        Case("-- @transaction off\nALTER TABLE users ADD COLUMN age INT8;"),
    ),
    bad=(
        Case("BEGIN; ALTER TABLE users ADD COLUMN age INT8; COMMIT;"),
        Case("START TRANSACTION;\nINSERT INTO plans (name) VALUES ('free');\nEND;"),
        Case("UPDATE users SET a = 1 WHERE b = 2;\nROLLBACK;"),
        Case("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nDELETE FROM t WHERE a = 1;"),
    ),
)
_SAVEPOINTS = ("SAVEPOINT", "RELEASE", "ROLLBACK TO")
_PLAIN = ("BEGIN", "COMMIT")


def check(context: Context) -> Iterator[Finding]:
    """Each of these statements, in both parts; `savepoint` has savepoints."""
    for statement, node in context.on(n.TransactionControl, undo=True):
        if node.verb not in _SAVEPOINTS:
            message = f"{node.verb} in a migration would end or change its transaction half way."
            fix = None
            if node.verb in _PLAIN and len(context.file.up) > 2:
                fix = Fix(f"remove {node.verb}", (_without(context.file.text, statement),))
            yield context.finding(RULE, statement, message, fix=fix)


def _without(text: str, statement: Statement) -> Edit:
    """The statement, its `;`, and its line if nothing else is on it."""
    start, end = statement.start, statement.end
    while end < len(text) and text[end] in " \t":
        end += 1
    if text[end : end + 1] == ";":
        end += 1
    line = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    stop = len(text) if stop < 0 else stop + 1
    if not text[line:start].strip() and not text[end:stop].strip():
        return Edit(line, stop, "")
    while end < len(text) and text[end] == " ":
        end += 1
    return Edit(start, end, "")
