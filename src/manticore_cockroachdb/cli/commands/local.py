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
    from ...local.cluster import Cluster
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


def _cluster(call: Call, directory: str | None, *, asked: bool) -> bool:
    """Whether a cluster is meant: asked for by an option, or what the directory holds."""
    from ...local import cluster

    where = _where(call, directory)
    return asked or (where is not None and cluster.there_is(where))


_of_cluster = click.option(
    "--cluster", "of_cluster", is_flag=True, help="The cluster that `start --nodes` made."
)


@verb(*(OUTPUT,), name="start")
@_directory
@_engine
@click.option(
    "--nodes",
    type=click.IntRange(min=1),
    metavar="N",
    help="A CockroachDB cluster of N nodes, which needs a `cockroach` binary; again, to start"
    " those that do not run.",
)
def start(call: Call, directory: str | None, engine: Engine | None, nodes: int | None) -> Result:
    """Start the server, unless it runs; with --nodes, a cluster of several."""
    from ... import local

    if _cluster(call, directory, asked=nodes is not None):
        from ...local import cluster

        return _nodes(cluster.start(_where(call, directory), nodes=nodes or cluster.NODES))
    found = local.start(_where(call, directory), engine=engine)
    return _shown(found, _project(call, directory), quiet=True)


@verb(*(OUTPUT,), name="stop")
@_directory
@_of_cluster
@click.option(
    "--kill",
    type=click.IntRange(min=1),
    metavar="N",
    help="Kill -9 of node N of a cluster, to see what survives it.",
)
def stop(call: Call, directory: str | None, of_cluster: bool, kill: int | None) -> Result:
    """Stop the server, or a cluster or one node of it; the data stay."""
    from ... import local

    where = _where(call, directory)
    if kill is not None:
        from ...local import cluster

        node = cluster.kill(kill, where)
        return Result({"killed": node.number}, [f"Killed node {node.number}, pid {node.pid}."])
    if _cluster(call, directory, asked=of_cluster):
        from ...local import cluster

        stopped = cluster.stop(where)
    else:
        stopped = local.stop(where)
    return Result(
        {"stopped": stopped}, ["Stopped." if stopped else "It was not running."], quiet=True
    )


@verb(*(OUTPUT,), name="status")
@_directory
@_of_cluster
def status(call: Call, directory: str | None, of_cluster: bool) -> Result:
    """Show whether the server, or each node of a cluster, runs, and where everything is."""
    from ... import local

    if _cluster(call, directory, asked=of_cluster):
        from ...local import cluster

        return _nodes(cluster.status(_where(call, directory)))
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


def _nodes(found: Cluster) -> Result:
    nodes = [
        {"node": one.number, "running": one.pid is not None, "pid": one.pid, "port": one.port}
        for one in found.nodes
    ]
    lines = [
        f"A CockroachDB cluster of {len(nodes)} nodes",
        f"  url        {safe(found.url)}",
        f"  directory  {safe(str(found.directory))}",
    ]
    for one in found.nodes:
        state = "not running" if one.pid is None else f"running, pid {one.pid}"
        lines.append(f"  node {one.number}     127.0.0.1:{one.port}, {state}")
    data = {"directory": str(found.directory), "url": found.url, "nodes": nodes}
    return Result(data, lines)


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
