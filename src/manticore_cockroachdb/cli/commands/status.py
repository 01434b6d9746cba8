"""manticore status"""

from __future__ import annotations

import click

from .. import present
from ..call import Call
from ..options import ALLOWANCES, MIGRATIONS, OUTPUT, SETTINGS
from ..render import Result
from ..verb import verb


@verb(*(MIGRATIONS, SETTINGS, ALLOWANCES, OUTPUT))
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 3 when something is pending, 6 when somebody has to look.",
)
def command(call: Call, exit_code: bool) -> Result:
    """Show what is applied, what is pending and how it would run, and what is wrong.

    Changes nothing, and waits for nobody.
    """
    with call.migration() as migration:
        found = migration.status()
        where = migration.db.settings.display()
    directory = str(migration.migrations_dir)
    return present.status(found, where, directory, call.page(), exit_code=exit_code)
