"""manticore baseline"""

from __future__ import annotations

import click

from ..call import Call
from ..options import LEASE, MIGRATIONS, OUTPUT, complete_versions
from ..result import Result
from ..terminal.text import count
from ..verb import verb


@verb(*(MIGRATIONS, LEASE, OUTPUT))
@click.argument("version", shell_complete=complete_versions)
def command(call: Call, version: str) -> Result:
    """Record every migration up to VERSION as applied, without running it.

    For a database whose tables were made by other means.
    """
    with call.migration(changes=True) as migration:
        number = migration.baseline(version)
    line = f"{count(number, 'migration')} recorded as applied."
    return Result({"recorded": number}, [line], quiet=True)
