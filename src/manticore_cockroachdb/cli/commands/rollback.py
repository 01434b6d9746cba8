"""manticore rollback"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...errors import ConfigError
from .. import ask
from ..call import Call
from ..options import LEASE, MIGRATIONS, OUTPUT, SETTINGS, YES
from ..render import Result, count
from ..verb import verb

if TYPE_CHECKING:
    from ...migration import Migration


@verb(*(MIGRATIONS, SETTINGS, LEASE, YES, OUTPUT))
@click.option("--count", "number", metavar="N", type=click.IntRange(min=1), help="The last N.")
@click.option("--to", "target", metavar="VERSION", help="All that are newer than this one.")
@click.option("--all", "everything", is_flag=True, help="All of them.")
def command(call: Call, number: int | None, target: str | None, everything: bool) -> Result:
    """Revert applied migrations, newest first; the last one unless told otherwise.

    More than one is shown and asked for first. When one of them has no undo part, none is
    touched.
    """
    if (number is not None) + (target is not None) + everything > 1:
        raise ConfigError(
            "--count, --to and --all exclude each other.", hint="name how far to go back once"
        )
    with call.migration(progress=True) as migration:
        if number in (None, 1) and target is None and not everything:
            done = migration.rollback()
        else:
            done = _several(call, migration, number, target, everything)
    if not done:
        return Result({"rolled_back": []}, ["Nothing to do: nothing is applied."], quiet=True)
    return Result(call.progress.data(), [f"{call.progress.summary()}."], quiet=True)


def _several(
    call: Call, migration: Migration, number: int | None, target: str | None, everything: bool
) -> int:
    from ..present import applied_rows, versions
    from ..targets import known_version

    found = migration.status()
    version = None
    if target is not None:
        files = migration.load_migrations()
        version = known_version(target, [*files, *found.applied], migration.migrations_dir)
    rows = applied_rows(found, None if everything else number, version)
    if not rows:
        return 0
    if len(rows) > 1 and not call.yes:
        ask.permission(
            call,
            [f"{count(len(rows), 'migration')} will be rolled back:", *versions(rows, call.page())],
            "Roll them back?",
            refused="Rolling back more than one migration needs an answer.",
        )
    return (
        migration.rollback(len(rows))
        if version is None
        else migration.rollback(target_version=version)
    )
