"""manticore wait"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import click

from ..call import Call
from ..durations import duration
from ..options import ALLOWANCES, MIGRATIONS, OUTPUT, VARIABLES, complete_versions
from ..result import Result
from ..terminal.text import count
from ..verb import verb

if TYPE_CHECKING:
    from ...migrations.readiness import Readiness


@verb(*(MIGRATIONS, VARIABLES, ALLOWANCES, OUTPUT))
@click.option(
    "--timeout",
    metavar="DURATION",
    callback=duration,
    help="How long to wait, such as 90s or 10m; 0 looks once.  [default: 5m]",
)
@click.option(
    "--interval",
    metavar="DURATION",
    callback=duration,
    help="How long between two looks.  [default: 2s]",
)
@click.option(
    "--requires",
    multiple=True,
    metavar="VERSION",
    shell_complete=complete_versions,
    help="The program needs the rows of this backfill too; may be repeated.",
)
@click.option(
    "--require-complete",
    is_flag=True,
    help="Every backfill, and every repeatable file as it is here.",
)
def command(
    call: Call,
    timeout: float | None,
    interval: float | None,
    requires: tuple[str, ...],
    require_complete: bool,
) -> Result:
    """Wait until the database has at least what this directory's migrations make.

    For an init container: exits 0 when all are applied and the backfills that -- @requires names
    are complete; a newer database will do. Waits for a server that is not up yet, too. Exits with
    3 when it has waited long enough, with 6 at once when files and history disagree. It changes
    nothing.
    """
    from ...migration import DEFAULT_WAIT
    from ...migrations.directory import nothing_in

    began = monotonic()
    with call.migration(progress=True) as migration:
        if (nothing := nothing_in(migration.migrations_dir)) is not None:
            call.console.warn(nothing, "is this the right --dir?")
        found = migration.wait(
            timeout=DEFAULT_WAIT if timeout is None else timeout,
            interval=2.0 if interval is None else interval,
            requires=requires,
            complete=require_complete,
        )
    data = {"ready": True, "waited": round(monotonic() - began, 3), "newer": found.newer}
    return Result(data, [_said(found)], quiet=True)


def _said(found: Readiness) -> str:
    if not found.newer:
        return "Ready."
    more = count(len(found.newer), "migration")
    return f"Ready: the database is newer, by {more} up to {found.newer[-1]}."
