"""A name that does not say what the migration does."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="vague-name",
    cockroachdb="info",
    postgresql="info",
    habit=True,
    versioned=True,
    summary="The name should say what the migration changes.",
    help="name what changes: create_users_table, add_age_to_users",
    problem="""
        The history, error messages and reviews show the name and nothing else. `update_schema`
        could be any of them.
    """,
    solution="""
        ```sh
        manticore new "add age to users"
        ```
    """,
    ok=(
        Case("SELECT 1;", name="20250102000000_create_users_table.sql"),
        Case("SELECT 1;", name="1_initial_schema.sql"),
        Case("SELECT 1;", name="20250102000000_add_test_data.sql"),
        Case("SELECT 1;", name="fix.sql"),
    ),
    bad=(
        Case("SELECT 1;", name="20250102000000_update_schema.sql"),
        Case("SELECT 1;", name="20250102000000_fix.sql"),
        Case("SELECT 1;", name="20250102000000.sql"),
        Case("SELECT 1;", name="12_more_changes_2.sql"),
    ),
)
_SAY_NOTHING = """
    a add alter and apply change changes create database db do drop edit final fix fixes foo
    improve migrate migration migrations misc modify more my new old other patch quick schema
    script some sql step stuff table tables temp the things tmp to tweak tweaks untitled up update
    updates various version wip work
"""
_KNOWN = frozenset(_SAY_NOTHING.split())
_WORD = re.compile(r"[^\W\d_]{2,}")


def check(context: Context) -> Iterator[Finding]:
    """A migration whose description has no word that tells."""
    description = context.file.description
    if description is None:
        return
    words = {word.lower() for word in _WORD.findall(description)}
    if words <= _KNOWN:
        told = f"The name {description!r} does not say" if description else "No name says"
        yield context.finding(RULE, None, f"{told} what the migration changes.")
