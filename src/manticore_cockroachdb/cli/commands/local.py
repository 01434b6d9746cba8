"""manticore local"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..call import Call
from ..options import OUTPUT
from ..result import Result
from ..terminal.text import safe
from ..verb import Family, verb

if TYPE_CHECKING:
    from ...local import LocalStatus
    from ...local.place import Engine

_TITLES = {"cockroachdb": "CockroachDB", "postgresql": "PostgreSQL"}
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE",
}
_directory = click.argument("directory", required=False, type=click.Path())
_engine = click.option(
    "--engine",
    type=click.Choice(["cockroachdb", "postgresql"]),
    help="For a new database.  [default: CockroachDB if there is a binary, else PostgreSQL]",
)


@click.group(cls=Family)
def command() -> None:
    """Start, stop and ask after a database server of your own.

    It needs no installation, listens on this machine only, and keeps its data in DIRECTORY: one
    of your own, that of a configured URL local:DIRECTORY, or that of MANTICORE_LOCAL_DIR. The
    URL starts it by itself.
    """


def _project(call: Call, directory: str | None) -> str | None:
    """The database of this project, where plain `local:` is what is asked after."""
    return None if _where(call, directory) else call.project_database()


def _where(call: Call, directory: str | None) -> str | None:
    """The directory named, else that of a configured URL `local:DIRECTORY`, else the usual one."""
    url = call.settings.url or ""
    if directory is None and url.startswith("local:"):
        return url.removeprefix("local:").partition("?")[0] or None
    return directory


@verb(*(OUTPUT,), name="start")
@_directory
@_engine
def start(call: Call, directory: str | None, engine: Engine | None) -> Result:
    """Start the server, unless it runs."""
    from ... import local

    found = local.start(_where(call, directory), engine=engine)
    return _shown(found, _project(call, directory), quiet=True)


@verb(*(OUTPUT,), name="stop")
@_directory
def stop(call: Call, directory: str | None) -> Result:
    """Stop the server; its data stay."""
    from ... import local

    stopped = local.stop(_where(call, directory))
    return Result(
        {"stopped": stopped}, ["Stopped." if stopped else "It was not running."], quiet=True
    )


@verb(*(OUTPUT,), name="status")
@_directory
def status(call: Call, directory: str | None) -> Result:
    """Show whether the server runs, and where everything is."""
    from ... import local

    return _shown(local.status(_where(call, directory)), _project(call, directory))


@verb(*(OUTPUT,), name="url")
@_directory
@_engine
def url(call: Call, directory: str | None, engine: Engine | None) -> Result:
    """Print a URL for other programs, and start the server if need be.

    Without DIRECTORY it is that of this project's database, made where it is missing.
    """
    from ... import local

    found = local.url_for(_where(call, directory), engine=engine)
    if _project(call, directory) is not None:
        with call.database("local:") as database:
            database.dedicated().close()
            found = database.settings.url(secrets=True)
    return Result({"url": found}, [found])


@verb(*(OUTPUT,), name="env")
@_directory
@_engine
def env(call: Call, directory: str | None, engine: Engine | None) -> Result:
    """Print PG* variables for a shell, and start the server if need be.

    eval "$(manticore local env)" leads every program of that shell to the server that names no
    other: Database(database="shop"), psql, manticore.
    """
    from shlex import quote

    from ... import local
    from ...config import resolve

    found = resolve(local.url_for(_where(call, directory), engine=engine)).conninfo()
    data = {variable: str(found[key]) for key, variable in _VARIABLES.items() if key in found}
    return Result(data, [f"export {name}={quote(value)}" for name, value in data.items()])


def _shown(found: LocalStatus, project: str | None, *, quiet: bool = False) -> Result:
    data = {
        "running": found.running,
        "engine": found.engine,
        "version": found.version,
        "directory": str(found.directory),
        "database": project,
        "url": found.url,
        "pid": found.pid,
        "data": None if found.data is None else str(found.data),
        "log": None if found.log is None else str(found.log),
    }
    if found.engine is None:
        lines = [f"There is no database in {safe(str(found.directory))} yet."]
    else:
        state = f"running, pid {found.pid}" if found.running else "not running"
        lines = [
            f"{_TITLES[found.engine]} {found.version}: {state}",
            f"  directory  {safe(str(found.directory))}",
            f"  log        {safe(str(found.log))}",
        ]
        if project is not None:
            lines.insert(1, f"  database   {safe(project)}, this project's")
        if found.url is not None:
            lines.insert(1, f"  url        {safe(found.url)}")
    return Result(data, lines, quiet=quiet)


for one in (start, stop, status, url, env):
    command.add_command(one)
