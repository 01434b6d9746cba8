"""manticore squash"""

from __future__ import annotations

import click

from ..arguments import engine_of
from ..call import Call
from ..options import MIGRATIONS, OUTPUT, SETTINGS, VARIABLES, complete_versions
from ..result import Result, plain
from ..terminal.text import count, safe
from ..verb import verb


@verb(*(MIGRATIONS, SETTINGS, VARIABLES, OUTPUT))
@click.option(
    "--to",
    "target",
    metavar="VERSION",
    required=True,
    shell_complete=complete_versions,
    help="The last migration that goes into the file, whose version it keeps.",
)
@click.option("--undo", is_flag=True, help="Write an undo part that takes back everything.")
@click.option("--dry-run", is_flag=True, help="Prove it, print the file, and write nothing.")
@click.option(
    "--on",
    type=click.Choice(["postgresql", "cockroachdb"]),
    help="Prove it on a throwaway server of this engine; none is connected to.",
)
def command(call: Call, target: str, undo: bool, dry_run: bool, on: str | None) -> Result:
    """Put one file in place of all migrations up to a version: the schema that they made.

    Old files and new file are replayed on scratch databases, which are dropped again; nothing is
    written unless both make the same schema, rows and privileges. A database that has all the old
    ones applied has the new one. The old files move to squashed/VERSION.
    """
    with call.migration() as migration:
        found = migration.squash(target, undo=undo, on=engine_of(on), dry_run=dry_run)
    for note in found.notes:
        call.console.warn(note)
    number = count(len(found.versions), "migration")
    data = {
        "version": found.version,
        "path": found.path,
        "folder": found.folder,
        "versions": plain(found.versions),
        "notes": plain(found.notes),
        "written": found.written,
        "sql": found.text,
    }
    if dry_run:
        return Result(data, found.text.rstrip("\n").split("\n"))
    lines = [
        f"Squashed {number} into {safe(found.path)}; it makes the same.",
        f"The old files are in {safe(found.folder)}: delete them once no database needs them.",
    ]
    return Result(data, lines, quiet=True)
