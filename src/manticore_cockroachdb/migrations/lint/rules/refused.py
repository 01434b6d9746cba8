"""Whatever else Manticore refuses to run."""

from __future__ import annotations

from collections.abc import Iterator

from ....errors import Refused
from ...split import line_column
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
        The message names the statement, the reason and the way out. On a CockroachDB before 25.1,
        for example, which has no DO blocks, write plain SQL:

        ```sql
        DELETE FROM sessions WHERE expires_at < now();
        ```
    """,
    ok=(Case("ALTER TABLE users ADD COLUMN age INT8;"),),
    bad=(
        Case(
            "-- @allow unsupported-on-cockroachdb: tried on purpose\n"
            "DO $$ BEGIN RAISE NOTICE 'hello'; END $$;",
            target="cockroachdb:24.3",
        ),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """What the planner says of both parts."""
    for down in (False, True):
        refused = context.planned(down=down)
        if isinstance(refused, Refused):
            part = context.file.down if down else context.file.up
            place = (refused.line, refused.column)
            culprit = next(
                (s for s in part if line_column(context.file.text, s.start) == place), part[0]
            )
            yield context.finding(RULE, culprit, refused.message, help=refused.hint)
