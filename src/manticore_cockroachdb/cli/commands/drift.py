"""manticore drift"""

from __future__ import annotations

import click

from ..call import Call
from ..index import Exit
from ..options import MIGRATIONS, OUTPUT, SETTINGS, VARIABLES
from ..result import Result, plain
from ..terminal.text import count
from ..verb import verb


@verb(*(MIGRATIONS, SETTINGS, VARIABLES, OUTPUT))
@click.option(
    "--ignore",
    metavar="PATTERN",
    multiple=True,
    help="What to leave out, such as audit.* or public.users.legacy_*; may be repeated.",
)
def command(call: Call, ignore: tuple[str, ...]) -> Result:
    """Compare the database with what its applied migrations make.

    They are replayed on a scratch database of the same server, which is dropped again; nothing
    else is touched. What the database has more or otherwise is shown with +, what it lacks
    with -. Exits with 5 when there is a difference.
    """
    from ...schema.changes import as_json, as_text, summary

    with call.migration() as migration:
        drift = migration.drift(ignore=ignore)
    for note in drift.notes:
        call.console.warn(note)
    data = {
        "differs": drift.differs,
        "changes": as_json(drift.changes),
        "versions": plain(drift.versions),
        "notes": plain(drift.notes),
    }
    replayed = count(len(drift.versions), "migration")
    if not drift.differs:
        makes = "makes" if len(drift.versions) == 1 else "make"
        return Result(data, [f"No drift: the database is what {replayed} {makes}."], quiet=True)
    lines = [*call.layout().changes(as_text(drift.changes)), ""]
    lines.append(f"{summary(drift.changes)}, against {replayed}")
    return Result(data, lines, Exit.FINDINGS)
