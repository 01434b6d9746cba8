"""AsyncCampaign: one command carried out on the targets of a fleet, from the look to the report.

It knows no command. What is to be done in a target, and whether anything is, come as functions
(`Command`); the waves, the crew, the connections and what became of each target are here.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING

import psycopg

from .._acompat import AsyncCancelled
from ..errors import ConfigError, ManticoreError, raise_all
from ..parser.quoting import quote
from ..runner.async_seat import AsyncSeat
from ..runner.events import MigrationFinished, RepeatableFinished
from ..url import dereferenced
from . import events as e
from .async_crew import AsyncCrew
from .async_looking import AsyncLooking
from .async_member import AsyncMember, Files
from .look import Look
from .objects import check_objects
from .report import FleetReport, Outcome, State, report_of
from .rollout import Rollout
from .spec import FleetSpec, Target

if TYPE_CHECKING:
    from pathlib import Path

    from ..async_database import AsyncDatabase
    from ..async_migration import MigratorOptions
    from ..runner.deadline import Deadline
    from ..runner.events import Event

PER_TARGET = 2
"""Connections that a target may need: its own, and after a while that of the lease."""


@dataclass(frozen=True)
class Command:
    """What is done in each target.

    ``is_due`` says whether there is anything to do, from a look alone, or raises what stands in the
    way. ``act`` does it; what it returns is the outcome's result, and a sign that something was
    done, as a finished migration is. ``creates``: it may make what is missing.
    """

    name: str
    is_due: Callable[[Target, Look], bool]
    act: Callable[[AsyncMember, Target], Awaitable[object]]
    creates: bool = False


class AsyncCampaign:
    """The targets of one fleet, and how to get at each."""

    def __init__(
        self,
        database: AsyncDatabase,
        spec: FleetSpec,
        directory: Path,
        options: MigratorOptions,
        files: Files,
        targets: Sequence[Target],
        tell: Callable[[Event], None],
    ) -> None:
        self.database = database
        self.spec = spec
        self.directory = directory
        self.options = options
        self.files = files
        self.targets = targets
        self.tell = tell
        self.looks: Mapping[str, Look] = {}
        self.report: FleetReport | None = None
        self._looking = AsyncLooking(_ignore, repeatable=bool(files.repeatable))

    # --- looking ---------------------------------------------------------------------------

    async def look(self, size: int, *, whole: bool = False, backfills: bool = False) -> None:
        """See how all targets stand; ``whole``: each by itself, to the last column; with
        ``backfills``, which of those are not complete. Raises ConnectionFailed."""
        looking = self._looking
        looking.whole, looking.backfills = whole, backfills
        if self.spec.kind == "url" or not await looking.together(self.database, self.targets):

            async def look(target: Target, seat: AsyncSeat) -> Outcome:
                try:
                    database = self.reached(target)
                except ManticoreError as error:
                    looking.found[target.name] = Look(error=error)
                else:
                    await looking.alone(database, target)
                    await database.close()
                return Outcome(target.name, target.place, "nothing to do")

            await AsyncCrew(self.fitting(size, 1), 0, _ignore).run(self.targets, look)
            raise_all(looking.same)
        self.looks = looking.found

    def fitting(self, size: int, each: int = PER_TARGET) -> int:
        """How many targets to work on at once, with ``each`` connections each, so that what the
        configuration allows and what PostgreSQL has left are enough."""
        limits = [self.spec.connections, self._looking.free]
        budget = min((limit for limit in limits if limit is not None), default=None)
        return size if budget is None else max(min(size, budget // each), 1)

    # --- doing -----------------------------------------------------------------------------

    async def run(
        self, command: Command, size: int, rollout: Rollout, until: Deadline | None = None
    ) -> FleetReport:
        """Do it in those that have something to do, wave by wave; report on every one. After
        ``until`` none is begun."""
        started = monotonic()
        fitting = self.fitting(size)
        may_fail = rollout.may_fail.most(len(self.targets))
        crew = AsyncCrew(fitting, may_fail, self._finished, until)
        try:
            due: list[Target] = []
            for target in self.targets:
                outcome = self._seen(target, command)
                if outcome is None:
                    due.append(target)
                else:
                    crew.ended(outcome)
            if command.creates:
                self._check_objects(due)
            sizes = rollout.sizes(len(due))
            self.tell(e.FleetLooked(len(self.targets), len(due), sizes))
            if fitting < min(size, len(due)):
                self.tell(e.FleetNote(_fewer(fitting, self.spec.connections, self._looking.free)))
            await self._in_waves(crew, due, sizes, command)
        except AsyncCancelled:
            crew.halted = crew.halted or "it was interrupted"
            raise
        finally:
            await crew.close()
            if crew.halted is not None or crew.outcomes or not self.targets:
                self.report = report_of(
                    command.name, self.targets, crew.outcomes, monotonic() - started, crew.halted
                )
        assert self.report is not None
        return self.report

    async def _in_waves(
        self, crew: AsyncCrew, due: Sequence[Target], sizes: Iterable[int], command: Command
    ) -> None:
        at, waves = 0, list(sizes)
        for number, size in enumerate(waves, 1):
            if crew.halted is not None:
                break
            if len(waves) > 1:
                self.tell(e.WaveStarted(number, len(waves), size))

            async def work(target: Target, seat: AsyncSeat, wave: int = number) -> Outcome:
                return await self._work(target, seat, command, wave)

            await crew.run(due[at : at + size], work)
            at += size
        if crew.halted is not None:
            self.tell(e.FleetStopping(crew.halted))

    async def _work(self, target: Target, seat: AsyncSeat, command: Command, wave: int) -> Outcome:
        """Work on one target. Whatever goes wrong is its outcome, and nobody else's."""
        versions: list[int] = []
        started, ran = monotonic(), False

        def hear(event: Event) -> None:
            nonlocal ran
            if isinstance(event, MigrationFinished):
                versions.append(event.version)
            ran = ran or isinstance(event, MigrationFinished | RepeatableFinished)
            self.tell(e.TargetEvent(target.name, event))

        self.tell(e.TargetStarted(target.name))
        found: object = None
        error: Exception | None = None
        shared = self.spec.kind == "schema"
        seat = seat if shared else AsyncSeat(seat.interrupted)
        database = None
        try:
            database = self.reached(target)
            if self.looks[target.name].missing and target.schema is not None:
                await _make_schema(database, seat, target.schema)
            found = await command.act(self._member(target, database, seat, hear), target)
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
        state: State = (
            "failed" if error is not None else "done" if ran or found else "nothing to do"
        )
        seconds = monotonic() - started
        return Outcome(
            target.name, target.place, state, tuple(versions), seconds, wave, error, found
        )

    def _seen(self, target: Target, command: Command) -> Outcome | None:
        """What a look alone says has become of a target; None where it is to be worked on."""
        look = self.looks[target.name]
        if look.missing and self.spec.create and command.creates:
            return None
        error = look.error
        if error is None:
            try:
                if command.is_due(target, look):
                    return None
            except ManticoreError as obstacle:
                error = obstacle
        state: State = "nothing to do" if error is None else "failed"
        return Outcome(target.name, target.place, state, error=error)

    def _check_objects(self, due: Sequence[Target]) -> None:
        """Raise Refused where CockroachDB would not create all that is due; note it where only
        its makers advise against so many."""
        looking = self._looking
        if looking.objects is None:
            return
        standings = [self.looks[target.name].standing for target in due]
        note = check_objects(
            looking.objects, looking.objects_limit, standings, self.files.migrations
        )
        if note is not None:
            self.tell(e.FleetNote(note))

    # --- inside ----------------------------------------------------------------------------

    def reached(self, target: Target) -> AsyncDatabase:
        """The database that a target is, or is in. Raises ConfigError."""
        kind = type(self.database)
        if target.database is not None:
            settings = self.database.settings
            return kind.from_settings(
                replace(settings, database=target.database, create=self.spec.create)
            )
        if target.url is not None:
            there = dereferenced(target.url, f"the target {target.name!r}", os.environ)
            return kind.from_url(there, create=self.spec.create or None)
        return self.database

    def _member(
        self,
        target: Target,
        database: AsyncDatabase,
        seat: AsyncSeat,
        hear: Callable[[Event], None],
    ) -> AsyncMember:
        return AsyncMember(
            database,
            self.files,
            seat,
            migrations_dir=self.directory,
            schema=target.schema,
            search_path=self.spec.search_path,
            on_event=hear,
            **self.options,
        )

    def _finished(self, outcome: Outcome) -> None:
        self.tell(e.TargetFinished(outcome))


def checked_size(parallel: int | None, spec: FleetSpec) -> int:
    """How many targets to work on at once. Raises ConfigError."""
    if parallel is not None and (isinstance(parallel, bool) or parallel < 1):
        raise ConfigError(f"{parallel!r} targets at once are none.", hint="give 1 or more")
    return parallel or spec.parallel


def _fewer(size: int, allowed: int | None, free: int | None) -> str:
    if allowed is not None and (free is None or allowed <= free):
        return f"{size} at once: {allowed} connections are allowed, and each may need {PER_TARGET}"
    return f"{size} at once: the server has {free} connections left, and each may need {PER_TARGET}"


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
