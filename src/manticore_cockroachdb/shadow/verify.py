# Generated from async_verify.py by tools/unasync.py; do not edit.
"""Run everything on scratch databases, and compare; see the head of this package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

import psycopg

from ..backfill.inline import InlineBackfills
from ..dialect import Engine, capabilities
from ..errors import ConfigError, ManticoreError, NoUndo, SchemaError
from ..migrations.backfill import Backfill, Batching
from ..migrations.choose import Allowances, Recorded, resolve
from ..migrations.file import MigrationFile
from ..migrations.objects import Objects, arranged
from ..migrations.plan import plan_script
from ..migrations.repeatable import Repeatable
from ..migrations.script import script_of
from ..own_tables import FAILURES, HISTORY, RANGES, STEPS
from ..parser.quoting import qualified
from ..parser.split import split
from ..retry import RetryPolicy
from ..runner.run import Run
from ..schema import model as m
from ..schema.diff import Change, compare
from ..schema.read import fetch, read, which_server
from .crash import Crash, CrashingSession
from .crash_points import MOST_STEPS, CrashPoint, crash_points, is_visible
from .replay import around_home, make_home
from .risks import shared
from .rows import Rows
from .scratch import Scratch
from .verification import Failing, Stage, Verification, Verified

if TYPE_CHECKING:
    from ..database import Database
    from ..migrations.hooks import Hooks
    from ..migrations.script import MigrationPlan
    from ..runner.events import Listener
    from ..runner.home import Home

_DATABASES = "SELECT datname FROM pg_catalog.pg_database"
_SCHEMAS = "SELECT nspname FROM pg_catalog.pg_namespace"
_COLUMNS = "version, description, checksum, undo, mode"
_LEASE = 30.0
BATCH = 7
"""Rows a batch of a backfill that runs over made-up rows."""
MOST_BATCHES = 50
"""About how many a trial takes, where the migrations themselves put many rows into the table."""
_OF_MADE_UP_ROWS = (
    "these rows are made up for the trial, some with NULL where a column allows it; your table may"
    " have such rows too: let the statement, -- @where, -- @check or a constraint deal with them"
)


def verify(
    database: Database,
    every: Sequence[MigrationFile],
    *,
    settings: Mapping[str, str],
    environment: str | None,
    on_event: Listener,
    newest: int = 5,
    strict: bool = False,
    on: Engine | None = None,
    repeatable: Sequence[Repeatable] = (),
    hooks: Hooks | None = None,
    home: Home | None = None,
) -> Verification:
    """Verify the migrations of these files; the database itself is not touched.

    After them the ``repeatable`` files run, and once more all of them, which must change nothing.
    ``hooks`` run where they would if all of that were one run; the simulated crashes are those of
    migrations, between their hooks.

    Those that belong to ``environment`` run with the session settings ``settings``, and are told
    to ``on_event``. The ``newest`` ones go through crashes. ``on`` asks for a throwaway server of
    an engine instead of a scratch database on the database's server, which is then not even
    connected to. ``home`` is the schema that they run in. Raises SchemaError where no scratch
    database can be had.
    """
    if isinstance(newest, bool) or newest < 0:
        raise ConfigError(f"The number of migrations {newest!r} is none.", hint="give 0 or more")
    started = monotonic()
    files = [file for file in every if file.belongs_to(environment)]
    skipped = tuple(file.version for file in every if not file.belongs_to(environment))
    reason = None if on is not None else _reason(database, files, repeatable, hooks)
    around = ""
    if home is not None and home.behind and on is None:
        around = around_home(read(database), home)
    scratch = Scratch(database, reason=reason, on=on)
    with scratch.database() as empty:
        first = _Trial(empty, files, settings, on_event, hooks, home, around)
        first.know_server()
        failures = first.hook("before_migrate")
        verdicts = first.each() if not failures else []
        fine = not failures and all(not v.failures for v in verdicts)
        failures = failures or (first.everything() if fine else [])
        first.remember_history()
        if repeatable and fine and not failures:
            failures = first.again(repeatable)
        if fine and not failures:
            failures = first.hook("after_migrate")
    done = len(first.catalogs) - 1 if not failures else 0
    if newest and done:
        with scratch.database() as empty:
            second = _Trial(empty, files[:done], settings, on_event, hooks, home, around)
            second.know_server()
            second.hook("before_migrate")
            second.crashes(first, verdicts, newest)
    for number in range(max(0, len(files) - newest), done):
        if files[number].backfill is not None:
            with scratch.database() as empty:
                these = files[: number + 1]
                third = _Trial(empty, these, settings, on_event, hooks, home, around)
                third.know_server()
                third.hook("before_migrate")
                verdicts[number] = third.over_rows(verdicts[number])
    notes = () if scratch.reason is None else (f"on a server of our own, since {scratch.reason}",)
    return Verification(
        first.server,
        tuple(verdicts),
        tuple(failures),
        notes,
        monotonic() - started,
        strict,
        skipped,
    )


def _reason(
    database: Database,
    files: Sequence[MigrationFile],
    repeatable: Sequence[Repeatable],
    hooks: Hooks | None,
) -> str | None:
    """Why the files must not be tried on the server of the database, or None."""
    with database.dedicated() as connection:
        databases, schemas = fetch(connection, _DATABASES, _SCHEMAS)
    return shared(
        files, {row[0] for row in databases}, {row[0] for row in schemas}, repeatable, hooks
    )


class _Trial:
    """A scratch database with the migrations that are tried out on it."""

    def __init__(
        self,
        database: Database,
        files: Sequence[MigrationFile],
        settings: Mapping[str, str],
        on_event: Listener,
        hooks: Hooks | None,
        home: Home | None = None,
        around: str = "",
    ) -> None:
        self.home = home
        self.around = around
        self.database = database
        self.hooks = hooks or {}
        self.crashing = False  # then hooks run beside, so that messages are the migration's
        self.each_hooks = {k: v for k, v in self.hooks.items() if k.endswith("_each")}
        self.settings = settings
        self.on_event = on_event
        self.files = [replace(file, environments=()) for file in files]
        self.catalogs: list[m.Schema] = []
        self.history: list[tuple[object, ...]] = []
        self.server = ""
        self.cockroachdb = False

    def know_server(self) -> None:
        """Find out which server this is, and make the schema that all happens in."""
        if self.home is not None:
            make_home(self.database, self.home, self.around)
        with self.database.dedicated() as connection:
            server = which_server(connection)
        self.server, self.cockroachdb = str(server), server.engine == "cockroachdb"
        self.caps = capabilities(server)

    def each(self) -> list[Verified]:
        """Take each migration up, down, up; stop at the first that cannot be applied."""
        self.catalogs = [read(self.database)]
        found = []
        for number in range(len(self.files)):
            verdict = self._one(number)
            found.append(verdict)
            if len(self.catalogs) < number + 2:
                break
        return found

    def _one(self, number: int) -> Verified:
        file = self.files[number]
        verdict = Verified(file.version, file.description, file.path)
        verdict = replace(verdict, reversible=has_undo(file))
        try:
            before = self.catalogs[number]
            seconds = self.up(number)
            verdict = replace(verdict, up=seconds)
            after = read(self.database)
        except ManticoreError as error:
            return replace(verdict, failures=(_failing("apply", error),))
        self.catalogs.append(after)
        if not verdict.reversible:
            return verdict
        stage: Stage = "undo"
        failures: list[Failing] = []
        try:
            verdict = replace(verdict, down=self.down(number, 1))
            if changes := compare(before, read(self.database)):
                message = "The undo part does not lead back to the schema before."
                failures.append(Failing(stage, message, changes))
            stage = "apply again"
            verdict = replace(verdict, again=self.up(number))
            if not failures and (changes := compare(after, read(self.database))):
                message = "Applied again, it does not lead to the same schema."
                failures.append(Failing(stage, message, changes))
        except ManticoreError as error:
            failures.append(_failing(stage, error))
            if not self._stands(number, after):
                self.catalogs.pop()  # nothing after this can be judged
        return replace(verdict, failures=tuple(failures))

    def _stands(self, number: int, after: m.Schema) -> bool:
        """Whether the schema is that of the migration all the same, so that what follows can be
        judged; its history is then made to say so."""
        if compare(after, read(self.database)):
            return False
        try:
            with self._run(number, None) as (run, _):
                run.baseline(self.files[: number + 1], self.files[number].version)
        except ManticoreError:
            return False
        return True

    def everything(self) -> list[Failing]:
        """Undo all, as far as there are undo parts, and apply all again."""
        last = len(self.files) - 1
        stop = next((i for i in range(last, -1, -1) if not has_undo(self.files[i])), -1)
        failures: list[Failing] = []
        stage: Stage = "undo all"
        try:
            if stop < last:
                self.down(last, last - stop)
                if changes := self._differs(read(self.database), stop + 1):
                    message = "Everything undone, the schema is not the one before."
                    failures.append(Failing(stage, message, changes))
                stage = "apply all"
                self.up(last)
                if changes := self._differs(read(self.database), last + 1):
                    message = "Everything applied again, the schema is not the same."
                    failures.append(Failing(stage, message, changes))
        except ManticoreError as error:
            failures.append(_failing(stage, error))
        return failures

    def again(self, repeatable: Sequence[Repeatable]) -> list[Failing]:
        """Run the repeatable files, and all of them again as if each had changed."""
        try:
            objects = arranged(repeatable)
            self.up(len(self.files) - 1, objects=objects)
            once = read(self.database)
            other = [replace(file, checksum="changed") for file in repeatable]
            self.up(len(self.files) - 1, objects=arranged(other))
        except ManticoreError as error:
            return [_failing("repeatable", error)]
        changes = compare(once, read(self.database))
        message = "The repeatable files, run again, do not leave the same schema."
        return [Failing("repeatable", message, changes)] if changes else []

    def hook(self, name: str) -> list[Failing]:
        """Run one hook, where there is one."""
        if name not in self.hooks:
            return []
        try:
            with self._run(len(self.files) - 1, None) as (run, session):
                session.read_applied()
                run.hook(self.hooks, name)
        except ManticoreError as error:
            return [_failing("hook", error)]
        return []

    def remember_history(self) -> None:
        """Keep the history, for the run with crashes to be compared with."""
        self.history = self._history() if self.files else []

    def _differs(self, now: m.Schema, number: int) -> tuple[Change, ...]:
        return compare(self.catalogs[number], now)

    # --- backfills -------------------------------------------------------------------------

    def over_rows(self, verdict: Verified) -> Verified:
        """Run the last file, a backfill, over rows that are made up: up, down, up."""
        number = len(self.files) - 1
        spec = script_of(self.files[number]).backfill
        assert spec is not None
        if number:
            self.up(number - 1, fresh=True)
        schema = read(self.database)
        named = [t for t in schema.tables if t.name == spec.table.name]
        home = self.home.schema if self.home is not None else "public"
        schemas = spec.table.parts[:-1][-1:] or (home,)
        table = next((t for t in named if t.schema in schemas), next(iter(named), None))
        if table is None:
            return verdict
        also = [spec.where or "", *(one.text for one in spec.templates)]
        with self.database.dedicated() as connection:
            made = Rows(connection, schema, also).make(table)
        if not made.rows:
            note = f"its backfill ran over no rows, for none could be made up: {made.why}"
            return replace(verdict, notes=(*verdict.notes, note))
        with self.database.dedicated() as connection:
            count = f"SELECT count(*) FROM {qualified(table.schema, table.name)}"
            rows = int((fetch(connection, count))[0][0][0])
        file = self.files[number] = in_small_batches(self.files[number], rows)
        stages: tuple[Stage, ...] = ("apply", "undo", "apply again")
        notes: list[str] = []
        for stage in stages if has_undo(file) else stages[:1]:
            try:
                (self.down(number, 1) if stage == "undo" else self.up(number))
            except ManticoreError as error:
                failed = self._failed_rows()
                if not failed or len(failed) >= rows:
                    failing = replace(_failing(stage, error), hint=_OF_MADE_UP_ROWS)
                    return replace(verdict, failures=(*verdict.failures, failing))
                notes.append(f"{stage}: {len(failed)} of {_these(rows, made.rows)} {failed[0]}")
                break
            if stage == "apply":
                notes.append(self._worked(rows, made.rows))
        return replace(verdict, notes=(*verdict.notes, *notes))

    def _failed_rows(self) -> list[str]:
        with self.database.dedicated() as connection:
            text = f"SELECT key, message FROM {self._ours(FAILURES)}"
            rows = (fetch(connection, text))[0]
        return [f"cannot be changed, such as {key}: {message}" for key, message in rows]

    def _worked(self, rows: int, made: int) -> str:
        text = f"SELECT sum(rows)::INT8, sum(batches)::INT8 FROM {self._ours(RANGES)}"
        with self.database.dedicated() as connection:
            done, batches = (fetch(connection, text))[0][0]
        if not done:
            every = _these(rows, made)
            return f"its backfill changed none of {every}: -- @where left them all out"
        many = "1 batch" if batches == 1 else f"{batches} batches"
        return f"its backfill ran over {done} of {_these(rows, made)} in {many}"

    # --- crashes ---------------------------------------------------------------------------

    def crashes(self, first: _Trial, verdicts: list[Verified], newest: int) -> None:
        """Take the newest migrations up through crashes; put what was seen into the verdicts."""
        start = max(0, len(self.files) - newest)
        if start:
            self.up(start - 1, fresh=True)
        self.crashing = True
        for number in range(start, len(self.files)):
            started = monotonic()
            plan = plan_script(script_of(self.files[number]), self.caps)
            beside = self.hook("before_each")
            count, failure = self._through(number, plan)
            beside += self.hook("after_each")
            if failure is None and beside:
                failure = beside[0]
            if failure is None:
                failure = self._compared(first, number)
            verdict = verdicts[number]
            verdicts[number] = replace(
                verdict,
                resume=monotonic() - started,
                crashes=count,
                failures=verdict.failures + ((failure,) if failure else ()),
                notes=(*verdict.notes, *self._blind(plan)),
            )
            if failure is not None:
                return

    def _through(self, number: int, plan: MigrationPlan) -> tuple[int, Failing | None]:
        count = 0
        try:
            for point in crash_points(plan, cockroachdb=self.cockroachdb):
                try:
                    self.up(number, crash=point)
                except Crash:
                    count += 1
                    self._forget_the_dead()
            self.up(number)
        except ManticoreError as error:
            return count, _failing("resume", error)
        return count, None

    def _forget_the_dead(self) -> None:
        """Free the lease that the dead runner holds, as `manticore lock release` does."""
        session = CrashingSession(self.database, {}, self.on_event, None, self.home)
        session.open()
        try:
            session.read_applied()
            session.prepared(session.tables.break_lease())
        finally:
            session.close()

    def _compared(self, first: _Trial, number: int) -> Failing | None:
        changes = compare(first.catalogs[number + 1], read(self.database))
        if changes:
            message = "After crashes, the schema is not that of an undisturbed run."
            return Failing("resume", message, changes)
        if self._history() != first.history[: number + 1]:
            return Failing("resume", "After crashes, the history is not the same.")
        with self.database.dedicated() as connection:
            left = (fetch(connection, f"SELECT count(*) FROM {self._ours(STEPS)}"))[0][0][0]
        if left:
            return Failing("resume", f"After crashes, {left} rows are left in the journal.")
        return None

    def _blind(self, plan: MigrationPlan) -> tuple[str, ...]:
        blind = [
            step.ordinal + 1
            for step in plan.steps
            if not step.atomic and not is_visible(step, cockroachdb=self.cockroachdb)
        ]
        notes = [f"if it dies during step {n}, a person has to look" for n in blind]
        if len(plan.steps) > MOST_STEPS:
            notes.append(f"only its first {MOST_STEPS} steps went through crashes")
        return tuple(notes)

    # --- running ---------------------------------------------------------------------------

    def up(
        self,
        number: int,
        *,
        crash: CrashPoint | None = None,
        fresh: bool = False,
        objects: Objects | None = None,
    ) -> float:
        """Apply what is pending up to a file; return the seconds it took."""
        with self._run(number, crash) as (run, session):
            files = self.files[: number + 1]
            rows = session.read_applied() or ()
            statuses = resolve(files, [Recorded(*row) for row in rows], (), None)
            started = monotonic()
            hooks = None if self.crashing else self.each_hooks
            run.up(files, statuses, None, fresh=fresh, objects=objects, hooks=hooks)
            return monotonic() - started

    def down(self, number: int, count: int) -> float:
        """Roll the last ``count`` back; return the seconds it took."""
        with self._run(number, None) as (run, session):
            files = self.files[: number + 1]
            rows = session.read_applied() or ()
            statuses = resolve(files, [Recorded(*row) for row in rows], (), None)
            started = monotonic()
            run.down(files, statuses, count, None)
            return monotonic() - started

    @contextmanager
    def _run(self, number: int, crash: CrashPoint | None) -> Iterator[tuple[Run, CrashingSession]]:
        session = CrashingSession(self.database, self.settings, self.on_event, crash, self.home)
        session.open()
        try:
            yield (
                Run(
                    session,
                    ttl=_LEASE,
                    wait=_LEASE,
                    allow=Allowances(),
                    environment=None,
                    policy=RetryPolicy(),
                    backfills=InlineBackfills(self.files, finish=True),
                ),
                session,
            )
        except psycopg.Error as error:
            message = f"The server refused: {' '.join(str(error).split())}"
            raise SchemaError(message) from error
        finally:
            session.close()

    def _history(self) -> list[tuple[object, ...]]:
        with self.database.dedicated() as connection:
            query = f"SELECT {_COLUMNS} FROM {self._ours(HISTORY)} ORDER BY version"
            return list((fetch(connection, query))[0])

    def _ours(self, table: str) -> str:
        return self.home.name(table) if self.home else table


def has_undo(file: MigrationFile) -> bool:
    """Whether the file has an undo part with a statement in it."""
    if file.is_program:
        return file.has_undo
    return file.down_sql is not None and next(split(file.down_sql), None) is not None


def _these(rows: int, made: int) -> str:
    """The rows that a backfill ran over: all of them made up, or some from the migrations."""
    if rows == made:
        return f"{rows} made-up rows"
    return f"{rows} rows, {made} of them made up"


def in_small_batches(file: MigrationFile, rows: int) -> MigrationFile:
    """The file with a backfill of few of these many rows a batch, that waits for nobody."""
    largest = max(BATCH, rows // MOST_BATCHES)

    def small(spec: Backfill | None) -> Backfill | None:
        batching = Batching(smallest=1, largest=largest)
        return None if spec is None else replace(spec, batching=batching, throttle=None)

    return replace(file, backfill=small(file.backfill), down_backfill=small(file.down_backfill))


def _failing(stage: Stage, error: ManticoreError) -> Failing:
    place = ""
    path, line = getattr(error, "path", None), getattr(error, "line", None)
    if path is not None and not isinstance(error, NoUndo):
        place = f"{path}:{line}: " if line is not None else f"{path}: "
    return Failing(stage, f"{place}{error.message}", hint=error.hint)
