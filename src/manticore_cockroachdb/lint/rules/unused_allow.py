"""-- @allow that silences nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ..context import Context
from ..model import Case, Edit, Finding, Fix, Rule
from ..read import Allow

RULE = Rule(
    name="unused-allow",
    cockroachdb="warning",
    postgresql="warning",
    summary="An allowance no longer silences anything.",
    help="remove it",
    problem="""
        The statement changed, or the rule did. A stale allowance would silence the next finding
        that comes along. One whose rule does not look here (for another server, or turned off) is
        not reported.
    """,
    solution="""
        Remove the line. An allowance before the first statement is for the whole file, any other
        for the statement that it stands before.
    """,
    ok=(
        Case("-- @allow drop-column: unused\nALTER TABLE users DROP COLUMN fax;"),
        Case("-- @allow drop-column: unused\nSELECT 1; ALTER TABLE users DROP COLUMN fax;"),
        Case("-- @allow create-index-blocks: small\nSELECT 1;", target="cockroachdb:25.4"),
    ),
    bad=(
        Case("-- @allow drop-column: unused\nALTER TABLE users ADD COLUMN fax TEXT;"),
        Case("ALTER TABLE users DROP COLUMN fax;\n-- @allow drop-column: too late\nSELECT 1;"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """What the engine found to cover nothing."""
    for allow in context.unused:
        message = f"Nothing here needs the allowance for {allow.rule}."
        fix = (
            Fix("remove the line", (_line(context.file.text, allow),))
            if _alone(context, allow)
            else None
        )
        yield context.finding(RULE, None, message, start=allow.start, fix=fix)


def _alone(context: Context, allow: Allow) -> bool:
    """Whether nothing on the line is needed."""
    same = [other for other in context.file.allows if other.start == allow.start]
    return all(other in context.unused for other in same)


def _line(text: str, allow: Allow) -> Edit:
    start = text.rfind("\n", 0, allow.start) + 1
    end = text.find("\n", allow.end)
    return Edit(start, len(text) if end < 0 else end + 1, "")
