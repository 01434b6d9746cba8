"""manticore plan"""

from __future__ import annotations

import click

from ...errors import ConfigError
from ..call import Call
from ..index import Exit
from ..options import ALLOWANCES, MIGRATIONS, OUTPUT, SETTINGS
from ..render import Result
from ..verb import verb


@verb(*(MIGRATIONS, SETTINGS, ALLOWANCES, OUTPUT))
@click.option("--to", "target", metavar="VERSION", help="The last one to apply, or to keep.")
@click.option("--rollback", is_flag=True, help="What `rollback` would do.")
@click.option(
    "--count",
    "number",
    metavar="N",
    type=click.IntRange(min=1),
    help="With --rollback: the last N.",
)
@click.option("--sql", is_flag=True, help="Print the script that a person could run by hand.")
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 3 when something would run, 4 when some of it is dangerous, 6 when it would"
    " be refused.",
)
def command(
    call: Call, target: str | None, rollback: bool, number: int | None, sql: bool, exit_code: bool
) -> Result:
    """Show what would run, in order, what it costs and what it destroys.

    Nothing is changed, and nobody waits. Sizes are those of the server's statistics; a table that
    the plan itself makes counts as empty.
    """
    if number is not None and (not rollback or target is not None):
        raise ConfigError(
            "--count is for --rollback, and excludes --to.",
            hint="`manticore plan --rollback --count 2`, or `manticore plan --to VERSION`",
        )
    return show(call, target, rollback=rollback, number=number, sql=sql, exit_code=exit_code)


def show(
    call: Call,
    target: str | None,
    *,
    rollback: bool = False,
    number: int | None = None,
    sql: bool = False,
    exit_code: bool = False,
) -> Result:
    """The plan as `plan` and `migrate --dry-run` show it."""
    from .. import foresee
    from ..targets import Versioned, known_version

    with call.migration() as migration:
        if target is not None:
            known: list[Versioned] = [*migration.load_migrations()]
            known += migration.status().applied if rollback else ()
            known_version(target, known, migration.migrations_dir)
        plan = migration.plan(target, rollback=rollback, count=number or 1)
        where, directory = migration.db.settings.display(), str(migration.migrations_dir)
    code = foresee.exit_code(plan) if exit_code else Exit.OK
    if sql:
        return foresee.as_sql(plan, where, directory, code)
    return foresee.result(plan, where, directory, call.page(), code)
