"""A backfill in its place in a run of `migrate` or `rollback`, under the lease to migrate.

Its registration and the journal row that says "this migration has begun" are one transaction, and
so are its history row and the end of that journal row. So a journal row is there exactly as long as
a run of this migration goes on or has stopped half way; without one, whatever an earlier life of
the migration left in our tables is forgotten. Between the two, batches need no lease to migrate:
each range has its own. Whoever else works on the backfill meanwhile joins in.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ..errors import ChangedFile, ConnectionFailed, MigrationError, PartialMigration, Refused
from ..migrations.file import checksum
from ..own_tables import BACKFILLS
from ..parser.quoting import literal
from ..runner.failures import repair_hint
from . import machine as m
from .async_sampling import async_bounds
from .async_team import AsyncTeam
from .catalog import Table, questions, table_of
from .job import Job, Noted, manners
from .keys import Walk
from .tables import BackfillTables
from .words import SHOWN, unfinished

if TYPE_CHECKING:
    from ..migrations.backfill import Backfill
    from ..migrations.script import MigrationPlan
    from ..runner.async_commit import AsyncCommitter
    from ..runner.async_session import Rows


def name_of(plan: MigrationPlan) -> str:
    """What the backfill of a migration is called in our tables."""
    return f"{plan.version}" if plan.script.direction == "up" else f"{plan.version} undo"


class AsyncInline:
    """Runs the backfill of one plan to its end."""

    def __init__(self, committer: AsyncCommitter, plan: MigrationPlan) -> None:
        assert plan.script.backfill is not None
        self.committer = committer
        self.session = committer.session
        self.lease = committer.lease
        self.plan = plan
        self.spec: Backfill = plan.script.backfill
        self.tables = BackfillTables(self.session.tables.schema, self.session.tables.cockroachdb)
        self._before = 0

    async def run(self) -> None:
        """Return once every row is done. Raises PartialMigration, ChangedFile or Refused."""
        found, have_tables = await self._table()
        fresh = 0 not in self.committer.steps_of(self.plan)
        if fresh:
            run, estimate = await self._register(found, have_tables), found.estimate
        else:
            run, estimate = await self._go_on(found)
        job = Job(
            name_of(self.plan),
            run,
            self.spec,
            self._walk(found),
            self.tables,
            self.plan.version,
            estimate,
            self.lease.ttl,
            manners(self.session.caps, self.lease.ttl),
        )
        team = AsyncTeam(self.session, job, self.spec.batching.workers, before=self._before)
        why = await team.run()
        if why != m.Wish.COMPLETE:
            raise await self._unfinished(why, team)

    def _walk(self, found: Table) -> Walk:
        return Walk(found.relation, found.key, self.spec.where)

    # --- beginning -------------------------------------------------------------------------

    async def _table(self) -> tuple[Table, bool]:
        """The table as the server knows it, and whether our own tables are there."""
        asked = questions(self.spec.table, cockroachdb=self.tables.cockroachdb)
        asked.append(
            "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
            f" ON n.oid = c.relnamespace WHERE c.relname = {literal(BACKFILLS)}"
            f" AND n.nspname = {literal(self.tables.schema)}"
        )
        *answers, ((have,),) = await self.session.fetch(";\n".join(asked))
        try:
            found = table_of(
                answers, self.spec.table, self.spec.by, cockroachdb=self.tables.cockroachdb
            )
        except Refused as error:
            error.version, error.path = self.plan.version, self.plan.script.path
            raise
        return found, bool(have)

    async def _register(self, found: Table, have_tables: bool) -> str:
        """Note that this migration has begun, and what is to be done; return the run's name."""
        plan, tables, committer = self.plan, self.tables, self.committer
        if not have_tables:
            await self.session.fetch(tables.create())
        run, name = uuid.uuid4().hex, name_of(plan)
        step, workers = plan.steps[0], self.spec.batching.workers
        begun = await async_bounds(self.session, self._walk(found), workers)

        def after() -> tuple[str, ...]:
            token, direction = self.lease.token, plan.script.direction
            begin = self.session.tables.start_step(
                plan.version, direction, step.ordinal, plan.step_hash(step), None, token
            )
            register = tables.register(
                name,
                run,
                version=plan.version,
                direction=direction,
                relation=found.relation,
                key=[column.name for column in found.key],
                meaning=checksum(self.spec.meaning),
                background=False,
                state=m.Wish.RUNNING,
                estimate=found.estimate,
            )
            ranges = tables.add_ranges(run, begun)
            fence = self.session.tables.fence(token)
            return (fence, begin, *tables.forget(name), register, ranges, "COMMIT")

        await committer.commit(plan, 0, 0, after, lambda: step.ordinal in committer.steps_of(plan))
        return run

    async def _go_on(self, found: Table) -> tuple[str, int | None]:
        """Find the run that stopped half way; it must mean what the file means now."""
        plan, name = self.plan, name_of(self.plan)
        rows = await self.session.read(self.tables.read(name))
        if not rows:
            raise PartialMigration(
                f"Migration {plan.version} stopped half way, and what was noted of its backfill"
                " is gone.",
                version=plan.version,
                path=plan.script.path,
                hint=repair_hint(plan.version),
            )
        noted = Noted(*rows[0])
        if noted.meaning != checksum(self.spec.meaning) or noted.key != tuple(
            column.name for column in found.key
        ):
            raise ChangedFile(
                f"Migration {plan.version} stopped half way and was changed since: some of its rows"
                " are done as it was before.",
                version=plan.version,
                path=plan.script.path,
                hint="put its statements, table, key and -- @where back as they were; or, if the"
                f" new ones may run for rows that are done, `manticore backfill cancel"
                f" {plan.version}` and migrate again, from the beginning",
            )
        again = (m.Wish.REGISTERED, m.Wish.FAILED, m.Wish.RUNNING)
        await self.session.fetch(self.tables.set_state(noted.run, m.Wish.RUNNING, of=again))
        ((rows_done, *_),) = (await self.session.fetch(self.tables.progress(noted.run)))[0]
        self._before = int(rows_done)
        return noted.run, noted.estimate

    # --- the end --------------------------------------------------------------

    async def _unfinished(self, why: str, team: AsyncTeam) -> MigrationError | ConnectionFailed:
        failed = note = None
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
            failed=failed or (),
        )

    async def _said(self, run: str) -> tuple[str | None, Rows]:
        """What is noted of a run that is not complete, and rows of it that failed."""
        texts = (self.tables.note(run), self.tables.failures(run, SHOWN))
        rows, failed = await self.session.fetch(";\n".join(texts))
        return rows[0][0] if rows else None, failed


async def async_run_inline(committer: AsyncCommitter, plan: MigrationPlan) -> None:
    """Run the backfill of a plan to its end; what the executor calls for one."""
    await AsyncInline(committer, plan).run()
