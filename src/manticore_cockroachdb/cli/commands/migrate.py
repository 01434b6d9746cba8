"""manticore migrate"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..call import Call
from ..options import (
    ALLOWANCES,
    DEADLINE,
    FLEET,
    LEASE,
    MIGRATIONS,
    OUTPUT,
    REPORTS,
    ROLLOUT,
    SETTINGS,
    VARIABLES,
    complete_versions,
)
from ..result import Result
from ..verb import verb

if TYPE_CHECKING:
    from ...runner.deadline import When


@verb(
    *(MIGRATIONS, SETTINGS, VARIABLES, LEASE, DEADLINE, ALLOWANCES, FLEET, ROLLOUT, REPORTS, OUTPUT)
)
@click.option(
    "--to",
    "target",
    metavar="VERSION",
    shell_complete=complete_versions,
    help="The last one to apply.",
)
@click.option(
    "--fresh",
    is_flag=True,
    help="Group migrations into fewer transactions: much faster on CockroachDB when a database"
    " is built from nothing.",
)
@click.option(
    "--finish-backfills",
    is_flag=True,
    help="Work off in place what runs in the background otherwise: -- @background.",
)
@click.option(
    "--create",
    is_flag=True,
    help="Make the database, or a fleet's schema, first where it is missing.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would run: `manticore plan`.")
@click.option(
    "--dump",
    "dump_to",
    metavar="FILE",
    type=click.Path(),
    help="Keep this file the dump of the schema: `manticore dump -o FILE` afterwards.",
)
def command(
    call: Call,
    target: str | None,
    deadline: When | None,
    fresh: bool,
    finish_backfills: bool,
    dry_run: bool,
    dump_to: str | None,
) -> Result:
    """Apply pending migrations in order, each exactly once.

    When nothing is pending, nothing is done and nobody waits. Several runners at once take turns.
    Run it again after whatever stopped it: it goes on where it was.
    """
    if call.fleet.fleet is not None:
        from .. import fleets

        if dry_run:
            from .plan import show

            return show(call, target)
        fleets.refuse(dump=dump_to)
        return fleets.migrate(
            call, target, fresh=fresh, finish_backfills=finish_backfills, deadline=deadline
        )
    if dry_run:
        from .plan import show

        return show(call, target)
    from ...migrations.directory import nothing_in

    with call.migration(progress=True, changes=True) as migration:
        if target is not None:
            from ..arguments import known_version

            known_version(target, migration.load_migrations(), migration.migrations_dir)
        number = migration.migrate(
            target, fresh=fresh, finish_backfills=finish_backfills, deadline=deadline
        )
        if dump_to is not None:
            from pathlib import Path

            from .dump import write

            write(migration.dump(), Path(dump_to))
        done = bool(number or (call.began and call.progress.repeatable))
        nothing = None if done else nothing_in(migration.migrations_dir)
    if not done:
        up_to = "" if target is None else f" up to {target}"
        line = nothing or f"Nothing to do: everything{up_to} is applied."
        return Result({"applied": []}, [line], quiet=True)
    return Result(call.progress.data(), [f"{call.progress.summary()}."], quiet=True)
