"""AsyncFleet: a directory of migrations, held against many databases or schemas.

Each command goes the same way. Who is in the fleet is asked for; all are looked at
(`async_looking`); those that have something to do are worked on, wave by wave, by a crew
(`async_crew`), each by the migrator of a single database (`async_member`); what became of every one
is the report.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any, Unpack

import psycopg

from .._acompat import AsyncCancelled
from ..async_migration import AsyncMigrator, MigratorOptions
from ..errors import ConfigError, ManticoreError, raise_all
from ..migrations.choose import check_known, choose_up, parse_version, problems, resolve
from ..migrations.status import WAITING
from ..parser.quoting import quote
from ..runner.async_seat import AsyncSeat
from ..runner.events import MigrationFinished
from ..url import dereferenced
from . import events as e
from .async_crew import AsyncCrew
from .async_looking import AsyncLooking
from .async_member import AsyncMember, Files, async_read_files
from .async_names import async_ask_names
from .look import Look
from .report import FleetReport, FleetStatus, Outcome, State, TargetStatus, report_of
from .rollout import Rollout, rollout_of
from .spec import FleetSpec, Target, chosen, spec_of, targets_of

if TYPE_CHECKING:
    from ..async_database import AsyncDatabase
    from ..migrations.choose import VersionStatus
    from ..runner.events import Event


class AsyncFleet:
    """Migrates, reverts and reports many databases or schemas as one.

    ``db`` is where the names of the targets are asked for, and where schemas and databases of a
    fleet are; a target with a URL of its own may be anywhere. Who is in the fleet and where each is
    say the arguments, see `fleet.spec.FleetSpec`, or the ``spec`` of a configuration.
    ``options`` are those of `AsyncMigrator`, for every target. ``on_event`` hears `fleet.events`.
    Raises ConfigError for what cannot be meant.
    """

    def __init__(
        self,
        db: AsyncDatabase,
        migrations_dir: str | os.PathLike[str] = "./migrations",
        *,
        names: Sequence[str] | None = None,
        query: str | None = None,
        databases: str | None = None,
        schemas: str | None = None,
        command: str | None = None,
        schema: str | None = None,
        database: str | None = None,
        url: str | None = None,
        search_path: Sequence[str] = (),
        parallel: int | None = None,
        connections: int | None = None,
        create: bool = False,
        allow_empty: bool = False,
        spec: FleetSpec | None = None,
        name: str | None = None,
        on_event: e.FleetListener | None = None,
        **options: Unpack[MigratorOptions],
    ) -> None:
        self.db = db
        self.migrations_dir = migrations_dir
        self.name = name
        self.where = "the fleet" if name is None else f"the fleet {name}"
        self.spec = spec or spec_of(
            {
                "names": names,
                "query": query,
                "databases": databases,
                "schemas": schemas,
                "command": command,
                "schema": schema,
                "database": database,
                "url": url,
                "search_path": search_path,
                "parallel": parallel,
                "connections": connections,
                "create": create,
                "allow_empty": allow_empty,
            },
            self.where,
        )
        self.options = options
        self.on_event = on_event or _ignore
        self.report: FleetReport | None = None
        """What became of the last run, also of one that was interrupted."""
        self._lock = RLock()
        self._plain = AsyncMigrator(db, migrations_dir, **self.options)

    # --- who -------------------------------------------------------------------------------

    async def targets(
        self, *, only: Sequence[str] = (), leave_out: Sequence[str] = ()
    ) -> tuple[Target, ...]:
        """Return the targets, in their order: those that match one of ``only``, where any are
        given, and none of ``leave_out``, which are patterns such as ``acme*``. Raises ConfigError
        for a name that appears twice, for two that are one place, and for nobody at all."""
        names = await async_ask_names(self.db, self.spec, self.where)
        return chosen(targets_of(self.spec, names, self.where), only, leave_out)

    # --- doing -----------------------------------------------------------------------------

    async def migrate(
        self,
        target_version: int | str | None = None,
        *,
        fresh: bool = False,
        finish_backfills: bool = False,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        canary: int | None = None,
        waves: str | None = None,
        max_failures: str | int | None = None,
        parallel: int | None = None,
    ) -> FleetReport:
        """Apply pending migrations in every target; return what became of each.

        Only targets that have something to do are worked on, each as `AsyncMigrator.migrate` would.
        ``canary`` of them go first, or ``waves`` such as ``"1,5%,rest"``; when more than
        ``max_failures`` have failed, a number or ``"5%"`` of all, no more are begun. Run it again
        after whatever stopped it: what is done stays done. A failing target raises nothing, it is
        in the report; ConfigError, FileError and ConnectionFailed are raised before anything runs.
        """
        version = parse_version(target_version)
        files = await self._files()
        if version is not None:
            check_known(version, (f.version for f in files.migrations), self.migrations_dir)

        def due(look: Look) -> bool:
            statuses = self._statuses(files, look)
            chosen_up = choose_up(statuses, version, self._plain.allow)
            return bool(chosen_up or _stale(files, look))

        async def work(member: AsyncMember) -> object:
            await member.migrate(version, fresh=fresh, finish_backfills=finish_backfills)
            return None

        rollout = self._rollout(canary, waves, max_failures)
        return await self._run("migrate", files, due, work, rollout, parallel, only, leave_out)

    # --- asking ----------------------------------------------------------------------------

    async def status(
        self,
        *,
        only: Sequence[str] = (),
        leave_out: Sequence[str] = (),
        parallel: int | None = None,
    ) -> FleetStatus:
        """Return where each target stands: who is behind, and what is wrong. Changes nothing."""
        files = await self._files()
        targets = await self.targets(only=only, leave_out=leave_out)
        looks = await self._look(targets, files, self._size(parallel))
        return FleetStatus(tuple(self._standing(t, looks[t.name], files) for t in targets))

    # --- inside ----------------------------------------------------------------------------

    async def _files(self) -> Files:
        files = await async_read_files(self._plain)
        self._tell(e.FilesRead(files.migrations))
        return files

    def _standing(self, target: Target, look: Look, files: Files) -> TargetStatus:
        name, place = target.name, target.place
        if look.error is not None or look.missing:
            error = look.error or ManticoreError(f"There is no {place}.")
            return TargetStatus(name, place, "problem", error=error)
        statuses = self._statuses(files, look)
        wrong = problems(statuses, self._plain.allow)
        pending = tuple(one.version for one in statuses if one.state in WAITING)
        stale = _stale(files, look)
        rows = look.standing.rows
        return TargetStatus(
            name,
            place,
            "problem" if wrong else "behind" if pending or stale else "up to date",
            rows[-1].version if rows else None,
            len(rows),
            pending,
            stale,
            wrong,
        )

    def _rollout(
        self, canary: int | None, waves: str | None, max_failures: str | int | None
    ) -> Rollout:
        if canary is None and waves is None:
            waves = self.spec.waves
        if max_failures is None:
            max_failures = self.spec.max_failures
        return rollout_of(canary, waves, max_failures)

    async def _run(
        self,
        command: str,
        files: Files,
        is_due: Callable[[Look], bool],
        act: Callable[[AsyncMember], Any],
        rollout: Rollout,
        parallel: int | None,
        only: Sequence[str],
        leave_out: Sequence[str],
    ) -> FleetReport:
        """Look at all, work on those that have something to do, and report on every one."""
        started = monotonic()
        self.report = None
        targets = await self.targets(only=only, leave_out=leave_out)
        size = self._size(parallel)
        crew = AsyncCrew(size, rollout.may_fail.most(len(targets)), self._finished)
        try:
            looks = await self._look(targets, files, size)
            due: list[Target] = []
            for target in targets:
                outcome = self._seen(target, looks[target.name], is_due)
                if outcome is None:
                    due.append(target)
                else:
                    crew.ended(outcome)
            self._tell(e.FleetLooked(len(targets), len(due), rollout.sizes(len(due))))
            await self._in_waves(crew, due, rollout, files, act, looks)
        except AsyncCancelled:
            crew.halted = crew.halted or "it was interrupted"
            raise
        finally:
            await crew.close()
            if crew.halted is not None or crew.outcomes or not targets:
                self.report = report_of(
                    command, targets, crew.outcomes, monotonic() - started, crew.halted
                )
        assert self.report is not None
        return self.report

    async def _in_waves(
        self,
        crew: AsyncCrew,
        due: Sequence[Target],
        rollout: Rollout,
        files: Files,
        act: Callable[[AsyncMember], Any],
        looks: Mapping[str, Look],
    ) -> None:
        sizes = rollout.sizes(len(due))
        at = 0
        for number, size in enumerate(sizes, 1):
            if crew.halted is not None:
                break
            if len(sizes) > 1:
                self._tell(e.WaveStarted(number, len(sizes), size))

            async def work(target: Target, seat: AsyncSeat, wave: int = number) -> Outcome:
                missing = looks[target.name].missing
                return await self._work(target, seat, files, act, wave, missing=missing)

            await crew.run(due[at : at + size], work)
            at += size
        if crew.halted is not None:
            self._tell(e.FleetStopping(crew.halted))

    async def _work(
        self,
        target: Target,
        seat: AsyncSeat,
        files: Files,
        act: Callable[[AsyncMember], Any],
        wave: int,
        *,
        missing: bool,
    ) -> Outcome:
        """Work on one target. Whatever goes wrong is its outcome, and nobody else's."""
        versions: list[int] = []
        started = monotonic()

        def hear(event: Event) -> None:
            if isinstance(event, MigrationFinished):
                versions.append(event.version)
            self._tell(e.TargetEvent(target.name, event))

        self._tell(e.TargetStarted(target.name))
        found: object = None
        error: Exception | None = None
        shared = self.spec.kind == "schema"
        seat = seat if shared else AsyncSeat(seat.interrupted)
        database = None
        try:
            database = self._database(target)
            if missing and target.schema is not None:
                await _make_schema(database, seat, target.schema)
            found = await act(self._member(target, database, files, seat, hear))
        except AsyncCancelled:
            error = ManticoreError(
                "It was stopped before its next statement.",
                hint="what it had finished is recorded; run again to go on",
            )
        except Exception as caught:  # noqa: BLE001 - one target's error stops no other
            error = caught
        finally:
            if not shared:
                await seat.close()
                if database is not None:
                    await database.close()
        state: State = "done" if versions or found else "nothing"
        if error is not None:
            state = "failed"
        seconds = monotonic() - started
        return Outcome(
            target.name, target.place, state, tuple(versions), seconds, wave, error, found
        )

    def _seen(self, target: Target, look: Look, is_due: Callable[[Look], bool]) -> Outcome | None:
        """What a look alone says has become of a target; None where it is to be worked on."""
        if look.missing and self.spec.create:
            return None
        error = look.error
        if error is None:
            try:
                if is_due(look):
                    return None
            except ManticoreError as obstacle:
                error = obstacle
        state: State = "nothing" if error is None else "failed"
        return Outcome(target.name, target.place, state, error=error)

    async def _look(self, targets: Sequence[Target], files: Files, size: int) -> dict[str, Look]:
        looking = AsyncLooking(_ignore, repeatable=bool(files.repeatable))
        if self.spec.kind != "url" and await looking.together(self.db, targets):
            return looking.found

        async def look(target: Target, seat: AsyncSeat) -> Outcome:
            try:
                database = self._database(target)
            except ManticoreError as error:
                looking.found[target.name] = Look(error=error)
            else:
                await looking.database(database, target)
                await database.close()
            return Outcome(target.name, target.place, "nothing")

        crew = AsyncCrew(size, 0, _ignore)
        await crew.run(targets, look)
        raise_all(looking.same)
        return looking.found

    def _statuses(self, files: Files, look: Look) -> tuple[VersionStatus, ...]:
        standing = look.standing
        return resolve(files.migrations, standing.rows, standing.journal, self._plain.environment)

    def _database(self, target: Target) -> AsyncDatabase:
        """The database that a target is, or is in. Raises ConfigError."""
        if target.database is not None:
            settings = replace(self.db.settings, database=target.database, create=self.spec.create)
            return type(self.db).from_settings(settings)
        if target.url is not None:
            there = dereferenced(target.url, f"the target {target.name!r}", os.environ)
            return type(self.db).from_url(there, create=self.spec.create or None)
        return self.db

    def _member(
        self,
        target: Target,
        database: AsyncDatabase,
        files: Files,
        seat: AsyncSeat,
        hear: Callable[[Event], None],
    ) -> AsyncMember:
        return AsyncMember(
            database,
            files,
            # Another database is another connection; its crew still says when to stop.
            seat,
            migrations_dir=self.migrations_dir,
            schema=target.schema,
            search_path=self.spec.search_path,
            on_event=hear,
            **self.options,
        )

    def _size(self, parallel: int | None) -> int:
        if parallel is not None and (isinstance(parallel, bool) or parallel < 1):
            raise ConfigError(f"{parallel!r} targets at once are none.", hint="give 1 or more")
        return parallel or self.spec.parallel

    def _tell(self, event: Event) -> None:
        with self._lock:
            self.on_event(event)

    def _finished(self, outcome: Outcome) -> None:
        self._tell(e.TargetFinished(outcome))


def _stale(files: Files, look: Look) -> tuple[str, ...]:
    """The repeatable files that are not as they last ran; all, where a run over them stopped."""
    ran = dict(look.standing.repeatable)
    return tuple(
        file.name for file in files.repeatable if "" in ran or ran.get(file.name) != file.checksum
    )


async def _make_schema(database: AsyncDatabase, seat: AsyncSeat, schema: str) -> None:
    """Make a schema, which others may be making too."""
    connection = seat.take(database) or await database.dedicated()
    try:
        # Two at once meet in PostgreSQL's catalog, in spite of IF NOT EXISTS.
        with suppress(psycopg.errors.UniqueViolation, psycopg.errors.DuplicateSchema):
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}".encode())
    finally:
        if not seat.leave(database, connection):
            await connection.close()


def _ignore(_: object) -> None:
    """Listen to nothing."""
