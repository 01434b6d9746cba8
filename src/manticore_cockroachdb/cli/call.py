"""Call: one command as it was called, and what it needs to do its work.

Settings are resolved when they are first asked for, the database is connected when a method needs
it; so a command pays for what it uses. Modules with psycopg are imported here and only here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .. import configfile
from ..configfile import ConfigFile
from ..errors import ConfigError, ManticoreError
from .settings import VARIABLES, Given, RunSettings, dereferenced, misspelt, resolve
from .terminal.console import Console
from .terminal.stream import Style, width

if TYPE_CHECKING:
    from ..database import Database
    from ..migration import Migration
    from ..runner.events import Event
    from .terminal.layout import Layout
    from .terminal.progress import Progress


class Declined(ManticoreError):
    """Somebody was asked and said no."""


CREATED = "manticore_cockroachdb.created"


@contextmanager
def said(logger: str, say: Callable[[str], None]) -> Iterator[None]:
    """Let what a logger says in the block be said by ``say`` and by nobody else."""
    import logging

    class Said(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(record.getMessage())

    log, handler = logging.getLogger(logger), Said()
    log.addHandler(handler)
    log.propagate = False
    try:
        yield
    finally:
        log.propagate = True
        log.removeHandler(handler)


class Call:
    """The first argument of each command."""

    def __init__(
        self, given: Given, console: Console, *, as_json: bool = False, yes: bool = False
    ) -> None:
        self.given = given
        self.console = console
        self.as_json = as_json
        self.yes = yes
        self._progress: Progress | None = None
        self._root: Path | None = None  # of the project, where a configuration says so

    @property
    def progress(self) -> Progress:
        """What this call has done so far. Made when it is first asked for: without an event, a
        run that has nothing to do need not load it."""
        if self._progress is None:
            from .terminal.progress import Progress

            self._progress = Progress(self.console)
        return self._progress

    @property
    def began(self) -> bool:
        """Whether there was anything to tell of."""
        return self._progress is not None

    @cached_property
    def settings(self) -> RunSettings:
        """What the command runs with. Raises ConfigError."""
        for name, near in misspelt(os.environ):
            self.console.warn(f"{name} is not a variable of manticore's.", f"did you mean {near}?")
        named = self.given.config or os.environ.get(VARIABLES["config"])
        if named:
            file = configfile.read(Path(named).absolute())
            if file is None:
                raise ConfigError(f"{named} has no [tool.manticore].")
        else:
            file = configfile.find(Path.cwd())
            if file is not None and file.path.parent == Path.cwd():
                file = ConfigFile(Path(file.path.name), file.table)  # so paths read ./migrations
        self._root = file.path.absolute().parent if file else None
        found = resolve(self.given, os.environ, file)
        self.console.debug(
            f"configuration: {file.path if file else 'none'}; database from {found.url_from};"
            f" directory {found.dir} ({found.dir_from})"
        )
        return found

    def layout(self) -> Layout:
        """How to lay out what goes to stdout."""
        from .terminal.layout import Layout

        return Layout(Style.of(sys.stdout), width(sys.stdout), self.console.verbose)

    def open_database(self, url: str | None = None) -> Database:
        """Return the database; it connects at first use, and the caller closes it."""
        from .. import config
        from ..database import Database

        url = url or self.settings.url
        if url is not None:
            url = dereferenced(url, self.settings.url_from, os.environ)
        found = config.resolve(url, {"create": self.given.create or None}, os.environ)
        if found.local is not None:
            from ..project import settle

            found = settle(found, self._root)
        database = Database.from_settings(found)
        self.console.debug(f"database: {database.settings.display()}")
        return database

    def project_database(self) -> str:
        """Return the name of the database that plain ``local:`` is here."""
        from .. import project

        assert self.settings
        return project.database_name(self._root or project.root())

    @contextmanager
    def database(self, url: str | None = None) -> Iterator[Database]:
        """Lend the database, closed after the block."""
        database = self.open_database(url)
        try:
            with said(CREATED, self.console.info):
                yield database
        finally:
            database.close()

    @contextmanager
    def migration(self, *, progress: bool = False, changes: bool = False) -> Iterator[Migration]:
        """Lend the migrations on the database; with ``progress``, told as they happen.

        ``changes``: something may be changed, so a ``local:`` says whose database it is.
        """
        with self.database() as database:
            if changes and database.settings.local is not None:
                self.console.info(f"database {database.settings.display()}")
            yield self.migration_on(database, progress=progress)

    def migration_on(
        self, database: Database, *, directory: str | None = None, progress: bool = False
    ) -> Migration:
        """Return the migrations of the command's directory, or of another, on some database."""
        from ..migration import DEFAULT_WAIT, Migration

        run = self.settings
        return Migration(
            database,
            directory or run.dir,
            settings=dict(run.settings),
            environment=run.environment,
            lease_ttl=run.lease_ttl,
            lease_wait=DEFAULT_WAIT if run.lease_wait is None else run.lease_wait,
            allow_out_of_order=run.allow_out_of_order,
            allow_changed=run.allow_changed,
            allow_missing=run.allow_missing,
            on_event=self._tell if progress else self._warn,
        )

    def announce_stop(self) -> None:
        """Say that a signal has come, and how not to wait; from another thread."""
        if self._progress is not None:
            self._progress.close()
        self.console.line("stopping in good order; once more to stop at once")

    def _tell(self, event: Event) -> None:
        self.progress(event)

    def _warn(self, event: Event) -> None:
        """Hear only what somebody should know who merely looks."""
        from ..runner.events import ForeignHistory
        from .terminal.progress import warn_of_history

        if isinstance(event, ForeignHistory):
            warn_of_history(event, self.console)
