# Generated from async_migration.py by tools/unasync.py; do not edit.
"""Migration: a directory of migrations, held against a database.

This is the facade. It loads files, asks `migrations.choose` what is to be done, lets
`migrations.plan` decide how, and hands the plans to `runner.run`. A run that finds
nothing to do takes no lease and costs one round trip after connecting; what it does not need is
not even imported.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import psycopg

from ._acompat import blocking
from .errors import ConfigError, ManticoreError
from .migrations import directory
from .migrations.choose import (
    Allowances,
    Recorded,
    VersionStatus,
    as_shown,
    check_known,
    choose_down,
    choose_up,
    parse_version,
    resolve,
)
from .migrations.file import MAX_VERSION, MigrationFile
from .migrations.values import values_of
from .own_tables import HISTORY
from .retry import RetryPolicy
from .runner.bookkeeping import APPLIED_COLUMNS, ORDERED_COLUMNS
from .runner.home import Home
from .runner.session import RECONNECT_WAIT, Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .backfill.results import BackfillStatus
    from .backfill.service import Backfills
    from .database import Database
    from .dialect import Engine
    from .lint import Finding, LintConfig
    from .migrations.hooks import Hooks
    from .migrations.readiness import Readiness
    from .migrations.repeatable import Repeatable
    from .migrations.results import (
        Attempt,
        HistoryRow,
        HookStatus,
        JournalRow,
        LeaseStatus,
        RepeatableStatus,
        Status,
    )
    from .migrations.squash import Squash
    from .migrations.status import Snapshot
    from .preview.model import Plan
    from .runner.bookkeeping import Carried
    from .runner.deadline import Deadline, When
    from .runner.events import Event, Listener
    from .runner.run import Run
    from .runner.seat import Seat
    from .schema.changes import Drift
    from .schema.diff import Change
    from .schema.model import Schema
    from .shadow.sources import Source
    from .shadow.verification import Verification

LOGGED = (
    ("manticore_cockroachdb.runner", logging.INFO),
    ("manticore_cockroachdb.backfill", logging.DEBUG),
)
DEFAULT_TTL = 30.0
DEFAULT_WAIT = 300.0


class MigratorOptions(TypedDict, total=False):
    """What a migrator is like, wherever it migrates; see `Migration`."""

    settings: Mapping[str, str] | None
    environment: str | None
    variables: Mapping[str, str | int | float] | None
    lease_ttl: float | None
    lease_wait: float
    reconnect_wait: float
    allow_out_of_order: bool
    allow_changed: bool
    allow_missing: bool
    retry: RetryPolicy | None


class Migration:
    """Applies, reverts and reports the migrations of one directory on one database.

    ``settings`` are session settings for the migrations, such as ``{"app.environment":
    "production"}``. ``environment`` chooses among migrations limited by ``-- @environments``.
    ``variables`` are the values of what files declare by ``-- @variables``, before those of the
    environment such as ``MANTICORE_VAR_REGION``.
    ``lease_ttl`` is how many seconds a dead runner can keep others waiting (default 30, or
    ``MANTICORE_LEASE_TTL``), ``lease_wait`` how many seconds this one waits for another.
    ``reconnect_wait`` is how many seconds a run that has lost its connection, or whose statement
    meets nodes that are away, goes on trying before it stops (default 60).
    ``schema`` is the one that everything happens in, one tenant's among many: its history, and what
    the files name without a schema; ``search_path`` are those that are looked in after it. `dump`,
    `diff` and `lint` are about the whole database all the same.
    ``allow_out_of_order``, ``allow_changed`` and ``allow_missing`` let pass what otherwise stops
    `migrate`, the last one also what stops `rollback`. ``on_event`` receives `runner.events` as
    they happen.
    """

    def __init__(
        self,
        db: Database,
        migrations_dir: str | os.PathLike[str] = "./migrations",
        *,
        settings: Mapping[str, str] | None = None,
        environment: str | None = None,
        variables: Mapping[str, str | int | float] | None = None,
        schema: str | None = None,
        search_path: Sequence[str] = (),
        lease_ttl: float | None = None,
        lease_wait: float = DEFAULT_WAIT,
        reconnect_wait: float = RECONNECT_WAIT,
        allow_out_of_order: bool = False,
        allow_changed: bool = False,
        allow_missing: bool = False,
        retry: RetryPolicy | None = None,
        on_event: Listener | None = None,
    ) -> None:
        self.db = db
        self.migrations_dir = Path(migrations_dir)
        if "\0" in str(migrations_dir):
            raise ConfigError(f"The directory {str(migrations_dir)!r} holds a NUL character.")
        self.settings = dict(settings or {})
        self.environment = environment
        self.values = values_of(variables, os.environ)
        self.home = Home(schema, tuple(search_path)) if schema is not None else None
        self.lease_ttl = _ttl(lease_ttl, os.environ)
        self.lease_wait = _seconds(lease_wait, "lease's wait")
        self.reconnect_wait = _seconds(reconnect_wait, "wait for a connection")
        self.allow = Allowances(allow_out_of_order, allow_changed, allow_missing)
        self.retry = retry or RetryPolicy()
        self.on_event = on_event or _ignore
        self._seat: Seat | None = None  # a fleet's, for many schemas one after another

    # --- files -----------------------------------------------------------------------------

    def load_migrations(self) -> list[MigrationFile]:
        """Return every migration of the directory, in order of version. Raises FileError."""
        return list(blocking(directory.load, self.migrations_dir, self.values))

    def load_repeatable(self) -> list[Repeatable]:
        """Return the repeatable files of this environment, by name. Raises FileError."""
        load = partial(directory.load_repeatable, self.migrations_dir, values=self.values)
        found = blocking(load)
        mine = [file for file in found if file.belongs_to(self.environment)]
        for file in mine:  # whether one has changed is seen by text and values
            file.require_values()
        return mine

    def _load_hooks(self) -> Hooks | None:
        """The hooks of this environment; None where there are none."""
        where = (self.migrations_dir, directory.HOOKS, self.values)
        load = partial(directory.load_repeatable, *where)
        found = [f for f in blocking(load) if f.belongs_to(self.environment)]
        if not found:
            return None
        from .migrations.hooks import hooks_of

        return hooks_of(found)

    def create_migration(
        self,
        description: str,
        up_sql: str,
        down_sql: str | None = None,
        *,
        exist_ok: bool = False,
        python: bool = False,
    ) -> str:
        """Write a new migration file and return its path.

        Its version is the present UTC second, or the next number in a directory that counts
        1, 2, 3; it is new even if other processes do the same now. With ``exist_ok`` a file that
        has this description and this SQL already is left as the only one, and its path returned:
        for a program that is run more than once. With ``python`` it is a Python migration, and
        ``up_sql`` its text. Raises FileError.
        """
        path = blocking(
            partial(directory.create, exist_ok=exist_ok, python=python),
            self.migrations_dir,
            description,
            up_sql,
            down_sql,
            _next_version,
        )
        return str(path)

    # --- doing -----------------------------------------------------------------------------

    def initialize(self) -> None:
        """Make the ``_migrations`` table and its companions, or complete what is there.

        `migrate` does so by itself; calling this twice does no harm.
        """
        with self._session(writes=True) as session:
            session.read_applied()  # takes over a table left by 0.3.1
            session.create_tables()

    def migrate(
        self,
        target_version: int | str | None = None,
        *,
        fresh: bool = False,
        finish_backfills: bool = False,
        deadline: When | None = None,
    ) -> int:
        """Apply pending migrations in order, up to and including the target; return how many.

        ``fresh`` groups migrations into fewer transactions, which is much faster on CockroachDB
        when a database is built from nothing; the history is the same afterwards.
        ``finish_backfills`` works off in place what runs in the background otherwise.

        Then the repeatable files whose text has changed run, and what depends on them, unless the
        target leaves migrations pending; they do not count. Hooks run around all of that.

        ``deadline``, in seconds from now, a timedelta or an aware datetime: from then on nothing
        begins, and what runs is cancelled where that is safe; see `runner.deadline`.

        Raises FileError, HistoryError or Refused before anything runs; MigrationFailed when a
        statement failed and nothing of its migration remains; PartialMigration when one stopped
        half way; BackfillIncomplete before a migration that requires more; LeaseTimeout or
        LeaseLost when another runner has the right to migrate; DeadlineReached.
        """
        target = parse_version(target_version)
        until = _deadline(deadline)
        files = self.load_migrations()
        number = 0
        repeatable = self.load_repeatable()
        with self._session(writes=True, told="migrate") as session:
            first_look = self._first_look(session, files, repeatable=bool(repeatable))
            again: tuple[str, ...] = ()
            if repeatable:
                from .migrations.repeatable import stale

                again = stale(repeatable, dict(session.repeatable))
            if again or choose_up(first_look, target, self.allow):
                objects = None
                if repeatable:
                    from .migrations.objects import arranged

                    objects = arranged(repeatable)
                hooks = self._load_hooks()
                run = self._run(session, files, finish_backfills, until=until)
                done = run.up(files, first_look, target, fresh=fresh, objects=objects, hooks=hooks)
                number = len(done)
        if finish_backfills:
            self._finish_backfills((), until=until)
        return number

    def rollback(
        self,
        count: int = 1,
        *,
        target_version: int | str | None = None,
        shown: Sequence[int] | None = None,
        deadline: When | None = None,
    ) -> int:
        """Revert applied migrations, those first that were applied last; return how many.

        The last ``count``: where a lower version was applied after a higher one, it is the lower
        one that goes, since a rollback takes back what was done last. Or with ``target_version``
        all whose version is higher. ``shown`` are the versions, in the order of `plan`, that
        somebody agreed to; when it would be others by now, HistoryError. ``deadline`` is that of
        `migrate`.

        A target is a version that there is, 0, or a UTC second such as 20230101120000 before the
        newest version: "as it was then". Before anything is touched: raises UnknownVersion for
        any other; NoUndo when one of them has no undo part; MissingFile when one has no file here,
        unless ``allow_missing``, and then the undo part that was stored when it was applied is
        used.
        """
        check_count(count)
        target = parse_version(target_version)
        until = _deadline(deadline)
        files = self.load_migrations()
        with self._session(writes=True, told="rollback") as session:
            first_look = self._first_look(session, files, ORDERED_COLUMNS)
            self._check_lowest(target, first_look)
            if not choose_down(first_look, count, target, self.allow):
                as_shown((), shown)
                return 0
            run = self._run(session, files, down=True, until=until)
            return len(run.down(files, first_look, count, target, shown))

    # --- backfills -------------------------------------------------------------------------

    def backfills(self, name: int | str | None = None) -> tuple[BackfillStatus, ...]:
        """Return how far backfills are: all, or the one of a version or name."""
        with self._backfills() as service:
            return service.status(None if name is None else str(name))

    def run_backfills(
        self,
        *names: int | str,
        workers: int | None = None,
        until_idle: bool = True,
        stop: Callable[[], bool] = lambda: False,
        deadline: When | None = None,
    ) -> list[str]:
        """Work on backfills, all or those named; return the names of those that got complete.

        Any number of programs and machines may do so at once. With ``until_idle`` it returns when
        nothing is left to do, otherwise it waits for more until ``stop()`` is true. ``workers``
        are those of this process, by default as many as the file says. From the ``deadline`` of
        `migrate` on no batch begins. Raises PartialMigration or BackfillIncomplete for one that
        cannot be completed now, DeadlineReached where the deadline left work to do.
        """
        return self._finish_backfills(
            [str(name) for name in names],
            workers=workers,
            until_idle=until_idle,
            stop=stop,
            until=_deadline(deadline),
        )

    def pause_backfill(self, name: int | str) -> str:
        """Let workers stop after the batch they are at; return what was done, a sentence."""
        with self._backfills() as service:
            return service.pause(str(name))

    def resume_backfill(self, name: int | str) -> str:
        """Let one that is paused, failed or cancelled go on; return what was done, a sentence."""
        with self._backfills() as service:
            return service.resume(str(name))

    def cancel_backfill(self, name: int | str) -> str:
        """Give one up; what is done stays. Return what was done, a sentence."""
        with self._backfills() as service:
            return service.cancel(str(name))

    def retry_backfill(self, name: int | str) -> tuple[int, int]:
        """Try failed rows again; return how many are done now and how many failed again."""
        with self._backfills() as service:
            return service.retry(str(name))

    def require_complete(self, *versions: int | str) -> None:
        """Raise BackfillIncomplete unless these migrations are applied with all their rows done,
        or, without any named, unless nothing is pending and every backfill is complete."""
        from .backfill.words import incomplete
        from .migrations.readiness import readiness

        wanted = _versions(versions)
        snapshot = self._snapshot()
        if not wanted:
            choose_up(snapshot.statuses, None, self.allow)  # raises what stands in the way
        found = readiness(snapshot, self.allow, requires=wanted, complete=not wanted)
        missing = [version for version in found.missing if not wanted or version in wanted]
        left = [one for one in found.backfills if not wanted or one.version in wanted]
        if missing or left:
            raise incomplete(missing[0] if missing else None, left[0] if left else None)

    def readiness(self, *, requires: Iterable[int | str] = (), complete: bool = False) -> Readiness:
        """Return what the database lacks of what these files need: one look, see `wait`."""
        from .migrations.readiness import readiness
        from .runner.waiting import limited

        wanted = _versions(requires)
        files = self.load_migrations()
        with self._session() as session, limited(session):
            snapshot = self._snapshot_in(session, files)
        return readiness(snapshot, self.allow, requires=wanted, complete=complete)

    def wait(
        self,
        *,
        timeout: float = DEFAULT_WAIT,
        interval: float = 2.0,
        requires: Iterable[int | str] = (),
        complete: bool = False,
    ) -> Readiness:
        """Wait until the database has at least what these files need; return what was found.

        Every migration of the directory is applied, every repeatable file has run, and the
        backfills are complete that a file names with ``-- @requires``, or ``requires`` here by
        version; with ``complete`` all backfills, and all repeatable files as they are now. A newer
        database will do: ``newer`` holds the versions that have no file here. Looks every
        ``interval`` seconds, also while the server is not up or has no such database yet.

        Raises HistoryError or PartialMigration at once where the history is another one; after
        ``timeout`` seconds NotReady, or ConnectionFailed if the server could not be reached.
        """
        from .runner.waiting import until_ready

        look = partial(self.readiness, requires=tuple(requires), complete=complete)
        return until_ready(
            look,
            self.on_event,
            timeout=_seconds(timeout, "time to wait"),
            interval=_seconds(interval, "interval"),
        )

    # --- asking ----------------------------------------------------------------------------

    def get_applied_migrations(self) -> list[dict[str, Any]]:
        """Return the history, oldest version first; a dict a row, with at least
        ``version``, ``description`` and ``applied_at``. Empty before the first migration."""
        return self._read(f"SELECT * FROM {self._history} ORDER BY version")

    def get_current_version(self) -> int | None:
        """Return the newest applied version, None before the first migration."""
        rows = self._read(f"SELECT max(version) AS version FROM {self._history}")
        return rows[0]["version"] if rows else None

    def is_applied(self, version: int | str) -> bool:
        """Return whether a version is applied."""
        number = parse_version(version, "version")
        return bool(self._read(f"SELECT 1 FROM {self._history} WHERE version = {number}"))

    def pending(self) -> list[MigrationFile]:
        """Return the migrations that `migrate` would apply, in order. Raises what it would."""
        snapshot = self._snapshot()
        return list(choose_up(snapshot.statuses, None, self.allow))

    def status(self) -> Status:
        """Return what is applied, what is pending and how it would run, and what is wrong."""
        from .migrations.status import status_of

        return status_of(self._snapshot(), self.allow)

    def attempts(self) -> list[Attempt]:
        """Return failed attempts, newest first: when, who, where, which statement, why."""
        from .migrations.results import Attempt

        with self._session() as session:
            session.read_applied()
            rows = session.read(session.tables.read_attempts())
        return [Attempt(*row) for row in rows]

    # --- care ------------------------------------------------------------------------------

    def baseline(self, version: int | str) -> int:
        """Record every migration up to ``version`` as applied without running it; return how many.

        For a database whose schema was made by other means. Raises UnknownVersion.
        """
        target = parse_version(version, "version")
        assert target is not None
        files = self.load_migrations()
        with self._session(writes=True) as session:
            return self._run(session).baseline(files, target)

    def carry_over(self, entries: Sequence[Carried]) -> int:
        """Record what another tool has applied, with its times; return how many rows are new.

        One transaction writes them all. `importing.adopt` proves first that they are true.
        """
        if not entries:
            return 0
        with self._session(writes=True) as session:
            return self._run(session).carry_over(entries)

    def repair(self, version: int | str, *, applied: bool | None = None) -> str:
        """Settle one migration after a person has looked; return what was done, a sentence.

        Without ``applied`` it accepts the file of an applied migration as it is now, or forgets
        the row of one whose file is gone. ``applied=True`` records one that stopped half way as
        applied, ``applied=False`` as not applied; its journal is forgotten.
        """
        number = parse_version(version, "version")
        assert number is not None
        files = self.load_migrations()
        with self._session(writes=True) as session:
            return self._run(session).repair(files, number, applied)

    def squash(
        self,
        version: int | str,
        *,
        undo: bool = False,
        on: Engine | None = None,
        dry_run: bool = False,
    ) -> Squash:
        """Put one file in place of every migration up to ``version``; return what was done.

        The file makes the schema that those made, which is proven on scratch databases, of this
        server or of a throwaway one (``on``). A database that has all of them has it; the old files
        move to ``squashed/VERSION`` beside it. ``undo`` writes an undo part that takes back
        everything; with ``dry_run`` nothing is written. When a call before was killed while it
        moved files, this one goes on.

        Raises FileError for what cannot be squashed, with file and line, SchemaError where the
        proof fails, BackfillIncomplete for a backfill that this database has not finished.
        """
        from .shadow.squash import squash, with_path

        target = parse_version(version, "version")
        assert target is not None
        finish = partial(directory.finish_squash, dry_run=dry_run)
        begun = blocking(finish, self.migrations_dir, target)
        if begun is not None:
            return begun
        files = self.load_migrations()
        if on is None and any(f.backfill for f in files if f.version <= target):
            self._no_backfill_left(target)
        found = squash(
            self.db,
            self.migrations_dir,
            files,
            target,
            settings=self.settings,
            repeatable=self.load_repeatable(),
            hooks=self._load_hooks(),
            undo=undo,
            on=on,
        )
        if dry_run:
            return found
        old = [file for file in files if file.version <= target]
        name = Path(found.path).name
        args = (self.migrations_dir, name, found.text, old)
        return with_path(found, str(blocking(directory.replace_by_squash, *args)))

    def _no_backfill_left(self, target: int) -> None:
        """Raise BackfillIncomplete while a backfill up to a version has rows to do here."""
        from .backfill.words import incomplete

        for one in self.backfills():
            if not one.complete and one.direction == "up" and (one.version or 0) <= target:
                raise incomplete(None, one)

    def lease_status(self) -> LeaseStatus:
        """Return who may migrate now, which migration they are at, and who keeps them waiting."""
        from .migrations.results import LeaseStatus

        try:
            files = self.load_migrations()
        except ManticoreError:  # who is at work can be asked from anywhere
            files = []
        with self._session() as session:
            _, journal, statuses = self._recorded_in(session, files)
            found = self._runner(session, journal, statuses)
        return found or LeaseStatus(None, 0, None, None, None)

    def release_lease(self) -> str | None:
        """Take the lease from whoever holds it and end their session; return who, or None.

        The holder is fenced: should it still live, it can record nothing more.
        """
        with self._session(writes=True) as session:
            session.read_applied()
            rows = (session.prepared(session.tables.break_lease()))[0]
            if not rows:
                return None
            owner, held = rows[0]
            if held:
                session.end_session(held)
            return str(owner)

    # --- the schema ------------------------------------------------------------------------

    def dump(self) -> str:
        """Return the schema as SQL: the same schema gives the same text, and running it on an
        empty database gives the same schema. Our own tables are not in it."""
        from .schema.read import read
        from .schema.render import render

        return render(read(self.db))

    def drift(self, against: Source | None = None, *, ignore: Sequence[str] = ()) -> Drift:
        """Return what the database has otherwise than its applied migrations make.

        They are replayed on a scratch database, which is dropped again. ``against`` is another
        schema to hold it against instead, as for `diff`. ``ignore`` are patterns of names to leave
        out: ``audit.*``. Raises SchemaError when something cannot be replayed.
        """
        if against is not None:
            from .schema.changes import Drift, without
            from .schema.diff import compare

            actual, wanted = self._with_other(against)
            return Drift(without(compare(wanted, actual), ignore), ())
        from .shadow.drift import find_drift

        files = self.load_migrations()
        rows = self.get_applied_migrations()
        repeatable = self.load_repeatable()
        ran: dict[str, str] = {}
        if repeatable:
            with self._session() as session:
                session.read_applied(repeatable=True)
                ran = {str(name): str(checksum) for name, checksum in session.repeatable if name}
        beside = (repeatable, ran, self._load_hooks(), self.home)
        return find_drift(self.db, files, rows, self.settings, ignore, *beside)

    def diff(self, other: Source) -> tuple[Change, ...]:
        """Return what the schema of ``other`` has otherwise than that of this database.

        ``other`` is a database, a URL, the path of a dump or of a directory of migrations.
        """
        from .schema.diff import compare

        return compare(*self._with_other(other))

    # --- knowing before --------------------------------------------------------------------

    def plan(
        self,
        target_version: int | str | None = None,
        *,
        rollback: bool = False,
        count: int = 1,
    ) -> Plan:
        """Return what `migrate` would run, in order, and what it costs; with ``rollback`` what
        `rollback` with this ``count`` or target would. Changes nothing. Raises HistoryError."""
        from .preview.plan import plan_down, plan_up

        check_count(count)
        target, files = parse_version(target_version), self.load_migrations()
        with self._session() as session:
            snapshot = self._snapshot_in(session, files)
            if rollback:
                self._check_lowest(target, snapshot.statuses)
                chosen = choose_down(snapshot.statuses, count, target, self.allow)
                return plan_down(session, snapshot, chosen, self.values)
            due = choose_up(snapshot.statuses, target, self.allow)
            plan = plan_up(session, snapshot, due)
            again = [one for one in snapshot.repeatable if one.state in ("pending", "partial")]
            if again and len(choose_up(snapshot.statuses, None, self.allow)) == len(due):
                from .preview.plan import plan_repeatable

                objects = self.load_repeatable()
                plan = plan_repeatable(session, plan, objects, again)
            if plan.changes and (hooks := self._load_hooks()):
                from .preview.plan import plan_hooks

                plan = plan_hooks(session, plan, hooks)
            return plan

    def lint(
        self, *, target: str | None = None, config: LintConfig | None = None
    ) -> tuple[Finding, ...]:
        """Return what the lint rules find in what is not applied here yet; for a ``target`` such
        as ``cockroachdb:25.4`` in every file, without connecting. Raises FileError."""
        from .lint.linting import lint_directory

        return lint_directory(self.db, self.migrations_dir, target, config)

    def verify(
        self, *, newest: int = 5, strict: bool = False, on: Engine | None = None
    ) -> Verification:
        """Return whether every migration applies, is undone by its undo part, and can be resumed
        after a crash; tried on scratch databases, on this server or a throwaway one (``on``)."""
        from .shadow.verify import verify

        return verify(
            self.db,
            self.load_migrations(),
            settings=self.settings,
            environment=self.environment,
            on_event=self.on_event,
            newest=newest,
            strict=strict,
            on=on,
            repeatable=self.load_repeatable(),
            hooks=self._load_hooks(),
            home=self.home,
        )

    # --- inside ----------------------------------------------------------------------------

    def _with_other(self, other: Source) -> tuple[Schema, Schema]:
        """The schema of this database, and another to hold it against."""
        from .schema.read import read
        from .shadow.sources import schema_of

        return read(self.db), schema_of(other, self.db, self.values)

    @property
    def _history(self) -> str:
        return self.home.name(HISTORY) if self.home else HISTORY

    @contextmanager
    def _session(self, *, writes: bool = False, told: str = "") -> Iterator[Session]:
        self.db._refuse_inside("The migrator's work, which has its own session,")
        session = Session(
            self.db,
            self.settings,
            self.on_event,
            reconnect_wait=self.reconnect_wait,
            writes=writes,
            home=self.home,
            seat=self._seat,
        )
        with self._telling(session, told):
            session.open_at_first()
            try:
                yield session
            except psycopg.Error as error:
                from .runner.refusal import refusal

                raise refusal(error) from error
            finally:
                session.close()

    def _telling(self, session: Session, told: str) -> AbstractContextManager[object]:
        """Let what happens in a session be told by logs and, where it is on, by telemetry."""
        if not told:
            return nullcontext()
        if any(logging.getLogger(name).isEnabledFor(level) for name, level in LOGGED):
            from .runner.logged import logging_too

            session.listener = logging_too(session.listener)
        if self.db.telemetry is None:
            return nullcontext()
        from .runner.traced import Trace

        session.trace = Trace(self.db.telemetry, told, session.listener)
        session.listener = session.trace
        return session.trace

    def _check_lowest(self, target: int | None, statuses: Sequence[VersionStatus]) -> None:
        """Refuse the target of a rollback that is no version, and no time before the newest."""
        versions = {one.version for one in statuses}
        if not target or (_as_time(target) and target < max(versions, default=0)):
            return
        check_known(target, versions, self.migrations_dir)

    @contextmanager
    def _backfills(self, told: str = "") -> Iterator[Backfills]:
        from .backfill.service import Backfills

        files = self.load_migrations() if self.migrations_dir.is_dir() else []
        with self._session(told=told) as session:
            session.steady(lambda: session.read_applied(APPLIED_COLUMNS))
            yield Backfills(session, files, ttl=self.lease_ttl)

    def _finish_backfills(
        self,
        names: Sequence[str],
        *,
        workers: int | None = None,
        until_idle: bool = True,
        stop: Callable[[], bool] = lambda: False,
        until: Deadline | None = None,
    ) -> list[str]:
        with self._backfills(told="backfill run") as service:
            if until is None:
                return service.run(names, workers=workers, until_idle=until_idle, stop=stop)
            over = until.passed
            done = service.run(
                names, workers=workers, until_idle=until_idle, stop=lambda: over() or stop()
            )
            left = service.open(names) if over() else []
        if left:
            from .runner.deadline import reached

            rows = "; ".join(f"{one.rows:,} rows of backfill {one.name} are done" for one in left)
            raise reached(None, (), f"The time was up: {rows}.")
        return done

    def _run(
        self,
        session: Session,
        files: Sequence[MigrationFile] = (),
        finish_backfills: bool = False,
        *,
        down: bool = False,
        until: Deadline | None = None,
    ) -> Run:
        from .runner.run import Run

        backfills = None
        if down or any(file.backfill or file.requires for file in files):
            from .backfill.inline import InlineBackfills

            backfills = InlineBackfills(files, finish=finish_backfills)

        return Run(
            session,
            ttl=self.lease_ttl,
            wait=self.lease_wait,
            allow=self.allow,
            environment=self.environment,
            policy=self.retry,
            backfills=backfills,
            values=self.values,
            deadline=until,
        )

    def _first_look(
        self,
        session: Session,
        files: Sequence[MigrationFile],
        columns: str = APPLIED_COLUMNS,
        *,
        repeatable: bool = False,
    ) -> tuple[VersionStatus, ...]:
        """Where every migration stands, as far as one round trip without a lease can say."""
        rows = session.steady(lambda: session.read_applied(columns, repeatable=repeatable))
        return resolve(files, [Recorded(*row) for row in rows or ()], (), self.environment)

    def _snapshot(self) -> Snapshot:
        """Everything that files, history and journal say, changing nothing."""
        files = self.load_migrations()
        with self._session() as session:
            return self._snapshot_in(session, files)

    def _recorded_in(
        self, session: Session, files: Sequence[MigrationFile]
    ) -> tuple[list[HistoryRow], list[JournalRow], tuple[VersionStatus, ...]]:
        """History and journal, and what they make of the files."""
        from .migrations.results import HistoryRow
        from .runner.bookkeeping import journal_rows

        rows = [HistoryRow(*row) for row in session.read_history()]
        journal = journal_rows(session.read(session.tables.read_steps()))
        recorded = [
            Recorded(r.version, r.description, r.checksum, r.token, r.applied_at) for r in rows
        ]
        return rows, journal, resolve(files, recorded, journal, self.environment)

    def _snapshot_in(self, session: Session, files: Sequence[MigrationFile]) -> Snapshot:
        from .migrations.status import Snapshot

        rows, journal, statuses = self._recorded_in(session, files)
        backfills: tuple[BackfillStatus, ...] = ()
        if any(r.mode == "backfill" for r in rows) or any(f.backfill for f in files):
            from .backfill.service import Backfills

            backfills = Backfills(session, files, ttl=self.lease_ttl).status()
        repeatable = self._repeatable_in(session)
        facts = (session.server, session.caps, tuple(rows), tuple(journal), statuses)
        runner = self._runner(session, journal, statuses)
        return Snapshot(*facts, backfills, repeatable, runner, self._hooks_in(session))

    def _hooks_in(self, session: Session) -> tuple[HookStatus, ...]:
        """The hooks there are, and when they last ran."""
        hooks = self._load_hooks()
        if hooks is None:
            return ()
        from .migrations.hooks import statuses
        from .runner.script_table import read_hooks

        return statuses(hooks, session.read(read_hooks(session.tables)))

    def _repeatable_in(self, session: Session) -> tuple[RepeatableStatus, ...]:
        """Where every repeatable file stands."""
        files = self.load_repeatable()
        if not files:
            return ()
        from .migrations.objects import statuses
        from .runner.script_table import read

        return statuses(files, session.read(read(session.tables)))

    def _runner(
        self,
        session: Session,
        journal: Sequence[JournalRow],
        statuses: Sequence[VersionStatus],
    ) -> LeaseStatus | None:
        """Who has the lease, None where nobody has; what they do is told while it has not
        expired."""
        rows = session.read(session.tables.read_lease())
        if not rows or rows[0][0] is None:
            return None
        from .migrations.results import LeaseStatus
        from .runner import activity

        owner, token, held, since, remaining = rows[0]
        if remaining is None or remaining <= 0 or not held:
            return LeaseStatus(owner, token, held, since, remaining)
        # A run goes in order, and forgets the journal of a migration when that is recorded.
        due = [one.version for one in statuses if one.row is None and one.file is not None]
        version = journal[0].version if journal else due[0] if due else None
        crdb = session.tables.cockroachdb
        found = []
        for query in (
            activity.statement(held, cockroachdb=crdb),
            activity.blockers(held, cockroachdb=crdb),
        ):
            try:
                found.append((session.fetch(query))[0] if query else [])
            except psycopg.Error:  # the right to see other sessions is missing
                session.rollback()
                found.append([])
        statement = activity.shown(str(found[0][0][0])) if found[0] else None
        blocked_by = tuple(map(activity.named, found[1]))
        return LeaseStatus(owner, token, held, since, remaining, version, statement, blocked_by)

    def _read(self, sql: str) -> list[dict[str, Any]]:
        try:
            # A failure would spoil the transaction that may be open here.
            with self.db.transaction() if self.db._inside() else nullcontext():
                return self.db.execute(sql)
        except psycopg.errors.UndefinedTable:
            return []


def _ignore(_: Event) -> None:
    """Listen to nothing."""


def check_count(count: int) -> None:
    """Raise ConfigError for what is no number of migrations."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ConfigError(
            f"The count {count!r} is not a number of migrations.", hint="give 1 or more"
        )


def _ttl(given: float | None, environment: Mapping[str, str]) -> float:
    text = environment.get("MANTICORE_LEASE_TTL")
    if given is None and text is None:
        return DEFAULT_TTL
    try:
        ttl = float(text or "") if given is None else float(given)
    except ValueError:
        ttl = 0.0
    if not 1.0 <= ttl <= 86400.0:
        raise ConfigError(
            f"The lease's time to live {given if given is not None else text!r} is not a number"
            " of seconds from 1 to 86400.",
            hint="30 suits almost everybody; clocks of a cluster may be half a second apart",
        )
    return ttl


def _seconds(given: float, what: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not given >= 0:
        raise ConfigError(f"The {what} {given!r} is not a number of seconds.")
    return float(given)


def _deadline(when: When | None) -> Deadline | None:
    if when is None:
        return None
    from .runner.deadline import Deadline

    return Deadline(when)


def _versions(given: Iterable[int | str]) -> set[int]:
    found = {parse_version(version, "version") for version in given}
    return {version for version in found if version is not None}


def _next_version(versions: Sequence[int]) -> int:
    """The version after these: the present UTC second, or the next in a sequence."""
    newest = max(versions, default=None)
    if newest == MAX_VERSION:
        raise ConfigError(
            f"The version {newest} is the largest there is; none can come after it.",
            hint="rename that file to a timestamp such as 20230101120000",
        )
    if newest is not None and newest < 10**13:  # nobody's timestamp: this directory counts
        return newest + 1
    now = int(datetime.now(UTC).strftime(_STAMP))
    return now if newest is None else max(now, _second_after(newest))


_STAMP = "%Y%m%d%H%M%S"


def _second_after(version: int) -> int:
    """The timestamp one second later; the next number where the version is no timestamp."""
    time = _as_time(version)
    try:
        return int((time + timedelta(seconds=1)).strftime(_STAMP)) if time else version + 1
    except OverflowError:  # the last second of the year 9999
        return version + 1


def _as_time(version: int) -> datetime | None:
    """The UTC second that a version is; None where it is none."""
    if len(str(version)) != 14:  # strptime would take 12:3:4 written together
        return None
    try:
        return datetime.strptime(str(version), _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
