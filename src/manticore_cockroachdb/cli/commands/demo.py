"""manticore demo"""

from __future__ import annotations

import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..call import Call
from ..options import TALK, URL
from ..result import Result
from ..terminal.console import Console
from ..terminal.progress import Progress
from ..terminal.stream import Style
from ..terminal.text import columns, took
from ..verb import verb

if TYPE_CHECKING:
    from ...database import Database
    from ...migration import Migration

CREATE_USERS = """\
CREATE TABLE users (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name TEXT NOT NULL,
    email TEXT UNIQUE NOT NULL,
    created_at TIMESTAMPTZ DEFAULT now()
);"""
ADD_AGE = "ALTER TABLE users ADD COLUMN age INTEGER;"


@verb(*(URL, TALK))
def command(call: Call) -> Result:
    """See it work: create two migrations, apply them, roll one back, apply it again.

    On a server of your own (local:) or the one of --url, in a new database that is dropped at
    the end; nothing else is touched.
    """
    began = time.monotonic()
    url = call.given.url or "local:"
    with (
        _server(call, url) as server,
        _database(server) as database,
        tempfile.TemporaryDirectory(prefix="manticore-demo-") as directory,
    ):
        _Show(Console(sys.stdout, quiet=call.console.quiet), database, directory).run()
    took_all = took(time.monotonic() - began)
    return Result(
        None,
        [
            "",
            f"{Style.of(sys.stdout)('It works.', 'green', 'bold')} All of it took {took_all}, and"
            " nothing of it is left.",
            "",
            "Now with yours:",
            '  manticore new "create users table"      write a migration',
            "  manticore migrate --url local:          apply it to a database of your own",
            "  manticore status --url local:           look",
        ],
        quiet=True,
    )


@contextmanager
def _server(call: Call, url: str) -> Iterator[Database]:
    """Lend a database of the server; a local server that we started is stopped again."""
    from ...config import resolve

    where = resolve(url).local
    if where is None:
        with _closing(call.open_database(url)) as database:
            yield database
        return
    from ... import local

    home = Path(where) if where else None
    ran = local.status(home).running
    if not ran:
        call.console.transient("starting a database server of your own …")
    # Of the server's own database, and so of nobody's project; ours is made beside it.
    database = call.open_database("local:?dbname=defaultdb" if url == "local:" else url)
    try:
        local.start(home)
        call.console.clear()
        yield database
    finally:
        if not ran and not _others(database):
            local.stop(home)


@contextmanager
def _closing(database: Database) -> Iterator[Database]:
    try:
        yield database
    finally:
        database.close()


def _others(database: Database) -> bool:
    """Whether somebody else has come to use the server meanwhile; also when that is unknown."""
    import psycopg

    from ...errors import ConnectionFailed

    database.close()
    try:
        with database.dedicated() as connection:
            if connection.info.parameter_status("crdb_version"):
                sql = b"SELECT count(*) FROM [SHOW SESSIONS]"
            else:
                sql = b"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            for _ in range(20):  # our own last ones need a moment to end
                row = connection.execute(sql).fetchone()
                if row is not None and row[0] == 1:
                    return False
                time.sleep(0.05)
    except (psycopg.Error, ConnectionFailed):
        pass
    return True


@contextmanager
def _database(server: Database) -> Iterator[Database]:
    """Lend a new database that is dropped after the block."""
    name = f"manticore_demo_{secrets.token_hex(4)}"
    server.create_database(name, if_not_exists=False)
    database = server.sibling(name)
    try:
        yield database
    finally:
        database.close()
        server.drop_database(name, force=True)


class _Show:
    """The demonstration: each step does what its title says, and shows it."""

    def __init__(self, console: Console, database: Database, directory: str) -> None:
        from ...migration import Migration

        self.console = console
        self.database = database
        self.directory = Path(directory)
        self.migration: Migration = Migration(
            database, directory, on_event=Progress(_indented(console), plain=True)
        )
        self.steps = 0

    def run(self) -> None:
        """Show everything."""
        name = self.database.settings.database
        self._lines("", f"{self.migration.status().server}, a database of its own: {name}")
        self._write_files()
        self._step("Apply them", "manticore migrate")
        self.migration.migrate()
        self._step("Look", "manticore status")
        self._status()
        self._step("Use the table")
        row = self.database.insert(
            "users", {"name": "Migration Test User", "email": "migrate@example.com", "age": 30}
        )
        self._say(f"inserted {row['name']}, {row['age']}, {row['email']}")
        self._step("Roll the last one back", "manticore rollback")
        self.migration.rollback()
        left = self.database.select("users")[0]
        self._say(f"the row is still there, its columns are {', '.join(left)}")
        self._step("Apply it again", "manticore migrate")
        self.migration.migrate()
        self._status()

    def _write_files(self) -> None:
        self._step("Write two migrations, each with its way back", "manticore new")
        create = self.migration.create_migration
        for description, up, down in (
            ("create users table", CREATE_USERS, "DROP TABLE users;"),
            ("add age column", ADD_AGE, "ALTER TABLE users DROP COLUMN age;"),
        ):
            path = Path(create(description, up, down))
            self._say(path.name)
            text = path.read_text(encoding="utf-8")
            self._lines(
                *(self.console.style(f"     {line}".rstrip(), "dim") for line in text.splitlines())
            )

    def _status(self) -> None:
        found = self.migration.status()
        rows = [
            *((str(row.version), "applied", row.description) for row in found.applied),
            *((str(one.version), "pending", one.description) for one in found.pending),
        ]
        self._lines(*columns(rows, limit=None, indent="   "))

    def _step(self, title: str, command: str = "") -> None:
        self.steps += 1
        style = self.console.style
        tail = f"  {style('$ ' + command, 'dim')}" if command else ""
        self._lines("", f"{style(f'{self.steps}  {title}', 'bold')}{tail}")

    def _say(self, text: str) -> None:
        self._lines(f"   {text}")

    def _lines(self, *lines: str) -> None:
        for line in lines:
            if not self.console.quiet:
                self.console.line(line)


def _indented(console: Console) -> Console:
    """A console whose lines stand under a step's title."""

    class Indented(Console):
        def line(self, text: str) -> None:
            super().line(f"   {text}")

    return Indented(console.stream, quiet=console.quiet)
