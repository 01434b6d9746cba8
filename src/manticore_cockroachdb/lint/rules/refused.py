"""Whatever else Manticore refuses to run."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.transactions import Alone, Unusable, judge
from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="refused",
    cockroachdb="error",
    postgresql="error",
    fallback=True,
    summary="`manticore migrate` would refuse this migration on the target.",
    help="change it as the message says",
    problem="""
        Before it runs anything, Manticore decides how each migration can be run so that it is
        either atomic or resumable. Where no way is safe, it refuses. Most reasons have a rule of
        their own, which says more; this one has the rest.
    """,
    solution="""
        The message names the statement, the reason and the way out. To start a history again, for
        example, drop its table by hand, not in a migration, which could not be recorded.
    """,
    ok=(Case("ALTER TABLE users ADD COLUMN age INT8;"),),
    bad=(
        Case(
            "-- @allow drop-table: start again\nDROP TABLE _migrations;", target="cockroachdb:25.4"
        ),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """What the planner says of each statement, in both parts."""
    for statement in context.file.statements:
        verdict = judge(statement.node, context.caps)
        if isinstance(verdict, Alone) and context.is_beside and context.caps.transactional_ddl:
            what = "A hook" if context.file.role == "hook" else "A repeatable file"
            message = f"{what} runs in a transaction, and {verdict.reason}."
            yield context.finding(RULE, statement, message, help="put it into a migration")
        if isinstance(verdict, Unusable):
            message = f"{verdict.reason[0].upper()}{verdict.reason[1:]}."
            yield context.finding(RULE, statement, message, help=verdict.hint)
