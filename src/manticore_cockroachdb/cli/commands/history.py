"""manticore history"""

from __future__ import annotations

import click

from .. import present
from ..call import Call
from ..options import DATABASE, OUTPUT
from ..render import Result
from ..verb import verb


@verb(*(DATABASE, OUTPUT))
@click.option("--failed", is_flag=True, help="The attempts that failed instead, newest first.")
def command(call: Call, failed: bool) -> Result:
    """List applied migrations: when, for how long, by whom, from where."""
    with call.migration() as migration:
        if failed:
            return present.attempts(migration.attempts(), call.page())
        return present.history(migration.get_applied_migrations(), call.page())
