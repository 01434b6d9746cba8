"""What every row of the benchmark needs: the options, the tools, their files, a place to say."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faults.proxy_process import ProxyProcess
from manticore_cockroachdb.local.place import Engine

from .clock import Command, CommandFailed, Run, run
from .servers import Place, Server
from .tools import OURS, Ours, Tool


@dataclass
class Bench:
    """One run of the benchmark; `space` is a directory of its own, removed afterwards."""

    quick: bool
    engines: tuple[Engine, ...]
    tools: tuple[Tool, ...]
    space: Path
    versions: dict[Engine, str] = field(default_factory=dict)
    loads: list[float] = field(default_factory=list)
    _files: dict[tuple[str, int], Path] = field(default_factory=dict)

    @property
    def ours(self) -> Ours:
        """This package."""
        found = self.tool(OURS)
        assert isinstance(found, Ours)
        return found

    def tool(self, name: str) -> Tool:
        """A tool by name."""
        return next(t for t in self.tools if t.name == name)

    def say(self, text: str) -> None:
        """Tell on standard error what goes on."""
        print(text, file=sys.stderr, flush=True)

    def files(self, tool: Tool, count: int) -> Path:
        """The directory with a tool's files for `count` migrations, written once."""
        key = (tool.name, count)
        if key not in self._files:
            directory = self.space / f"files-{len(self._files)}"
            directory.mkdir()
            tool.write(directory, count)
            self._files[key] = directory
        return self._files[key]

    def able(self, tools: Sequence[Tool], server: Server) -> tuple[list[Tool], list[str]]:
        """The tools that can run on a server, and why each other can't."""
        version = server.version()
        self.versions[server.engine] = version
        reasons = {t.name: t.refuses(server.engine, version) for t in tools}
        notes = [
            f"{name} is not measured on {version}: {why}." for name, why in reasons.items() if why
        ]
        return [t for t in tools if not reasons[t.name]], notes

    def apply(
        self, tool: Tool, count: int, place: Place, *, through: ProxyProcess | None = None
    ) -> Run:
        """Let a tool apply its migrations, and see that the tables are there."""
        way = place if through is None else place.through(through)
        found = run(tool.migrate(self.files(tool, count), way))
        check(place, count)
        return found


def check(place: Place, count: int) -> None:
    """Raise unless exactly the work's tables are there."""
    sql = (
        "SELECT count(*) FROM information_schema.tables WHERE table_name >= 't0'"
        " AND table_name < 't2' AND table_schema = 'public'"
    )
    with place.connect() as connection:
        (found,) = connection.execute(sql).fetchone() or (0,)
    if found != count:
        raise CommandFailed(f"{found} tables are there instead of {count}")


def prepared(bench: Bench, tool: Tool, count: int, place: Place) -> Path:
    """A database in which a tool has `count` migrations recorded; its directory.

    The first ten are applied by the tool itself; the rest are only recorded, since applying
    10,000 takes some tools an hour.
    """
    first = min(count, 10)
    run(tool.migrate(bench.files(tool, first), place))
    directory = bench.files(tool, count)
    if count > first:
        if isinstance(tool, Ours):
            run(tool.command(directory, place, "baseline", str(count)))
        elif (sql := tool.recorded(first + 1, count)) is not None:
            with place.connect() as connection:
                connection.execute(sql.encode())
    return directory


def hello(place: Place) -> Command:
    """The least a Python program can do with a database: import psycopg, connect, SELECT 1."""
    code = "import sys, psycopg; psycopg.connect(sys.argv[1]).execute('SELECT 1')"
    return Command((sys.executable, "-c", code, place.url(sslmode="disable")))
