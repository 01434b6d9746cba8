"""AsyncMigrator: a directory of migrations, held against a database.

This is the facade. It loads files, asks `migrations.choose` what is to be done, lets
`migrations.plan` decide how, and hands the plans to `runner.async_run`. A run that finds
nothing to do takes no lease and costs one round trip after connecting; what it does not need is
not even imported.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import psycopg

from ._acompat import async_blocking
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
from .runner.async_session import RECONNECT_WAIT, AsyncSession
from .runner.bookkeeping import APPLIED_COLUMNS, ORDERED_COLUMNS
from .runner.home import Home

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .async_database import AsyncDatabase
    from .backfill.async_service import AsyncBackfills
    from .backfill.results import BackfillStatus
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
    from .runner.async_run import AsyncRun
    from .runner.async_seat import AsyncSeat
    from .runner.bookkeeping import Carried
    from .runner.deadline import Deadline, When
    from .runner.events import Event, Listener
    from .schema.changes import Drift
    from .schema.diff import Change
    from .schema.model import Schema
    from .shadow.async_sources import Source
    from .shadow.verification import Verification

LOGGED = (
    ("manticore_cockroachdb.runner", logging.INFO),
    ("manticore_cockroachdb.backfill", logging.DEBUG),
)
DEFAULT_TTL = 30.0
DEFAULT_WAIT = 300.0


class MigratorOptions(TypedDict, total=False):
    """What a migrator is like, wherever it migrates; see `AsyncMigrator`."""

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


class AsyncMigrator:
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
        db: AsyncDatabase,
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
        self._seat: AsyncSeat | None = None  # a fleet's, for many schemas one after another

    # --- files -----------------------------------------------------------------------------

    async def load_migrations(self) -> list[MigrationFile]:
        """Return every migration of the directory, in order of version. Raises FileError."""
        return list(await async_blocking(directory.load, self.migrations_dir, self.values))

    async def load_repeatable(self) -> list[Repeatable]:
        """Return the repeatable files of this environment, by name. Raises FileError."""
        load = partial(directory.load_repeatable, self.migrations_dir, values=self.values)
        found = await async_blocking(load)
        mine = [file for file in found if file.belongs_to(self.environment)]
        for file in mine:  # whether one has changed is seen by text and values
            file.require_values()
        return mine

    async def _load_hooks(self) -> Hooks | None:
        """The hooks of this environment; None where there are none."""
        where = (self.migrations_dir, directory.HOOKS, self.values)
        load = partial(directory.load_repeatable, *where)
        found = [f for f in await async_blocking(load) if f.belongs_to(self.environment)]
        if not found:
            return None
        from .migrations.hooks import hooks_of

        return hooks_of(found)

    async def create_migration(
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
        path = await async_blocking(
            partial(directory.create, exist_ok=exist_ok, python=python),
            self.migrations_dir,
            description,
            up_sql,
            down_sql,
            _next_version,
        )
        return str(path)

    # --- doing -----------------------------------------------------------------------------

    async def initialize(self) -> None:
        """Make the ``_migrations`` table and its companions, or complete what is there.

        `migrate` does so by itself; calling this twice does no harm.
        """
        async with self._session(writes=True) as session:
            await session.read_applied()  # takes over a table left by 0.3.1
            await session.create_tables()

    async def migrate(
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
        files = await self.load_migrations()
        number = 0
        repeatable = await self.load_repeatable()
        async with self._session(writes=True, told="migrate") as session:
            first_look = await self._first_look(session, files, repeatable=bool(repeatable))
            again: tuple[str, ...] = ()
            if repeatable:
                from .migrations.repeatable import stale

                again = stale(repeatable, dict(session.repeatable))
            if again or choose_up(first_look, target, self.allow):
                objects = None
                if repeatable:
                    from .migrations.objects import arranged

                    objects = arranged(repeatable)
                hooks = await self._load_hooks()
                run = self._run(session, files, finish_backfills, until=until)
                done = await run.up(
                    files, first_look, target, fresh=fresh, objects=objects, hooks=hooks
                )
                number = len(done)
        if finish_backfills:
            await self._finish_backfills((), until=until)
        return number

    async def rollback(
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
        files = await self.load_migrations()
        async with self._session(writes=True, told="rollback") as session:
            first_look = await self._first_look(session, files, ORDERED_COLUMNS)
            self._check_lowest(target, first_look)
            if not choose_down(first_look, count, target, self.allow):
                as_shown((), shown)
                return 0
            run = self._run(session, files, down=True, until=until)
            return len(await run.down(files, first_look, count, target, shown))

    # --- backfills -------------------------------------------------------------------------

    async def backfills(self, name: int | str | None = None) -> tuple[BackfillStatus, ...]:
        """Return how far backfills are: all, or the one of a version or name."""
        async with self._backfills() as service:
            return await service.status(None if name is None else str(name))

    async def run_backfills(
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
        return await self._finish_backfills(
            [str(name) for name in names],
            workers=workers,
            until_idle=until_idle,
            stop=stop,
            until=_deadline(deadline),
        )

    async def pause_backfill(self, name: int | str) -> str:
        """Let workers stop after the batch they are at; return what was done, a sentence."""
        async with self._backfills() as service:
            return await service.pause(str(name))

    async def resume_backfill(self, name: int | str) -> str:
        """Let one that is paused, failed or cancelled go on; return what was done, a sentence."""
        async with self._backfills() as service:
            return await service.resume(str(name))

    async def cancel_backfill(self, name: int | str) -> str:
        """Give one up; what is done stays. Return what was done, a sentence."""
        async with self._backfills() as service:
            return await service.cancel(str(name))

    async def retry_backfill(self, name: int | str) -> tuple[int, int]:
        """Try failed rows again; return how many are done now and how many failed again."""
        async with self._backfills() as service:
            return await service.retry(str(name))

    async def require_complete(self, *versions: int | str) -> None:
        """Raise BackfillIncomplete unless these migrations are applied with all their rows done,
        or, without any named, unless nothing is pending and every backfill is complete."""
        from .backfill.words import incomplete
        from .migrations.readiness import readiness

        wanted = _versions(versions)
        snapshot = await self._snapshot()
        if not wanted:
            choose_up(snapshot.statuses, None, self.allow)  # raises what stands in the way
        found = readiness(snapshot, self.allow, requires=wanted, complete=not wanted)
        missing = [version for version in found.missing if not wanted or version in wanted]
        left = [one for one in found.backfills if not wanted or one.version in wanted]
        if missing or left:
            raise incomplete(missing[0] if missing else None, left[0] if left else None)

    async def readiness(
        self, *, requires: Iterable[int | str] = (), complete: bool = False
    ) -> Readiness:
        """Return what the database lacks of what these files need: one look, see `wait`."""
        from .migrations.readiness import readiness
        from .runner.async_waiting import async_limited

        wanted = _versions(requires)
        files = await self.load_migrations()
        async with self._session() as session, async_limited(session):
            snapshot = await self._snapshot_in(session, files)
        return readiness(snapshot, self.allow, requires=wanted, complete=complete)

    async def wait(
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
        from .runner.async_waiting import async_until_ready

        look = partial(self.readiness, requires=tuple(requires), complete=complete)
        return await async_until_ready(
            look,
            self.on_event,
            timeout=_seconds(timeout, "time to wait"),
            interval=_seconds(interval, "interval"),
        )

    # --- asking ----------------------------------------------------------------------------

    async def get_applied_migrations(self) -> list[dict[str, Any]]:
        """Return the history, oldest version first; a dict a row, with at least
        ``version``, ``description`` and ``applied_at``. Empty before the first migration."""
        return await self._read(f"SELECT * FROM {self._history} ORDER BY version")

    async def get_current_version(self) -> int | None:
        """Return the newest applied version, None before the first migration."""
        rows = await self._read(f"SELECT max(version) AS version FROM {self._history}")
        return rows[0]["version"] if rows else None

    async def is_applied(self, version: int | str) -> bool:
        """Return whether a version is applied."""
        number = parse_version(version, "version")
        return bool(await self._read(f"SELECT 1 FROM {self._history} WHERE version = {number}"))

    async def pending(self) -> list[MigrationFile]:
        """Return the migrations that `migrate` would apply, in order. Raises what it would."""
        snapshot = await self._snapshot()
        return list(choose_up(snapshot.statuses, None, self.allow))

    async def status(self) -> Status:
        """Return what is applied, what is pending and how it would run, and what is wrong."""
        from .migrations.status import status_of

        return status_of(await self._snapshot(), self.allow)

    async def attempts(self) -> list[Attempt]:
        """Return failed attempts, newest first: when, who, where, which statement, why."""
        from .migrations.results import Attempt

        async with self._session() as session:
            await session.read_applied()
            rows = await session.read(session.tables.read_attempts())
        return [Attempt(*row) for row in rows]

    # --- care ------------------------------------------------------------------------------

    async def baseline(self, version: int | str) -> int:
        """Record every migration up to ``version`` as applied without running it; return how many.

        For a database whose schema was made by other means. Raises UnknownVersion.
        """
        target = parse_version(version, "version")
        assert target is not None
        files = await self.load_migrations()
        async with self._session(writes=True) as session:
            return await self._run(session).baseline(files, target)

    async def carry_over(self, entries: Sequence[Carried]) -> int:
        """Record what another tool has applied, with its times; return how many rows are new.

        One transaction writes them all. `importing.async_adopt` proves first that they are true.
        """
        if not entries:
            return 0
        async with self._session(writes=True) as session:
            return await self._run(session).carry_over(entries)

    async def repair(self, version: int | str, *, applied: bool | None = None) -> str:
        """Settle one migration after a person has looked; return what was done, a sentence.

        Without ``applied`` it accepts the file of an applied migration as it is now, or forgets
        the row of one whose file is gone. ``applied=True`` records one that stopped half way as
        applied, ``applied=False`` as not applied; its journal is forgotten.
        """
        number = parse_version(version, "version")
        assert number is not None
        files = await self.load_migrations()
        async with self._session(writes=True) as session:
            return await self._run(session).repair(files, number, applied)

    async def squash(
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
        from .shadow.async_squash import async_squash, with_path

        target = parse_version(version, "version")
        assert target is not None
        finish = partial(directory.finish_squash, dry_run=dry_run)
        begun = await async_blocking(finish, self.migrations_dir, target)
        if begun is not None:
            return begun
        files = await self.load_migrations()
        if on is None and any(f.backfill for f in files if f.version <= target):
            await self._no_backfill_left(target)
        found = await async_squash(
            self.db,
            self.migrations_dir,
            files,
            target,
            settings=self.settings,
            repeatable=await self.load_repeatable(),
            hooks=await self._load_hooks(),
            undo=undo,
            on=on,
        )
        if dry_run:
            return found
        old = [file for file in files if file.version <= target]
        name = Path(found.path).name
        args = (self.migrations_dir, name, found.text, old)
        return with_path(found, str(await async_blocking(directory.replace_by_squash, *args)))

    async def _no_backfill_left(self, target: int) -> None:
        """Raise BackfillIncomplete while a backfill up to a version has rows to do here."""
        from .backfill.words import incomplete

        for one in await self.backfills():
            if not one.complete and one.direction == "up" and (one.version or 0) <= target:
                raise incomplete(None, one)

    async def lease_status(self) -> LeaseStatus:
        """Return who may migrate now, which migration they are at, and who keeps them waiting."""
        from .migrations.results import LeaseStatus

        try:
            files = await self.load_migrations()
        except ManticoreError:  # who is at work can be asked from anywhere
            files = []
        async with self._session() as session:
            _, journal, statuses = await self._recorded_in(session, files)
            found = await self._runner(session, journal, statuses)
        return found or LeaseStatus(None, 0, None, None, None)

    async def release_lease(self) -> str | None:
        """Take the lease from whoever holds it and end their session; return who, or None.

        The holder is fenced: should it still live, it can record nothing more.
        """
        async with self._session(writes=True) as session:
            await session.read_applied()
            rows = (await session.prepared(session.tables.break_lease()))[0]
            if not rows:
                return None
            owner, held = rows[0]
            if held:
                await session.end_session(held)
            return str(owner)

    # --- the schema ------------------------------------------------------------------------

    async def dump(self) -> str:
        """Return the schema as SQL: the same schema gives the same text, and running it on an
        empty database gives the same schema. Our own tables are not in it."""
        from .schema.async_read import async_read
        from .schema.render import render

        return render(await async_read(self.db))

    async def drift(self, against: Source | None = None, *, ignore: Sequence[str] = ()) -> Drift:
        """Return what the database has otherwise than its applied migrations make.

        They are replayed on a scratch database, which is dropped again. ``against`` is another
        schema to hold it against instead, as for `diff`. ``ignore`` are patterns of names to leave
        out: ``audit.*``. Raises SchemaError when something cannot be replayed.
        """
        if against is not None:
            from .schema.changes import Drift, without
            from .schema.diff import compare

            actual, wanted = await self._with_other(against)
            return Drift(without(compare(wanted, actual), ignore), ())
        from .shadow.async_drift import async_find_drift

        files = await self.load_migrations()
        rows = await self.get_applied_migrations()
        repeatable = await self.load_repeatable()
        ran: dict[str, str] = {}
        if repeatable:
            async with self._session() as session:
                await session.read_applied(repeatable=True)
                ran = {str(name): str(checksum) for name, checksum in session.repeatable if name}
        beside = (repeatable, ran, await self._load_hooks(), self.home)
        return await async_find_drift(self.db, files, rows, self.settings, ignore, *beside)

    async def diff(self, other: Source) -> tuple[Change, ...]:
        """Return what the schema of ``other`` has otherwise than that of this database.

        ``other`` is a database, a URL, the path of a dump or of a directory of migrations.
        """
        from .schema.diff import compare

        return compare(*await self._with_other(other))

    # --- knowing before --------------------------------------------------------------------

    async def plan(
        self,
        target_version: int | str | None = None,
        *,
        rollback: bool = False,
        count: int = 1,
    ) -> Plan:
        """Return what `migrate` would run, in order, and what it costs; with ``rollback`` what
        `rollback` with this ``count`` or target would. Changes nothing. Raises HistoryError."""
        from .preview.async_plan import async_plan_down, async_plan_up

        check_count(count)
        target, files = parse_version(target_version), await self.load_migrations()
        async with self._session() as session:
            snapshot = await self._snapshot_in(session, files)
            if rollback:
                self._check_lowest(target, snapshot.statuses)
                chosen = choose_down(snapshot.statuses, count, target, self.allow)
                return await async_plan_down(session, snapshot, chosen, self.values)
            due = choose_up(snapshot.statuses, target, self.allow)
            plan = await async_plan_up(session, snapshot, due)
            again = [one for one in snapshot.repeatable if one.state in ("pending", "partial")]
            if again and len(choose_up(snapshot.statuses, None, self.allow)) == len(due):
                from .preview.async_plan import async_plan_repeatable

                objects = await self.load_repeatable()
                plan = await async_plan_repeatable(session, plan, objects, again)
            if plan.changes and (hooks := await self._load_hooks()):
                from .preview.async_plan import plan_hooks

                plan = plan_hooks(session, plan, hooks)
            return plan

    async def lint(
        self, *, target: str | None = None, config: LintConfig | None = None
    ) -> tuple[Finding, ...]:
        """Return what the lint rules find in what is not applied here yet; for a ``target`` such
        as ``cockroachdb:25.4`` in every file, without connecting. Raises FileError."""
        from .lint.async_linting import async_lint_directory

        return await async_lint_directory(self.db, self.migrations_dir, target, config)

    async def verify(
        self, *, newest: int = 5, strict: bool = False, on: Engine | None = None
    ) -> Verification:
        """Return whether every migration applies, is undone by its undo part, and can be resumed
        after a crash; tried on scratch databases, on this server or a throwaway one (``on``)."""
        from .shadow.async_verify import async_verify

        return await async_verify(
            self.db,
            await self.load_migrations(),
            settings=self.settings,
            environment=self.environment,
            on_event=self.on_event,
            newest=newest,
            strict=strict,
            on=on,
            repeatable=await self.load_repeatable(),
            hooks=await self._load_hooks(),
            home=self.home,
        )

    # --- inside ----------------------------------------------------------------------------

    async def _with_other(self, other: Source) -> tuple[Schema, Schema]:
        """The schema of this database, and another to hold it against."""
        from .schema.async_read import async_read
        from .shadow.async_sources import async_schema_of

        return await async_read(self.db), await async_schema_of(other, self.db, self.values)

    @property
    def _history(self) -> str:
        return self.home.name(HISTORY) if self.home else HISTORY

    @asynccontextmanager
    async def _session(
        self, *, writes: bool = False, told: str = ""
    ) -> AsyncIterator[AsyncSession]:
        self.db._refuse_inside("The migrator's work, which has its own session,")
        session = AsyncSession(
            self.db,
            self.settings,
            self.on_event,
            reconnect_wait=self.reconnect_wait,
            writes=writes,
            home=self.home,
            seat=self._seat,
        )
        with self._telling(session, told):
            await session.open_at_first()
            try:
                yield session
            except psycopg.Error as error:
                from .runner.refusal import refusal

                raise refusal(error) from error
            finally:
                await session.close()

    def _telling(self, session: AsyncSession, told: str) -> AbstractContextManager[object]:
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

    @asynccontextmanager
    async def _backfills(self, told: str = "") -> AsyncIterator[AsyncBackfills]:
        from .backfill.async_service import AsyncBackfills

        files = await self.load_migrations() if self.migrations_dir.is_dir() else []
        async with self._session(told=told) as session:
            await session.steady(lambda: session.read_applied(APPLIED_COLUMNS))
            yield AsyncBackfills(session, files, ttl=self.lease_ttl)

    async def _finish_backfills(
        self,
        names: Sequence[str],
        *,
        workers: int | None = None,
        until_idle: bool = True,
        stop: Callable[[], bool] = lambda: False,
        until: Deadline | None = None,
    ) -> list[str]:
        async with self._backfills(told="backfill run") as service:
            if until is None:
                return await service.run(names, workers=workers, until_idle=until_idle, stop=stop)
            over = until.passed
            done = await service.run(
                names, workers=workers, until_idle=until_idle, stop=lambda: over() or stop()
            )
            left = await service.open(names) if over() else []
        if left:
            from .runner.deadline import reached

            rows = "; ".join(f"{one.rows:,} rows of backfill {one.name} are done" for one in left)
            raise reached(None, (), f"The time was up: {rows}.")
        return done

    def _run(
        self,
        session: AsyncSession,
        files: Sequence[MigrationFile] = (),
        finish_backfills: bool = False,
        *,
        down: bool = False,
        until: Deadline | None = None,
    ) -> AsyncRun:
        from .runner.async_run import AsyncRun

        backfills = None
        if down or any(file.backfill or file.requires for file in files):
            from .backfill.async_inline import AsyncInlineBackfills

            backfills = AsyncInlineBackfills(files, finish=finish_backfills)

        return AsyncRun(
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

    async def _first_look(
        self,
        session: AsyncSession,
        files: Sequence[MigrationFile],
        columns: str = APPLIED_COLUMNS,
        *,
        repeatable: bool = False,
    ) -> tuple[VersionStatus, ...]:
        """Where every migration stands, as far as one round trip without a lease can say."""
        rows = await session.steady(lambda: session.read_applied(columns, repeatable=repeatable))
        return resolve(files, [Recorded(*row) for row in rows or ()], (), self.environment)

    async def _snapshot(self) -> Snapshot:
        """Everything that files, history and journal say, changing nothing."""
        files = await self.load_migrations()
        async with self._session() as session:
            return await self._snapshot_in(session, files)

    async def _recorded_in(
        self, session: AsyncSession, files: Sequence[MigrationFile]
    ) -> tuple[list[HistoryRow], list[JournalRow], tuple[VersionStatus, ...]]:
        """History and journal, and what they make of the files."""
        from .migrations.results import HistoryRow
        from .runner.bookkeeping import journal_rows

        rows = [HistoryRow(*row) for row in await session.read_history()]
        journal = journal_rows(await session.read(session.tables.read_steps()))
        recorded = [
            Recorded(r.version, r.description, r.checksum, r.token, r.applied_at) for r in rows
        ]
        return rows, journal, resolve(files, recorded, journal, self.environment)

    async def _snapshot_in(self, session: AsyncSession, files: Sequence[MigrationFile]) -> Snapshot:
        from .migrations.status import Snapshot

        rows, journal, statuses = await self._recorded_in(session, files)
        backfills: tuple[BackfillStatus, ...] = ()
        if any(r.mode == "backfill" for r in rows) or any(f.backfill for f in files):
            from .backfill.async_service import AsyncBackfills

            backfills = await AsyncBackfills(session, files, ttl=self.lease_ttl).status()
        repeatable = await self._repeatable_in(session)
        facts = (session.server, session.caps, tuple(rows), tuple(journal), statuses)
        runner = await self._runner(session, journal, statuses)
        return Snapshot(*facts, backfills, repeatable, runner, await self._hooks_in(session))

    async def _hooks_in(self, session: AsyncSession) -> tuple[HookStatus, ...]:
        """The hooks there are, and when they last ran."""
        hooks = await self._load_hooks()
        if hooks is None:
            return ()
        from .migrations.hooks import statuses
        from .runner.script_table import read_hooks

        return statuses(hooks, await session.read(read_hooks(session.tables)))

    async def _repeatable_in(self, session: AsyncSession) -> tuple[RepeatableStatus, ...]:
        """Where every repeatable file stands."""
        files = await self.load_repeatable()
        if not files:
            return ()
        from .migrations.objects import statuses
        from .runner.script_table import read

        return statuses(files, await session.read(read(session.tables)))

    async def _runner(
        self,
        session: AsyncSession,
        journal: Sequence[JournalRow],
        statuses: Sequence[VersionStatus],
    ) -> LeaseStatus | None:
        """Who has the lease, None where nobody has; what they do is told while it has not
        expired."""
        rows = await session.read(session.tables.read_lease())
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
                found.append((await session.fetch(query))[0] if query else [])
            except psycopg.Error:  # the right to see other sessions is missing
                await session.rollback()
                found.append([])
        statement = activity.shown(str(found[0][0][0])) if found[0] else None
        blocked_by = tuple(map(activity.named, found[1]))
        return LeaseStatus(owner, token, held, since, remaining, version, statement, blocked_by)

    async def _read(self, sql: str) -> list[dict[str, Any]]:
        try:
            # A failure would spoil the transaction that may be open here.
            async with self.db.transaction() if self.db._inside() else nullcontext():
                return await self.db.execute(sql)
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
