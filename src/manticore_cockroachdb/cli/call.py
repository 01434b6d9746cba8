"""Call: one command as it was called, and what it needs to do its work.

Settings are resolved when they are first asked for, the database is connected when a method needs
it; so a command pays for what it uses. Modules with psycopg are imported here and only here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .. import configfile
from ..configfile import ConfigFile
from ..errors import ConfigError, ManticoreError
from ..suggest import nearest
from ..url import dereferenced
from .settings import (
    LIBPQ,
    URL_IN_DOTENV,
    VARIABLES,
    FleetGiven,
    Given,
    RunSettings,
    misspelt,
    resolve,
)
from .terminal.console import Console
from .terminal.stream import Style, width

if TYPE_CHECKING:
    from ..database import Database
    from ..migration import Migration, MigratorOptions
    from ..runner.events import Event
    from .reports import Reports
    from .terminal.fleet import FleetProgress
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


def configuration(given: Given, environ: Mapping[str, str], directory: Path) -> ConfigFile | None:
    """The configuration that is named, or counts in a directory. Raises ConfigError."""
    named = given.config or environ.get(VARIABLES["config"])
    if named:
        file = configfile.read(Path(named).absolute())
        if file is None:
            raise ConfigError(f"{named} has no [tool.manticore].")
        return file
    file = configfile.find(directory)
    if file is not None and file.path.parent == directory:
        return ConfigFile(Path(file.path.name), file.table)  # so paths read ./migrations
    return file


class Call:
    """The first argument of each command."""

    def __init__(
        self,
        given: Given,
        console: Console,
        *,
        as_json: bool = False,
        yes: bool = False,
        environ: Mapping[str, str] = os.environ,
        fleet: FleetGiven | None = None,
    ) -> None:
        self.given = given
        self.fleet = fleet or FleetGiven()
        self.stopping = "stopping in good order; once more to stop at once"
        self.console = console
        self.as_json = as_json
        self.yes = yes
        self.fleet_progress: FleetProgress | None = None
        self.reports: Reports | None = None
        self._progress: Progress | None = None
        self._environ = environ
        self._root: Path | None = None  # of the project, where a configuration says so
        self._unknown_environments: set[str] = set()  # that have been warned of

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
        for name, near in misspelt(self._environ):
            self.console.warn(f"{name} is not a variable of manticore's.", f"did you mean {near}?")
        file = configuration(self.given, self._environ, Path.cwd())
        self._root = file.path.absolute().parent if file else None
        found = resolve(self.given, self._environ, file)
        self.console.debug(
            f"configuration: {file.path if file else 'none'}; database from {found.url_from};"
            f" directory {found.dir} ({found.dir_from})"
        )
        return found

    @property
    def root(self) -> Path:
        """The directory of the configuration; the current one where there is none."""
        assert self.settings is not None
        return self._root or Path()

    def layout(self) -> Layout:
        """How to lay out what goes to stdout."""
        from .terminal.layout import Layout

        return Layout(Style.of(sys.stdout), width(sys.stdout), self.console.verbose)

    def open_database(self, url: str | None = None) -> Database:
        """Return the database; it connects at first use, and the caller closes it."""
        from .. import config
        from ..database import Database

        url = url or self.settings.url
        if url is None:
            self._see_dotenv()
        else:
            url = dereferenced(url, self.settings.url_from, os.environ)
        asked = {"create": self.given.create or None, "telemetry": self._telemetry() or None}
        found = config.resolve(url, asked, os.environ)
        if found.local is not None:
            from ..project import settle

            found = settle(found, self._root)
        database = Database.from_settings(found)
        self.console.debug(f"database: {database.settings.display()}")
        if self.reports is not None:
            self.reports.started(database.settings.display())
        return database

    def _telemetry(self) -> bool:
        """Whether OpenTelemetry is told what is done, as its variables say."""
        if not any(name.startswith("OTEL_") for name in self._environ):
            return False
        from .otel import begin, wanted

        return wanted(self._environ) and begin(self.console)

    def _see_dotenv(self) -> None:
        """Say that a .env is not read, where nothing else says which database it is."""
        path = (self._root or Path()) / ".env"
        if any(os.environ.get(name) for name in LIBPQ) or not path.is_file():
            return
        with suppress(OSError):
            found = URL_IN_DOTENV.search(path.read_text("utf-8", "replace"))
            if found:
                self.console.warn(
                    f"{path} has a {found[1]}, and manticore reads no .env: which database is"
                    " changed should not hang on the directory one happens to be in",
                    "load it yourself with `set -a; . ./.env; set +a` or `uv run --env-file .env"
                    " manticore …`; or write the url into [tool.manticore]",
                )

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
    def migration(
        self, *, progress: bool = False, changes: bool = False, adopts: bool = False
    ) -> Iterator[Migration]:
        """Lend the migrations on the database; with ``progress``, told as they happen.

        ``changes``: something may be changed, so a ``local:`` says whose database it is.
        ``adopts``: another tool's history is what it is about, and no surprise to warn of.
        """
        with self.database() as database:
            if changes and database.settings.local is not None:
                self.console.info(f"database {database.settings.display()}")
            yield self.migration_on(database, progress=progress, adopts=adopts)

    def migrator_options(self) -> MigratorOptions:
        """What a migrator is told of the command line, the environment and the configuration."""
        from ..migration import DEFAULT_WAIT
        from ..runner.session import RECONNECT_WAIT

        run = self.settings
        return {
            "settings": dict(run.settings),
            "environment": run.environment,
            "variables": dict(run.variables),
            "lease_ttl": run.lease_ttl,
            "lease_wait": DEFAULT_WAIT if run.lease_wait is None else run.lease_wait,
            "reconnect_wait": RECONNECT_WAIT if run.reconnect_wait is None else run.reconnect_wait,
            "allow_out_of_order": run.allow_out_of_order,
            "allow_changed": run.allow_changed,
            "allow_missing": run.allow_missing,
        }

    def migration_on(
        self,
        database: Database,
        *,
        directory: str | None = None,
        progress: bool = False,
        adopts: bool = False,
    ) -> Migration:
        """Return the migrations of the command's directory, or of another, on some database."""
        from .told import Told

        return Told(
            self.check_environments,
            database,
            directory or self.settings.dir,
            **self.migrator_options(),
            on_event=self._tell if progress else None if adopts else self._warn,
        )

    def check_environments(self, files: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Warn of environments that files are limited to and the configuration knows nothing of,
        each once. ``files``: the path of each, and the environments that it names."""
        run = self.settings
        if not run.environments:
            return
        known = {*run.environments.values(), *((run.environment,) if run.environment else ())}
        found: dict[str, list[str]] = {}
        for path, names in files:
            for name in names:
                if name not in known and name not in self._unknown_environments:
                    found.setdefault(name, []).append(path)
        for name, paths in found.items():
            self._unknown_environments.add(name)
            more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
            near = nearest(name, known)
            self.console.warn(
                f"{paths[0]}{more}: -- @environments names {name}, which is no environment of the"
                " configuration's, so it runs nowhere",
                f"did you mean {near}?" if near else f"known: {', '.join(sorted(known))}",
            )

    def announce_stop(self) -> None:
        """Say that a signal has come, and how not to wait; from another thread."""
        if self._progress is not None:
            self._progress.close()
        if self.fleet_progress is not None:
            self.fleet_progress.say(self.stopping)
        else:
            self.console.line(self.stopping)

    def _tell(self, event: Event) -> None:
        self.progress(event)
        if self.reports is not None:
            self.reports(event)

    def _warn(self, event: Event) -> None:
        """Hear only what somebody should know who merely looks."""
        from ..runner.events import ForeignHistory
        from .terminal.progress import warn_of_history

        if isinstance(event, ForeignHistory):
            warn_of_history(event, self.console)
