"""AsyncNonTransactionalStep: what no transaction covers, done exactly once all the same.

Theory. Such a statement (CREATE INDEX CONCURRENTLY, VACUUM; on CockroachDB nearly every schema
change, which goes on as a job after its COMMIT) cannot carry a record. So the record is written
around it, and what lies between is read from the catalog:

    journal "started", with the catalog as it was    one transaction, fenced
    the statement                                     alone
    look at the catalog                               and wait for CockroachDB's jobs
    journal "done"                                    one transaction, fenced

Whoever finds "started", be it we ourselves after a lost answer or a later run, knows that the
statement may have been sent, at most once at a time. First the old session is ended and running
jobs are waited for, so that nothing changes any more while we look. Then the catalog decides
(`analysis.catalog_probe.conclude`): the effect is there and was not before: done. It is not:
run it. It cannot be seen: run it if running it twice does no harm, else a person decides.

An answer alone proves nothing either. `CREATE INDEX IF NOT EXISTS` returns at once while somebody
else's backfill of that index is still running, and may yet fail.

A failure is not always one: on CockroachDB the job outlives the waiting for it, so that a
statement that "failed" by a timeout, a lost node or a cancelled wait may still take effect
(`_went_on`). And it may leave something behind: PostgreSQL keeps the invalid index of a
CREATE INDEX CONCURRENTLY that failed, and the name is taken until it is dropped (`_clear_debris`).

Doubts. An effect that the catalog cannot show, and one that somebody else made at the same moment,
look the same as ours: nothing here can tell whose index it is, only that it is there and valid.
"""

from __future__ import annotations

import re
from random import random

import psycopg

from .._acompat import async_sleep
from ..analysis.catalog_probe import Conclusion, Effect, conclude, effect_of
from ..errors import PartialMigration
from ..migrations.results import JournalRow
from ..migrations.script import MigrationPlan, Step
from ..outcome import Verdict, verdict_of
from ..retry import decide
from . import events as e
from .async_commit import AsyncCommitter, Begin
from .deadline import reached
from .failures import Stopped, repair_hint
from .jobs import UNFINISHED, Job, jobs_of
from .messages import Message

AGAIN = 5  # tries of a statement with which the connection was lost each time
LOOKS = 10
_CONDITIONAL = re.compile(r"\bIF\s+(?:NOT\s+)?EXISTS\b", re.IGNORECASE)


class AsyncNonTransactionalStep:
    """Runs those steps of one migration that no transaction covers."""

    def __init__(self, committer: AsyncCommitter, plan: MigrationPlan) -> None:
        self.committer = committer
        self.plan = plan
        self.session = committer.session
        self._begun = False
        self._following: Begin | None = None

    @property
    def _crdb(self) -> bool:
        return self.session.tables.cockroachdb

    async def run(self, step: Step, row: JournalRow | None, following: Begin | None) -> None:
        """Do one step, or conclude that an earlier run did, and journal it as done: the last one
        by recording the migration. `following` may begin with it.

        Raises Stopped, PartialMigration.
        """
        ahead = self.committer.take_begun(self.plan, step)
        self._begun = not ahead and row is not None and row.state == "started"
        self._following = following
        try:
            await self._run(step, row if self._begun else None, ahead=ahead)
        except Stopped as stopped:
            stopped.begun = self._begun
            raise
        except psycopg.Error as error:
            if verdict_of(error.sqlstate, str(error)) is not Verdict.FAILED:
                raise
            failed = Stopped(error, None, 0)
            failed.begun = self._begun
            raise failed from error

    async def _run(self, step: Step, started: JournalRow | None, *, ahead: bool) -> None:
        effect = effect_of(step.node, cockroachdb=self._crdb)
        if started is not None:
            seen = await self._conclude(step, effect, started.before)
            if seen is Conclusion.DONE:
                self.session.listener(e.Recovered(self.plan.version, "it had been done"))
                await self._finish(step)
                return
        if not ahead:
            await self.committer.begin_step(self.plan, step, effect)
        self._begun = True
        await self._until_done(step, effect)

    async def _until_done(self, step: Step, effect: Effect) -> None:
        attempt = again = 0
        while True:
            await self.committer.lease.check()
            stopped = await self._send(step, effect, again=attempt > 0)
            if stopped is None:
                self.committer.patience.calm()
                if await self._finish(step, self._proof(step, effect)):
                    return
                if await self._proven(effect):
                    await self._finish(step)
                    return
                again += 1
                # IF NOT EXISTS found somebody else's change, which then failed: now it is ours.
                if again > AGAIN or not effect.repeatable:
                    raise await self._stuck(
                        step,
                        "The server answered that it was done, but the catalog does not show it.",
                    )
                await self._clear_debris(effect)
                continue
            verdict = stopped.verdict
            delay = decide(self.committer.policy, stopped.sqlstate, attempt + 1, random())
            late = self.committer.lease.deadline.cut(stopped)
            if verdict is Verdict.RETRY and delay is not None and not late:
                attempt += 1
                await self.committer.pause(self.plan, stopped, attempt, delay)
            elif verdict is Verdict.UNKNOWN and again < AGAIN:
                again += stopped.lost
                await self.committer.recover(self.plan, stopped)
                seen = await self._conclude(step, effect, self._before(step))
                if seen is Conclusion.DONE:
                    self.session.listener(e.Recovered(self.plan.version, "it had been done"))
                    await self._finish(step)
                    return
                self.session.listener(
                    e.Recovered(self.plan.version, "it had not been done; running it again")
                )
            elif verdict is Verdict.PARTIAL:
                raise await self._stuck(step, str(stopped.error))
            elif verdict is Verdict.UNKNOWN:
                raise stopped  # journalled as begun: the next run looks
            elif late and verdict is Verdict.FAILED and not effect.blind:
                raise stopped  # likewise; a job of it may go on for hours
            elif await self._went_on(step, effect):
                self.session.listener(e.Recovered(self.plan.version, "its job did it all the same"))
                await self._finish(step)
                return
            else:
                await self._clear_debris(effect)
                await self._journal_failed(step, stopped)
                raise stopped

    def _proof(self, step: Step, effect: Effect) -> str | None:
        """What has to be seen of a statement that was answered; None where the answer will do.

        CockroachDB answers once the job has ended, and says so if it failed. Only where a
        statement may have done nothing, since what it makes was there already, must one look:
        it may be somebody else's, and not there to stay. PostgreSQL's catalog costs next to
        nothing, so there each is looked at.
        """
        if self._crdb and not _CONDITIONAL.search(self.plan.step_sql(step)):
            return None
        return effect.proof(quick=True)

    async def _finish(self, step: Step, proof: str | None = None) -> bool:
        detail = "jobs " + ", ".join(self.session.jobs) if self.session.jobs else None
        return await self.committer.finish_step(
            self.plan, step, detail=detail, proof=proof, following=self._following
        )

    def _before(self, step: Step) -> tuple[str | None, ...] | None:
        """What the catalog said when the step began, from the journal as it was last read."""
        row = self.committer.steps_of(self.plan).get(step.ordinal)
        return None if row is None else row.before

    async def _send(self, step: Step, effect: Effect, *, again: bool) -> Stopped | None:
        start, end = self.plan.script.spans[step.first]
        sql = self.plan.script.text[start:end]
        message = Message(sql, 0, step.first, step.last, 0)
        self.session.jobs.clear()
        try:
            if again:  # nothing of it took effect, but CONCURRENTLY leaves an invalid index
                await self._clear_debris(effect)
            self.committer.unsent = None
            with self.committer.lease.watched(self.plan.version, effect.tables, bounded=True):
                reply = await self.session.run(sql)
        except psycopg.Error as error:
            return Stopped(error, None, 0)
        if reply.error is not None:
            return Stopped(reply.error, message, reply.done)
        return None

    # --- the catalog -----------------------------------------------------------------------

    async def _proven(self, effect: Effect) -> bool:
        """Whether what an answered statement promised is in the catalog."""
        sure = [i for i, p in enumerate(effect.probes) if p.expected is not None]
        if not sure:
            return True
        for look in range(LOOKS):
            now = await self.committer.look(effect)
            if all(now[i] == effect.probes[i].expected for i in sure):
                return True
            if self._crdb and await self._wait_for_jobs(effect):
                continue
            if not self._crdb and not await self._being_built(effect):
                return False
            await async_sleep(min(0.001 * 4**look, 1.0))
        return False

    async def _being_built(self, effect: Effect) -> bool:
        """Whether somebody is building an index on the table right now (PostgreSQL)."""
        if effect.debris is None:
            return False
        building = "SELECT count(*) FROM pg_catalog.pg_stat_progress_create_index"
        return bool((await self.session.fetch(building))[0][0][0])

    async def _conclude(
        self, step: Step, effect: Effect, before: tuple[str | None, ...] | None
    ) -> Conclusion:
        """What became of a step whose answer nobody got; PartialMigration if nobody can say."""
        if self._crdb:
            await self._wait_for_jobs(effect)
        await self._clear_debris(effect)
        seen = conclude(effect, before, await self.committer.look(effect))
        if seen in (Conclusion.PART, Conclusion.UNKNOWN) and not effect.repeatable:
            raise await self._stuck(
                step,
                "The connection was lost while this ran, and the catalog cannot tell whether it"
                " took effect."
                if seen is Conclusion.UNKNOWN
                else "The connection was lost while this ran, and only a part of it took effect.",
            )
        return seen

    async def _clear_debris(self, effect: Effect) -> None:
        """Remove what a failed attempt left, so that the statement can run again."""
        if effect.debris is None:
            return
        await self.session.rollback()
        for (sql,) in (await self.session.fetch(effect.debris))[0]:
            await self.session.fetch(str(sql))

    # --- jobs ------------------------------------------------------------------------------

    async def _wait_for_jobs(self, effect: Effect) -> bool:
        """Wait until no schema change of ours on these tables goes on; True if any did."""
        waited, pause = False, 0.001
        while True:
            rows = (await self.session.fetch(UNFINISHED))[0]
            jobs = jobs_of(rows, effect.tables)
            if not jobs:
                return waited
            waited = True
            for job in jobs:
                self.session.listener(
                    e.JobProgress(
                        self.plan.version, job.id, job.status, job.fraction, job.description
                    )
                )
                if job.stuck:
                    raise self._paused(job)
            if self.committer.lease.deadline.passed():
                raise reached(
                    self.plan,
                    (),
                    f"The time was up while the schema change job {jobs[0].id} went on:"
                    f" {jobs[0].description}.",
                    "it goes on in the cluster; run again, which waits for it and goes on",
                )
            await self.committer.lease.check()
            await async_sleep(pause)
            pause = min(pause * 2, 2.0)

    async def _went_on(self, step: Step, effect: Effect) -> bool:
        """Whether a statement that failed has taken effect: its job may outlive the waiting for it.

        Raises PartialMigration for a job that waits for somebody.
        """
        if not self._crdb:
            return False
        await self.session.rollback()
        await self._wait_for_jobs(effect)
        self.committer.remember(await self.session.fetch(";\n".join(self.committer.reads())))
        before = self._before(step)
        now = await self.committer.look(effect)
        return now != before and conclude(effect, before, now) is Conclusion.DONE

    def _paused(self, job: Job) -> PartialMigration:
        return PartialMigration(
            f"The schema change job {job.id} is {job.status}: {job.description}."
            + (f" {job.error}" if job.error else ""),
            version=self.plan.version,
            path=self.plan.script.path,
            hint=f"RESUME JOB {job.id} or CANCEL JOB {job.id}, then run again",
        )

    # --- the journal -----------------------------------------------------------------------

    async def _journal_failed(self, step: Step, stopped: Stopped) -> None:
        """A step failed and left nothing: say so, or forget a journal that has nothing done."""
        plan, tables = self.plan, self.session.tables
        await self.session.rollback()
        if step.ordinal == 0:
            await self.committer.journal_step(
                self.plan, step, tables.clear_steps(plan.version), "failed"
            )
            self._begun = False
            return
        write = tables.fail_step(
            plan.version,
            plan.script.direction,
            step.ordinal,
            plan.step_hash(step),
            self.committer.lease.token,
            "failed",
            str(stopped.error),
        )
        await self.committer.journal_step(self.plan, step, write, "failed")
        self._begun = False

    async def _stuck(self, step: Step, why: str) -> PartialMigration:
        """Journal that a step needs a person, and return the error that says so."""
        from ..parser.split import line_column

        plan = self.plan
        text = f"Step {step.ordinal + 1} of {plan.script.title} needs a person. {why}"
        write = self.session.tables.fail_step(
            plan.version,
            plan.script.direction,
            step.ordinal,
            plan.step_hash(step),
            self.committer.lease.token,
            "stuck",
            text,
        )
        await self.session.rollback()
        await self.committer.journal_step(self.plan, step, write, "stuck")
        path, source, place = plan.script.place(plan.script.spans[step.first][0])
        line, column = line_column(source, place)
        return PartialMigration(
            text,
            version=plan.script.number,
            path=path,
            line=line,
            column=column,
            hint=repair_hint(plan.version),
        )
