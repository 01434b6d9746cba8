"""Blue-green: make a database, migrate it, check it, print its URL.

    NEW_URL=$(python -m scripts.create_new_db_with_migrations)

The new database is on the server of DATABASE_URL (or ``--url``), beside the one that is named
there; nothing else is touched. When anything fails, it is dropped again. The URL is the only thing
on stdout; without ``--with-password`` it has none, so that a log of the deployment has none.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from manticore_cockroachdb.cli.app import run
from manticore_cockroachdb.cli.call import Call
from manticore_cockroachdb.cli.options import LEASE, MIGRATIONS, OUTPUT, SETTINGS
from manticore_cockroachdb.cli.result import Result
from manticore_cockroachdb.cli.verb import verb
from manticore_cockroachdb.errors import ManticoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from manticore_cockroachdb import Database, Migration

# PostgreSQL cuts names at 63 bytes; a cut name would not be the one that we print.
LONGEST = 63


@verb(*(MIGRATIONS, SETTINGS, LEASE, OUTPUT), name="create_new_db_with_migrations")
@click.argument("name", required=False)
@click.option("--with-password", is_flag=True, help="Leave the password in the URL.")
def command(call: Call, name: str | None, with_password: bool) -> Result:
    """Make a database, apply every migration to it, check it, and print its URL.

    Without NAME it is called like the one in the URL, with the present UTC second behind it.
    """
    with call.database() as beside, _created(call, beside, name or _name(beside)) as database:
        migration = call.migration_on(database, progress=True)
        migration.migrate(fresh=True)
        version = _checked(migration)
        url = database.settings.url(secrets=with_password)
    data = {"database": database.settings.database, "url": url, "current": version}
    return Result(data, [url])


def _name(beside: Database) -> str:
    base = beside.settings.database or "db"
    suffix = f"_{datetime.now(UTC):%Y%m%d%H%M%S}"
    return base.encode()[: LONGEST - len(suffix)].decode(errors="ignore") + suffix


@contextmanager
def _created(call: Call, beside: Database, name: str) -> Iterator[Database]:
    """Lend a new database; dropped again if the block fails. One that exists is an error."""
    if len(name.encode()) > LONGEST:
        raise ManticoreError(f"The name {name!r} is longer than {LONGEST} bytes.")
    beside.create_database(name, if_not_exists=False)
    database = beside.sibling(name)
    try:
        yield database
    except BaseException:
        database.close()
        beside.drop_database(name, force=True)
        call.console.info(f"the new database {name} is dropped again")
        raise
    finally:
        database.close()


def _checked(migration: Migration) -> int | None:
    """The newest version; raises unless everything is applied and nothing is wrong."""
    status = migration.status()
    if not status.clean:
        raise ManticoreError(
            f"The new database is not complete: {len(status.pending)} pending,"
            f" {len(status.problems)} problems.",
            hint="manticore status shows them for the database that you migrate from",
        )
    return status.current


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it and return the exit code."""
    own = sys.argv[1:] if arguments is None else arguments
    return run(own, command, "python -m scripts.create_new_db_with_migrations")


if __name__ == "__main__":
    sys.exit(main())
