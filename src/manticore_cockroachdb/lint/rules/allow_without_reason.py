"""-- @allow without a reason."""

from __future__ import annotations

from collections.abc import Iterator

from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="allow-without-reason",
    cockroachdb="error",
    postgresql="error",
    summary="An allowance says why.",
    help="write -- @allow rule-name: why it is right here",
    problem="""
        Whoever reads the file later sees that a warning was silenced, but not whether somebody
        thought about it.
    """,
    solution="""
        ```sql
        -- @allow drop-column: unused since release 41, copy in users_fax
        ALTER TABLE users DROP COLUMN fax;
        ```
    """,
    ok=(Case("-- @allow drop-column: unused\nALTER TABLE users DROP COLUMN fax;"),),
    bad=(
        Case("-- @allow drop-column\nALTER TABLE users DROP COLUMN fax;"),
        Case("-- @allow drop-column:\nALTER TABLE users DROP COLUMN fax;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Each rule name without text after a colon."""
    for allow in context.file.allows:
        if allow.rule and not allow.reason:
            message = f"The allowance for {allow.rule} does not say why."
            yield context.finding(
                RULE, None, message, start=allow.start, help=f"write -- @allow {allow.rule}: why"
            )
