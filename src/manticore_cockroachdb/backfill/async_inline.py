"""Backfills in a run of `migrate` or `rollback`, under the lease to migrate.

One that runs in its place: its registration and the journal row that says "this migration has
begun" are one transaction, and so are its history row and the end of that journal row. So a journal
row is there exactly as long as a run of this migration goes on or has stopped half way; without
one, whatever an earlier life of the migration left in our tables is forgotten. Between the two,
batches need no lease to migrate: each range has its own. Whoever else works on the backfill
meanwhile joins in.

One in the background: its registration and its history row are one transaction. The version counts
as applied from then on, for the order of versions and for every later migration but those that ask:
what is in the history has happened *or is bound to happen, and is noted where*. The other choice, a
version that is neither applied nor pending while rows are worked off, would make each later
migration one out of order, and each runner of an older release stop. Who needs the rows themselves
says so: `-- @requires VERSION` in a migration, `status --require-complete` before a program starts.

A rollback first fences off whoever still works, and then undoes the ranges as far as they are done,
without the rows that could not be changed: no row is undone that was not done.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import (
    BackfillIncomplete,
    ChangedFile,
    ConnectionFailed,
    MigrationError,
    PartialMigration,
)
from ..migrations.file import checksum
from ..migrations.squash import has_run
from ..runner import events as e
from ..runner.deadline import reached
from ..runner.failures import repair_hint
from ..runner.identity import new_owner
from . import machine as m
from .async_sampling import async_bounds
from .async_service import AsyncBackfills
from .async_setup import async_create, async_table, job_of, same, tables_of
from .async_team import AsyncTeam
from .catalog import Table
from .job import Noted, name_of
from .keys import Key, decode
from .words import SHOWN, unfinished

if TYPE_CHECKING:
    from ..migrations.backfill import Backfill
    from ..migrations.file import MigrationFile
    from ..migrations.script import MigrationPlan
    from ..runner.async_commit import AsyncCommitter
    from ..runner.async_session import Rows


class AsyncInlineBackfills:
    """What the executor asks for where a migration is a backfill, needs one, or undoes one.

    ``finish``: background ones that something needs are worked off in place.
    """

    def __init__(self, files: Sequence[MigrationFile], *, finish: bool) -> None:
        self.files = files
        self.finish = finish

    async def run(self, committer: AsyncCommitter, plan: MigrationPlan) -> None:
        """Run the backfill of a plan to its end, or register it."""
        await _InlineRun(committer, plan).run()
        spec = plan.script.backfill
        if self.finish and spec is not None and spec.background and plan.script.direction == "up":
            await self._finish(committer, (plan.version,))

    async def require(self, committer: AsyncCommitter, plan: MigrationPlan) -> None:
        """Raise BackfillIncomplete unless all that a plan requires is complete."""
        session, wanted = committer.session, plan.script.requires
        missing = [v for v in wanted if not has_run(v, self.files, committer.recorded)]
        if missing:
            raise BackfillIncomplete(
                f"Migration {plan.version} requires {missing[0]}, which is not applied.",
                version=plan.version,
                path=plan.script.path,
                hint="-- @requires names a version of this directory; apply it first",
            )
        left = await session.read(tables_of(session).incomplete(wanted))
        if left and self.finish:
            await self._finish(committer, tuple(int(row[1]) for row in left))
            left = await session.read(tables_of(session).incomplete(wanted))
        if left and self.finish and committer.lease.deadline.passed():
            raise reached(plan, ())
        if left:
            version, state = left[0][1:]
            raise BackfillIncomplete(
                f"Migration {plan.version} requires the backfill of {version}, which is {state}"
                " and not complete; it was not run, and nothing after it.",
                version=plan.version,
                path=plan.script.path,
                hint=f"`manticore backfill status {version}` shows how far it is; `manticore"
                " backfill run` works on it, `migrate --finish-backfills` finishes it in place",
            )

    async def _finish(self, committer: AsyncCommitter, versions: Sequence[int]) -> None:
        service = AsyncBackfills(committer.session, self.files, ttl=committer.lease.ttl)
        stop = committer.lease.deadline.passed
        await service.run([str(version) for version in versions], until_idle=True, stop=stop)

    async def withdraw(self, committer: AsyncCommitter, plan: MigrationPlan) -> None:
        """Before a rollback: nobody works on what is to be undone any more."""
        session, tables = committer.session, tables_of(committer.session)
        rows = await session.read(tables.read(name_of(plan.version, "up")))
        if rows and (noted := Noted(*rows[0])).state != m.Wish.COMPLETE:
            states = [wish.value for wish in m.Wish if wish is not m.Wish.COMPLETE]
            note = "its migration is being rolled back"
            cancel = tables.set_state(noted.run, m.Wish.CANCELLED, of=states, note=note)
            texts = (tables.begin, tables.fence_off(noted.run), cancel, "COMMIT")
            await session.steady(lambda: session.fetch(";\n".join(texts)))

    def forgotten(self, committer: AsyncCommitter, plan: MigrationPlan) -> tuple[str, ...]:
        """What stands in the transaction that records a rollback of a backfill."""
        tables = tables_of(committer.session)
        return tables.forget(name_of(plan.version, "up")) + tables.forget(
            name_of(plan.version, "down")
        )


class _InlineRun:
    """One plan, from what is noted of it to its end."""

    def __init__(self, committer: AsyncCommitter, plan: MigrationPlan) -> None:
        assert plan.script.backfill is not None
        self.committer = committer
        self.session = committer.session
        self.plan = plan
        self.spec: Backfill = plan.script.backfill
        self.name = name_of(plan.version, plan.script.direction)
        self.tables = tables_of(self.session)

    @property
    def background(self) -> bool:
        """Whether it is only registered here."""
        return self.spec.background and self.plan.script.direction == "up"

    async def run(self) -> None:
        """Return once every row is done, or it is registered. Raises PartialMigration,
        ChangedFile or Refused."""
        plan = self.plan
        found, have_tables = await async_table(
            self.session, self.spec, version=plan.version, path=plan.script.path
        )
        if not have_tables:
            await async_create(self.session)
        noted = None
        if 0 in self.committer.steps_of(plan):
            noted = await self._noted(found)
        spans, but = await self._to_undo(found)
        before, first = 0, None
        if noted is None:
            run, first = await self._register(found, spans)
            if self.background:
                return
        else:
            run, before = noted.run, await self._go_on(noted)
        job = job_of(
            self.session,
            self.spec,
            found,
            name=self.name,
            run=run,
            ttl=self.committer.lease.ttl,
            version=plan.version,
            estimate=found.estimate if noted is None else noted.estimate,
            but=but,
        )
        workers = self.spec.batching.workers
        deadline = self.committer.lease.deadline
        team = AsyncTeam(
            self.session, job, workers, before=before, first=first, stop=deadline.passed
        )
        why = await team.run()
        if why == "stopped" and deadline.passed():
            what = f"The time was up in the backfill of {plan.script.title}:"
            raise reached(plan, (), f"{what} {team.rows:,} rows are done and stay so.")
        if why != m.Wish.COMPLETE:
            raise await self._unfinished(why, team)

    # --- beginning -------------------------------------------------------------------------

    async def _register(
        self, found: Table, spans: Spans | None
    ) -> tuple[str, tuple[str, m.Held] | None]:
        """Note that this migration has begun, and what is to be done; return the run's name, and
        the first worker's with the range that is its own."""
        plan, tables, committer = self.plan, self.tables, self.committer
        run, step = uuid.uuid4().hex, plan.steps[0]
        if spans is None:
            walk = job_of(self.session, self.spec, found, name="", run="", ttl=1.0).walk
            spans = await async_bounds(self.session, walk, self.spec.batching.workers)
        begun: Spans = spans
        owner = None if self.background else new_owner()

        def after() -> tuple[str, ...]:
            token, direction = committer.lease.token, plan.script.direction
            if self.background:
                write = self.session.tables.insert_history(committer.history_row(plan))
            else:
                write = self.session.tables.start_step(
                    plan.version, direction, step.ordinal, plan.step_hash(step), None, token
                )
            register = tables.register(
                self.name,
                run,
                version=plan.version,
                direction=direction,
                relation=found.relation,
                key=[column.name for column in found.key],
                meaning=checksum(self.spec.meaning),
                background=self.background,
                state=m.Wish.REGISTERED if self.background else m.Wish.RUNNING,
                estimate=found.estimate,
            )
            holder = owner and (owner, self.session.id, self.committer.lease.ttl)
            ranges = (tables.add_ranges(run, begun, holder or None),) if begun else ()
            return committer.fenced(write, *tables.forget(self.name), register, *ranges)

        def recorded() -> bool:
            if self.background:
                return committer.is_recorded(plan)
            return step.ordinal in committer.steps_of(plan)

        await committer.commit(plan, 0, 0, after, recorded)
        if self.background:
            committer.recorded.add(plan.version)
            self.session.listener(
                e.Notice(
                    "note",
                    f"the backfill of {plan.version} is registered; `manticore backfill run` works"
                    " on it",
                )
            )
        if owner is None or not begun:
            return run, None
        id, lo, hi = begun[0]
        return run, (owner, m.Held(id, 1, lo, hi))

    async def _noted(self, found: Table) -> Noted | None:
        """The run that stopped half way, which must mean what the file means now; None where it
        was cancelled, to begin anew."""
        plan = self.plan
        rows = await self.session.read(self.tables.read(self.name))
        if not rows:
            raise PartialMigration(
                f"Migration {plan.version} stopped half way, and what was noted of its backfill"
                " is gone.",
                version=plan.version,
                path=plan.script.path,
                hint=repair_hint(plan.version),
            )
        noted = Noted(*rows[0])
        if noted.state == m.Wish.CANCELLED:
            return None
        if not same(noted, self.spec, found):
            raise ChangedFile(
                f"Migration {plan.version} stopped half way and was changed since: some of its rows"
                " are done as it was before.",
                version=plan.version,
                path=plan.script.path,
                hint="put its statements, table, key and -- @where back as they were; or, if the"
                f" new ones may run for rows that are done, `manticore backfill cancel"
                f" {plan.version}` and migrate again, from the beginning",
            )
        return noted

    async def _go_on(self, noted: Noted) -> int:
        """Let a run go on; return how many rows it has done."""
        texts = (
            self.tables.set_state(noted.run, m.Wish.RUNNING, of=m.AGAIN),
            self.tables.progress(noted.run),
        )
        _, ((rows,),) = await self.session.fetch(";\n".join(texts))
        return int(rows)

    async def _to_undo(self, found: Table) -> tuple[Spans | None, list[Key]]:
        """What a rollback has to walk, None for the whole table, and rows that were never done."""
        if self.plan.script.direction == "up":
            return None, []
        up = name_of(self.plan.version, "up")
        rows = await self.session.read(self.tables.read(up))
        key = tuple(column.name for column in found.key)
        if not rows or (noted := Noted(*rows[0])).key != key or noted.relation != found.relation:
            return None, []
        texts = (self.tables.done_spans(up), self.tables.failures(noted.run, 1000))
        spans, failed = await self.session.fetch(";\n".join(texts))
        but = [bad for row in failed if (bad := decode(row[0])) is not None]
        if all(done for _, _, done, _ in spans):
            return None, but
        walked = [
            (number, decode(lo), decode(hi if done else cursor))
            for number, (lo, cursor, done, hi) in enumerate(spans)
            if done or cursor != lo
        ]
        return walked, but

    # --- the end ---------------------------------------------------------------------------

    async def _unfinished(self, why: str, team: AsyncTeam) -> MigrationError | ConnectionFailed:
        note, failed = None, list[tuple[object, ...]]()
        if team.failure is None:
            note, failed = await self._said(team.job.run)
        return unfinished(
            self.plan.version,
            self.plan.script.direction,
            self.plan.script.path,
            why,
            team.rows,
            failure=team.failure,
            note=note,
            failed=failed,
        )

    async def _said(self, run: str) -> tuple[str | None, Rows]:
        """What is noted of a run that is not complete, and rows of it that failed."""
        texts = (self.tables.note(run), self.tables.failures(run, SHOWN))
        rows, failed = await self.session.fetch(";\n".join(texts))
        return rows[0][0] if rows else None, failed


Spans = list[tuple[int, Key | None, Key | None]]
