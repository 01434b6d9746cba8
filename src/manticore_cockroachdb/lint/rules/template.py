"""A file that is a template of another program's."""

from __future__ import annotations

from collections.abc import Iterator

from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="template",
    cockroachdb="warning",
    postgresql="warning",
    habit=True,
    summary="The file is a template, not SQL: something else has to fill it in first.",
    help="write what it stands for, declare it with -- @variables, or lint what the program makes"
    " of it",
    problem="""
        `{{ … }}`, `{% … %}`, `${…}` and the like mean nothing to a server, and Manticore sends
        files as they are, but for variables that they declare. The rest of the file is looked at
        as if each of them stood for a name.
    """,
    solution="""
        What is Manticore's to fill in is declared, and quoted by its place
        ([variables](../variables.md)):

        ```sql
        -- @variables owner
        ALTER TABLE users OWNER TO ${owner};
        ```

        A schema that differs between environments is better a search path, which Manticore sets
        (`schema = "…"` in the configuration), so that files name tables without it:

        ```sql
        ALTER TABLE users ADD COLUMN age INT8;
        ```
    """,
    ok=(
        Case("INSERT INTO mails (body) VALUES ('Dear {{ name }}');"),
        Case("SELECT '{{1,2},{3,4}}'::INT8[];"),
    ),
    bad=(
        Case("ALTER TABLE {{ .Schema }}.users ADD COLUMN age INT8;"),
        Case('ALTER TABLE "{{ index .Options "Namespace" }}".users ADD COLUMN age INT8;'),
        Case("CREATE TABLE ${prefix}users (id UUID PRIMARY KEY);"),
    ),
)


def check(context: Context) -> Iterator[Finding]:
    """Its first place in the file."""
    if context.file.template is not None:
        start, end = context.file.template
        what = " ".join(context.file.text[start:end].split())
        message = f"This is a template, not SQL: nothing says what {what} stands for."
        yield context.finding(RULE, None, message, start=start)
