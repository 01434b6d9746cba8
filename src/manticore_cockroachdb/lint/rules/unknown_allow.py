"""-- @allow of a rule that there is not."""

from __future__ import annotations

from collections.abc import Iterator

from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="unknown-allow",
    cockroachdb="error",
    postgresql="error",
    summary="An allowance names a rule that does not exist.",
    help="manticore lint --rules lists them",
    problem="""
        It silences nothing, and looks as if it did.
    """,
    solution="""
        ```sql
        -- @allow drop-column: unused since release 41
        ALTER TABLE users DROP COLUMN fax;
        ```
    """,
    ok=(Case("-- @allow drop-column: unused\nALTER TABLE users DROP COLUMN fax;"),),
    bad=(
        Case("-- @allow drop-colum: unused\nALTER TABLE users DROP COLUMN fax;"),
        Case("-- @allow : because\nSELECT 1;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Each unknown name, with the nearest that there is."""
    from ..index import NAMES, suggestion

    for allow in context.file.allows:
        if allow.rule not in NAMES:
            named = f"There is no rule {allow.rule!r}." if allow.rule else "No rule is named."
            help = suggestion(allow.rule) if allow.rule else "write -- @allow rule-name: why"
            yield context.finding(RULE, None, named, start=allow.start, help=help)
