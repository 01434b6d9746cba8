"""manticore rollback"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...errors import ConfigError
from .. import ask
from ..call import Call
from ..options import LEASE, MIGRATIONS, OUTPUT, SETTINGS, YES
from ..result import Result
from ..terminal.text import count
from ..verb import verb

if TYPE_CHECKING:
    from ...migration import Migration
    from ...migrations.results import HistoryRow, Status


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
    from ..arguments import known_version

    found = migration.status()
    version = None
    if target is not None:
        files = migration.load_migrations()
        version = known_version(target, [*files, *found.applied], migration.migrations_dir)
    rows = _reverted(found, None if everything else number, version)
    if not rows:
        return 0
    if len(rows) > 1 and not call.yes:
        versions = [(str(row.version), row.description) for row in rows]
        ask.permission(
            call,
            [
                f"{count(len(rows), 'migration')} will be rolled back:",
                *call.layout().listed(versions),
            ],
            "Roll them back?",
            refused="Rolling back more than one migration needs an answer.",
        )
    return (
        migration.rollback(len(rows))
        if version is None
        else migration.rollback(target_version=version)
    )


def _reverted(found: Status, number: int | None, target: int | None) -> list[HistoryRow]:
    """The rows that a rollback would revert, newest first."""
    rows = list(reversed(found.applied))
    if target is not None:
        return [row for row in rows if row.version > target]
    return rows if number is None else rows[:number]
