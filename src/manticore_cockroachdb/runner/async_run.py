"""AsyncRun: one run of a command that changes something, from the first look to the release.

The order is what makes it both cheap and safe. The facade has looked without a lease, and found
something to do. Plan everything, so that a refusal comes before the first statement. Take the
lease, which answers with history and journal as they are *now*, and choose again from those.
Before the first statement, end what a dead holder may have left running.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from ..errors import HistoryError, MigrationFailed, NoUndo, PartialMigration, UnknownVersion
from ..migrations.choose import (
    Allowances,
    Recorded,
    VersionStatus,
    as_shown,
    choose_down,
    choose_up,
    resolve,
)
from ..migrations.file import MigrationFile, parse_file
from ..migrations.fresh import grouped
from ..migrations.hooks import Hooks
from ..migrations.objects import Objects
from ..migrations.plan import plan_all
from ..migrations.results import JournalRow
from ..migrations.script import MigrationPlan, Mode, Script, script_of
from ..migrations.squash import squashing
from ..migrations.values import Values
from ..retry import RetryPolicy
from . import events as e
from .async_commit import AsyncCommitter, HistoryLost
from .async_execute import AsyncExecutor, Backfills
from .async_lease import AsyncLease
from .async_session import AsyncSession, Rows
from .async_watch import AsyncJobWatch
from .bookkeeping import ORDERED_COLUMNS, Carried
from .deadline import Deadline
from .identity import HOST


class AsyncRun:
    """One run under one lease."""

    def __init__(
        self,
        session: AsyncSession,
        *,
        ttl: float,
        wait: float,
        allow: Allowances,
        environment: str | None,
        policy: RetryPolicy,
        backfills: Backfills | None = None,
        values: Values | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        self.session = session
        self.lease = AsyncLease(session, ttl=ttl, wait=wait, deadline=deadline)
        self.committer = AsyncCommitter(session, self.lease, policy)
        self.executor = AsyncExecutor(self.committer, backfills)
        self.allow = allow
        self.environment = environment
        self.values = values

    async def up(
        self,
        files: Sequence[MigrationFile],
        first_look: Sequence[VersionStatus],
        target: int | None,
        *,
        fresh: bool = False,
        objects: Objects | None = None,
        hooks: Hooks | None = None,
    ) -> list[int]:
        """Apply what is pending, then the repeatable files that are due, unless the target leaves
        migrations pending; return the versions applied, in order. ``hooks`` run around them."""

        chosen = choose_up(first_look, target, self.allow)
        if hooks:
            from ..migrations.hooks import hook_plan

            for hook in hooks.values():
                hook_plan(hook, self.session.caps)  # refused before anything runs
        plans = {p.version: p for p in plan_all(map(script_of, chosen), self.session.caps)}
        self._load(plans.values())
        try:
            now = self._resolve(files, await self._take_lease(), self.committer.journal)
            self.committer.settled = dict.fromkeys(self.committer.recorded, True)
            while True:
                due = [plans[f.version] for f in choose_up(now, target, self.allow)]
                left = len(choose_up(now, None, self.allow)) > len(due)
                try:
                    if (objects is None or left) and not hooks:
                        await self._execute(due, "up", fresh=fresh)
                    else:
                        rest = None if left else objects
                        await self._with_scripts(due, rest, hooks or {}, fresh=fresh)
                    break
                except HistoryLost as lost:
                    now = self._resolve(files, await self._look_again(lost), self.committer.journal)
                    again = choose_up(now, None, self.allow)
                    scripts = [script_of(f) for f in again if f.version not in plans]
                    plans |= {p.version: p for p in plan_all(scripts, self.session.caps)}
        finally:
            await self.lease.release(*self.committer.forget_unsent())
        return self.executor.finished

    async def down(
        self,
        files: Sequence[MigrationFile],
        first_look: Sequence[VersionStatus],
        count: int,
        target: int | None,
        shown: Sequence[int] | None = None,
    ) -> list[int]:
        """Roll back; return the versions reverted, in this order. ``shown`` are those that
        somebody agreed to: if they have changed, nothing is done."""

        self._load(await self._undo_plans(choose_down(first_look, count, target, self.allow)))
        self.committer.columns = ORDERED_COLUMNS
        try:
            now = self._resolve(files, await self._take_lease(), self.committer.journal)
            chosen = choose_down(now, count, target, self.allow)
            as_shown(chosen, shown)
            plans = await self._undo_plans(chosen)
            while True:
                try:
                    await self._execute(plans, "down")
                    break
                except HistoryLost as lost:
                    rows = await self._look_again(lost)
                    there = {int(row[0]) for row in rows}
                    plans = [plan for plan in plans if plan.version in there]
        finally:
            await self.lease.release(*self.committer.forget_unsent())
        return self.executor.finished

    async def hook(self, hooks: Hooks, name: str) -> None:
        """Run one hook by itself, for a trial. Raises MigrationFailed or PartialMigration."""
        from .async_scripts import AsyncScripts

        try:
            await self._take_lease()
            beside = AsyncScripts(self.executor)
            await beside.open()
            await beside.hook(hooks, name)
        finally:
            await self.lease.release()

    async def baseline(self, files: Sequence[MigrationFile], version: int) -> int:
        """Record migrations up to `version` as applied without running them; return how many."""
        if version not in {f.version for f in files}:
            raise UnknownVersion(
                f"No migration has version {version}.",
                version=version,
                hint="name the last migration whose changes the database already has",
            )
        files = [f for f in files if f.version <= version]
        await self.session.read_applied()
        try:
            rows = await self._take_lease()
            known = {row[0] for row in rows}
            new = [f for f in files if f.version not in known]
            writes = [self._record(f, "baseline") for f in new]
            await self._write(writes)
        finally:
            await self.lease.release()
        return len(new)

    async def carry_over(self, entries: Sequence[Carried]) -> int:
        """Record what another tool has applied, in one transaction; return how many were new."""
        await self.session.read_applied()
        try:
            known = {row[0] for row in await self._take_lease()}
            tables, token = self.session.tables, self.lease.token
            rows = [
                tables.carried_row(one, HOST, token)
                for one in entries
                if one.file.version not in known
            ]
            if rows:
                await self._write([tables.insert_history(*rows)])
        finally:
            await self.lease.release()
        return len(rows)

    async def repair(
        self, files: Iterable[MigrationFile], version: int, applied: bool | None
    ) -> str:
        """Settle one migration; return what was done."""
        await self.session.read_applied()
        by_version = {f.version: f for f in files}
        file, tables = by_version.get(version), self.session.tables
        try:
            rows = await self._take_lease()
            recorded = {row[0] for row in rows}
            journalled = any(j.version == version for j in self.committer.journal)
            if file is None and (whole := next(squashing(version, by_version.values()), None)):
                raise HistoryError(
                    f"Version {version} is a part of the squashed migration {whole}.",
                    version=version,
                    hint=f"nothing has been changed; `manticore repair {whole}` is about the whole",
                )
            if file is None and version not in recorded and not journalled:
                raise UnknownVersion(
                    f"Neither the directory nor the history knows version {version}.",
                    version=version,
                )
            clear = tables.clear_steps(version)
            if applied is False:
                await self._write([tables.delete_history(version), clear])
                return f"Migration {version} is recorded as not applied."
            if applied is True or (file is not None and version in recorded):
                if file is None:
                    raise UnknownVersion(
                        f"Version {version} has no file to record.", version=version
                    )
                if version in recorded:
                    write = tables.set_checksum(version, file.checksum, file.stored_undo)
                    done = f"Migration {version} is accepted as its file is now."
                else:
                    write = self._record(file, "repaired")
                    done = f"Migration {version} is recorded as applied."
                await self._write([write, clear])
                return done
            if file is None:
                await self._write([tables.delete_history(version), clear])
                return f"Migration {version}, whose file is gone, is forgotten."
            if journalled:
                raise PartialMigration(
                    f"Migration {version} stopped half way.",
                    version=version,
                    hint="say whether it counts: --applied or --not-applied",
                )
            return f"Migration {version} is pending; there is nothing to repair."
        finally:
            await self.lease.release()

    # --- inside ----------------------------------------------------------------------------

    def _load(self, plans: Iterable[MigrationPlan]) -> None:
        """Execute the modules of Python migrations, for their functions, before anything runs."""
        programs = [plan for plan in plans if plan.mode is Mode.PYTHON]
        if programs:
            from .programs import functions_of

            self.executor.functions |= functions_of(programs)

    def _resolve(
        self, files: Iterable[MigrationFile], rows: Rows, journal: Iterable[JournalRow]
    ) -> tuple[VersionStatus, ...]:
        return resolve(files, [Recorded(*row) for row in rows], journal, self.environment)

    async def _take_lease(self) -> Rows:
        """Take the lease; return the history as it is under it."""
        self.lease.watch = AsyncJobWatch(self.session.listener, self.session)
        tried: list[str] = []

        async def take() -> list[Rows]:
            # A taking that was lost may be on its way: it would move the token, and name its own
            # session as ours, which whoever comes after us would then end in place of this one.
            while tried:
                await self.session.end_session(tried[0])
                del tried[0]
            tried.append(self.session.id)
            return await self.lease.acquire(*self.committer.reads())

        sets = await self.session.steady(take)
        previous = self.lease.previous_session
        if previous:
            # The last holder never released: end what it may have left, then look again.
            await self.session.steady(lambda: self.session.end_session(previous))
            reads = ";\n".join(self.committer.reads())
            sets = await self.session.steady(lambda: self.session.fetch(reads))
        self.committer.remember(sets)
        return sets[0]

    async def _look_again(self, lost: HistoryLost) -> Rows:
        """Forget what the server has lost, and read the history as it is now."""
        gone = set(lost.versions)
        finished = self.executor.finished
        finished[:] = [version for version in finished if version not in gone]
        some = ", ".join(map(str, lost.versions[:3])) + (", …" if len(gone) > 3 else "")
        said = (
            f"the server had lost what it had committed of {some}, with its history; doing it again"
        )
        self.session.listener(e.Recovered(lost.versions[0], said))
        reads = ";\n".join(self.committer.reads())
        sets = await self.session.steady(lambda: self.session.fetch(reads))
        self.committer.remember(sets)
        for version in gone:
            del self.committer.settled[version]
        return sets[0]

    async def _with_scripts(
        self,
        due: Sequence[MigrationPlan],
        objects: Objects | None,
        hooks: Hooks,
        *,
        fresh: bool,
    ) -> None:
        """Run migrations, then the repeatable files that are due, between hooks."""
        from .async_scripts import AsyncScripts

        beside = AsyncScripts(self.executor)
        await beside.open()
        if not due and (objects is None or not beside.is_due(objects)):
            return
        try:
            await beside.hook(hooks, "before_migrate")
            if "before_each" in hooks or "after_each" in hooks:
                self.session.listener(e.RunPlanned("up", tuple(p.version for p in due)))
                for plan in due:
                    await beside.hook(hooks, "before_each", plan.version)
                    await self.executor.run(plan)
                    await beside.hook(hooks, "after_each", plan.version)
            elif due:
                await self._execute(due, "up", fresh=fresh)
            if objects is not None:
                await beside.repeatable(objects)
            if self.executor.finished or beside.finished:
                await beside.hook(hooks, "after_migrate")
        except (MigrationFailed, PartialMigration) as failure:
            await beside.on_failure(hooks, failure)
            raise

    async def _execute(
        self, plans: Sequence[MigrationPlan], direction: Any, *, fresh: bool = False
    ) -> None:
        self.session.listener(e.RunPlanned(direction, tuple(p.version for p in plans)))
        if fresh and direction == "up":
            for one_by_one, groups in groupby(grouped(plans), lambda group: len(group) == 1):
                if one_by_one:
                    await self.executor.run_all([plan for (plan,) in groups])
                    continue
                for group in groups:
                    await self.executor.run_group(group)
            return
        await self.executor.run_all(plans)

    async def _undo_plans(self, chosen: Sequence[VersionStatus]) -> list[MigrationPlan]:
        """The plans that revert these migrations. Raises NoUndo before anything is touched.

        A file's own undo part wins, since it is what its author sees; without a file, the one
        stored when it was applied is used.
        """
        without = tuple(s.version for s in chosen if s.file is None or not s.file.has_undo)
        stored: dict[int, str] = {}
        if without:
            rows = await self.session.read(self.session.tables.read_undo(without))
            stored = {int(v): undo for v, undo in rows if undo}
        scripts = [undo_script(s, stored, self.values) for s in chosen]
        return list(plan_all(scripts, self.session.caps))

    def _record(self, file: MigrationFile, mode: str) -> str:
        tables = self.session.tables
        return tables.insert_history(
            tables.history_row(
                version=file.version,
                description=file.description,
                checksum=file.checksum,
                undo=file.stored_undo,
                mode=mode,
                host=HOST,
                token=self.lease.token,
            )
        )

    async def _write(self, writes: Sequence[str]) -> None:
        """Do some writes of our own in one fenced transaction."""
        tables = self.session.tables
        parts = (tables.begin, tables.fence(self.lease.token), *writes, "COMMIT")
        await self.session.fetch(";\n".join(parts))


def undo_script(
    status: VersionStatus, stored: dict[int, str], values: Values | None = None
) -> Script:
    """What reverts one migration: its file's undo part, else the stored one. Raises NoUndo.

    ``values`` are those of variables, for the stored one."""
    file, version = status.file, status.version
    if file is not None and file.has_undo:
        script = script_of(file, down=True)
    elif version in stored and not (file is not None and file.squashes):
        name, text = f"{version}_undo.sql", stored[version] + "\n"
        undo = parse_file(name, text, "stored undo", ours=True, values=values)
        found = script_of(undo)
        script = Script(
            version=version,
            description=status.description,
            direction="down",
            path=None,
            text=found.text,
            spans=found.spans,
            wish=file.transaction if file is not None else None,
            checksum="",
            undo=None,
            backfill=found.backfill,
            filled=found.filled,
        )
    else:
        script = None
    if script is None or not (script.spans or script.is_program):
        if file is not None and file.squashes:
            raise NoUndo(
                f"Migration {version} ({status.description}) stands for all that it squashes, and"
                " has no undo part.",
                version=version,
                path=file.path,
                hint="nothing has been rolled back; what it made goes as a whole or not at all, so"
                " an undo part below a line -- @UNDO has to take back everything (`manticore squash"
                " --undo` writes one)",
            )
        raise NoUndo(
            f"Migration {version} ({status.description}) has no undo part.",
            version=version,
            path=file.path if file else None,
            hint="add one below a line -- @UNDO, also in a file that is applied; nothing has been"
            " rolled back",
        )
    return script
