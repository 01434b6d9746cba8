"""manticore repair"""

from __future__ import annotations

import click

from ..call import Call
from ..options import LEASE, MIGRATIONS, OUTPUT, complete_versions
from ..result import Result
from ..terminal.text import safe
from ..verb import verb


@verb(*(MIGRATIONS, LEASE, OUTPUT))
@click.argument("version", shell_complete=complete_versions)
@click.option(
    "--applied/--not-applied",
    default=None,
    help="How a migration that stopped half way is to be recorded.",
)
def command(call: Call, version: str, applied: bool | None) -> Result:
    """Settle one migration after you have looked.

    Accepts the changed file of an applied migration as it is now, or forgets one whose file is
    gone. One that stopped half way is recorded as you say; no SQL of it is run.
    """
    with call.migration(changes=True) as migration:
        done = migration.repair(version, applied=applied)
    return Result({"done": done}, [safe(done)], quiet=True)
