# Generated from async_execute.py by tools/unasync.py; do not edit.
"""Executor: carries plans out, one migration after another, in the way that each allows.

    several in one message    short ones that a transaction each covers: `run_all`, `pace`
    several in one COMMIT     a database that is built from nothing: `run_group`
    one transaction           the migration and its history row: `Committer.commit`
    step by step              each step with its journal row, the history row at the end; a step
                              that no transaction covers is `runner.nontransactional`'s

The first two are only quicker. Where they do not go through, the migrations that they leave are
run one by one, so history, journal and error are always those of an ordinary run.

Nothing here decides what a failure means; `runner.commit` does, and `runner.partial`
where a COMMIT left a part behind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, Protocol

import psycopg

from ..analysis.catalog_probe import effect_of
from ..errors import (
    ChangedFile,
    ConnectionFailed,
    DeadlineReached,
    MigrationError,
    MigrationFailed,
    PartialMigration,
)
from ..migrations.results import JournalRow
from ..migrations.script import MigrationPlan, Mode, Step
from ..outcome import Verdict
from ..parser.secrets import without_secrets
from . import events as e
from .bookkeeping import RETURNING_SECONDS
from .commit import Begin, Committer, no_commit
from .deadline import reached
from .failures import Stopped, failure_of, repair_hint, statement_of, unknown
from .identity import HOST
from .messages import together
from .pace import Pace
from .session import worth_waiting


class Backfills(Protocol):
    """What the executor asks for where a migration runs batch by batch, or has to do with one."""

    def run(self, committer: Committer, plan: MigrationPlan) -> None:
        """Run a plan to its end, still without recording it; or register and record it."""

    def require(self, committer: Committer, plan: MigrationPlan) -> None:
        """Raise BackfillIncomplete unless all that a plan requires is complete."""

    def withdraw(self, committer: Committer, plan: MigrationPlan) -> None:
        """See to it that nobody works on what a plan undoes."""

    def forgotten(self, committer: Committer, plan: MigrationPlan) -> Sequence[str]:
        """What stands in the transaction that records that a backfill is undone."""
        ...


class Executor:
    """Runs migrations under one lease."""

    def __init__(self, committer: Committer, backfills: Backfills | None = None) -> None:
        self.committer = committer
        self.backfills = backfills
        self.session = committer.session
        self.lease = committer.lease
        self.finished: list[int] = []
        self.functions: dict[int, Callable[[Any], Any]] = {}  # of Python migrations, by version
        self._stale_session = False

    # --- all of them -----------------------------------------------------------------------

    def run_all(self, plans: Sequence[MigrationPlan]) -> None:
        """Apply or roll back migrations in order, as many in one message as `Pace` allows.

        Raises what `run` raises for the first that fails; what came before it stays.
        """
        pace, at = Pace(), 0
        while at < len(plans):
            several = pace.next(plans, at)
            started = monotonic()
            if len(several) > 1 and not self._stale_session and not self._is_known(several):
                at += self._run_together(several, pace)
                continue
            self.run(plans[at], plans[at + 1] if at + 1 < len(plans) else None)
            if plans[at].mode is Mode.TRANSACTION:
                pace.took(1, monotonic() - started, self.session.distance)
            at += 1

    def _is_known(self, plans: Sequence[MigrationPlan]) -> bool:
        """Whether something is recorded of one of them already: then each is run by itself."""
        return any(
            self.committer.steps_of(plan) or self.committer.is_recorded(plan) for plan in plans
        )

    def _run_together(self, plans: Sequence[MigrationPlan], pace: Pace) -> int:
        """Run migrations in one message, a transaction each; return how many are done.

        One that fails there is carried on by itself, from its failure.
        """
        parts, before = [], None
        for plan in plans:
            fence, write, commit = self.committer.record(plan, after=before)
            after = (fence, write + RETURNING_SECONDS, commit)
            parts.append((plan.script.text, plan.script.spans, after))
            before = plan.version
        sql, places = together(parts, begin=self.session.tables.begin)
        commits: list[str] = []
        stopped: Stopped | None = None
        started = monotonic()
        self._in_time(plans[0])
        self._tell_started(plans[0])
        try:
            self.lease.check()
            with self.lease.watched(plans[0].version, None, bounded=True):
                reply = self.session.run(sql, commits)
        except psycopg.Error as error:
            stopped = Stopped(error, None, 0)
        else:
            if len(commits) < len(plans):
                stopped = no_commit(reply)
                if reply.error is not None:
                    stopped = Stopped(reply.error, places[len(commits)], reply.done)
        finally:  # also where the program is interrupted
            self._tell_done(plans, commits)
        done = len(commits)
        if done:
            self.committer.patience.calm()
        if done == len(plans):  # even if the connection was lost just then
            pace.took(done, monotonic() - started, self.session.distance)
            return done
        assert stopped is not None
        pace.stumbled()
        if done:
            self._tell_started(plans[done])
        elif not stopped.done and stopped.verdict is Verdict.FAILED:
            # The message was refused as a whole, whichever of them is wrong.
            self.committer.roll_back_quietly()
            stopped = None
        self._carry_on(plans[done], started, stopped)
        return done + 1

    def _tell_started(self, plan: MigrationPlan) -> None:
        script = plan.script
        if plan.version < 0:  # who runs it tells of it
            return
        self.session.listener(
            e.MigrationStarted(
                plan.version, script.description, script.direction, plan.mode, len(plan.steps)
            )
        )

    def _tell_done(self, plans: Sequence[MigrationPlan], commits: Sequence[str]) -> None:
        """Tell of those that are done; `commits` are the seconds that each took by server time,
        empty where a write of ours touched no row."""
        before = 0.0
        for i, said in enumerate(commits):
            seconds = float(said or before)
            if i:
                self._tell_started(plans[i])
            self._tell_finished(plans[i], max(seconds - before, 0.0))
            if not self.session.tables.cockroachdb:
                before = seconds  # there all count from the message's arrival

    def _tell_finished(self, plan: MigrationPlan, seconds: float) -> None:
        script = plan.script
        if plan.version < 0:
            return
        self.finished.append(plan.version)
        self.committer.settled[plan.version] = script.direction == "up"
        if script.direction == "up":
            self.committer.recorded.add(plan.version)  # what comes after may require it
        self.session.listener(
            e.MigrationFinished(plan.version, script.description, script.direction, seconds)
        )

    # --- one migration ---------------------------------------------------------------------

    def run(self, plan: MigrationPlan, following: MigrationPlan | None = None) -> None:
        """Apply or roll back one migration, and record it; `following` is run next.

        Raises MigrationFailed, PartialMigration or LeaseLost.
        """
        self._in_time(plan)
        self._tell_started(plan)
        self._carry_on(plan, monotonic(), None, following)

    def _in_time(self, plan: MigrationPlan) -> None:
        """Raise DeadlineReached where nothing may begin any more."""
        if self.lease.deadline.passed():
            raise reached(plan, tuple(self.finished))

    def _carry_on(
        self,
        plan: MigrationPlan,
        started: float,
        sent: Stopped | None,
        following: MigrationPlan | None = None,
    ) -> None:
        """Run a migration to its end; `sent` is how a first try of it ended."""
        try:
            self._run(plan, sent, following)
        except Stopped as stopped:
            if not self.lease.deadline.cut(stopped):
                raise self.failed(plan, stopped, started) from stopped.error
            if (late := self._cut_short(plan, stopped, started)) is not None:
                raise late from stopped.error
        except DeadlineReached as late:
            late.applied = tuple(self.finished)
            raise
        except PartialMigration as failure:
            self._keep_attempt(plan, failure, started, None, "partial")
            raise
        except MigrationFailed as failure:  # of Python, which has said itself what is wrong
            self.committer.roll_back_quietly()
            failure.applied = tuple(self.finished)
            self._keep_attempt(plan, failure, started, None, "nothing remains")
            raise
        finally:
            self.session.worn |= plan.changes_session
        self._stale_session = plan.changes_session
        self._tell_finished(plan, monotonic() - started)

    def _run(
        self, plan: MigrationPlan, sent: Stopped | None, following: MigrationPlan | None
    ) -> None:
        """Run one migration; wherever a connection is lost, go on from what is recorded."""
        self.committer.begin_plan()
        script = plan.script
        if sent is None:
            self._in_time(plan)
        if self.backfills is not None and script.requires:
            self.backfills.require(self.committer, plan)
        if self.backfills is not None and (script.undoes_backfill or _undoes(plan)):
            self.backfills.withdraw(self.committer, plan)
        while True:
            try:
                self._renew_session()
                rows = self.committer.steps_of(plan)
                if plan.mode is Mode.BACKFILL:
                    self._backfill(plan)
                elif plan.mode is Mode.PYTHON:
                    self._program(plan, rows)
                elif plan.mode is Mode.STEPS or rows:
                    self._steps(plan, rows, following)
                elif not self.committer.is_recorded(plan):
                    first, sent = sent, None
                    self.committer.commit(
                        plan,
                        0,
                        len(plan.script.spans),
                        lambda: self.committer.record(plan),
                        lambda: self.committer.is_recorded(plan),
                        sent=first,
                    )
                return
            except (psycopg.Error, ConnectionFailed) as error:
                stopped = Stopped(error, None, 0)
                if not worth_waiting(error):
                    raise stopped from error
                self.committer.recover(plan, stopped)

    def _backfill(self, plan: MigrationPlan) -> None:
        """Run a backfill to its end, and record it."""
        assert self.backfills is not None
        backfills, committer = self.backfills, self.committer
        if committer.is_recorded(plan):
            return
        backfills.run(committer, plan)
        if committer.is_recorded(plan):
            return

        def record() -> Sequence[str]:
            *before, commit = committer.record(plan, journalled=True)
            forgotten = backfills.forgotten(committer, plan) if _undoes(plan) else ()
            return (*before, *forgotten, commit)

        committer.commit(plan, 0, 0, record, lambda: committer.is_recorded(plan))

    def _program(self, plan: MigrationPlan, rows: dict[int, JournalRow]) -> None:
        """Run a Python migration in one transaction with its record."""
        from .program import program

        if rows:
            if any(row.state == "stuck" for row in rows.values()):
                self._compare(plan, rows)
            raise ChangedFile(
                f"Migration {plan.version} stopped half way as SQL, and its file is Python now.",
                version=plan.version,
                path=plan.script.path,
                hint="put the SQL file back, and what is new into a migration of its own",
            )
        if not self.committer.is_recorded(plan):
            program(self.committer, plan, self.functions[plan.version])

    def _renew_session(self) -> None:
        """Leave the session of a migration that changed it; the lease names the new one."""
        if self._stale_session:
            self.session.reopen()
            self.committer.retake(self.lease.token)
            self._stale_session = False

    def run_group(self, plans: Sequence[MigrationPlan]) -> None:
        """Apply several migrations in one transaction; one by one if that does not go through."""
        if len(plans) > 1 and not any(self.committer.steps_of(plan) for plan in plans):
            started = monotonic()
            bodies = [plan.step_sql(step) for plan in plans for step in plan.steps]
            self._in_time(plans[0])
            self.committer.check_lease(plans[0])
            try:
                self._renew_session()
                tables = self.session.tables
                rows = map(self.committer.history_row, plans)
                end = self.committer.fenced(tables.insert_history(*rows))
                with self.lease.watched(plans[0].version, None, bounded=True):
                    reply = self.session.run(";\n".join((tables.begin, *bodies, *end)))
            except psycopg.Error as error:
                self.committer.recover(plans[0], Stopped(error, None, 0))
            else:
                if reply.error is None and reply.tag == "COMMIT":
                    self.committer.recorded |= {plan.version for plan in plans}
                else:
                    self.committer.roll_back_quietly()
                    if reply.error is not None and Stopped(reply.error, None, 0).verdict in (
                        Verdict.UNKNOWN,
                        Verdict.PARTIAL,
                    ):
                        self.committer.recover(plans[0], Stopped(reply.error, None, 0))
            seconds = (monotonic() - started) / len(plans)
            for plan in plans:
                if plan.version in self.committer.recorded:
                    self._tell_finished(plan, seconds)
        for plan in plans:
            if plan.version not in self.committer.recorded:
                self.run(plan)

    def _steps(
        self, plan: MigrationPlan, rows: dict[int, JournalRow], following: MigrationPlan | None
    ) -> None:
        from .nontransactional import NonTransactionalStep

        if self.committer.is_recorded(plan):
            return
        self._compare(plan, rows)
        alone = NonTransactionalStep(self.committer, plan)
        for step in plan.steps:
            row = rows.get(step.ordinal)
            if row is not None and row.state == "done":
                continue
            if self.lease.deadline.passed() and step.ordinal:
                raise reached(
                    plan,
                    (),
                    f"The time was up in {plan.script.title}: {step.ordinal} of"
                    f" {len(plan.steps)} steps are done and recorded.",
                )
            self.session.listener(
                e.StepStarted(
                    plan.version,
                    step.ordinal,
                    len(plan.steps),
                    plan.step_shown(step),
                    row is not None,
                )
            )
            self.committer.passed = step.first
            self.committer.repeat_settings(plan)
            if step.atomic:
                self.committer.commit(
                    plan,
                    step.first,
                    step.last,
                    partial(self._step_done, plan, step),
                    partial(self.committer.is_done, plan, step),
                )
            else:
                alone.run(step, row, self._next_step(plan, step, following))
                if step is plan.steps[-1]:
                    return  # the migration was recorded with it
            self.committer.note_done(plan, step)
        self.committer.commit(
            plan,
            0,
            0,
            lambda: self.committer.record(plan, journalled=True),
            lambda: self.committer.is_recorded(plan),
        )

    def _next_step(
        self, plan: MigrationPlan, step: Step, following: MigrationPlan | None
    ) -> Begin | None:
        """The step that may begin in the transaction that ends `step`: the one that comes next,
        if no transaction covers it either.

        Not one whose fate nobody could tell if the run died between, nor one that will be sent
        by another session, where names may mean something else.
        """
        if step is not plan.steps[-1]:
            owner, candidate = plan, plan.steps[step.ordinal + 1]
        elif following is None or following.mode is not Mode.STEPS or plan.changes_session:
            return None
        else:
            owner, candidate = following, following.steps[0]
        if candidate.atomic or self.committer.steps_of(owner).get(candidate.ordinal):
            return None
        effect = effect_of(candidate.node, cockroachdb=self.session.tables.cockroachdb)
        return None if effect.blind else Begin(owner, candidate, effect)

    def _step_done(self, plan: MigrationPlan, step: Step) -> tuple[str, ...]:
        return self.committer.fenced(self.committer.step_done(plan, step))

    def _compare(self, plan: MigrationPlan, rows: dict[int, JournalRow]) -> None:
        for step in plan.steps:
            row = rows.get(step.ordinal)
            if row is not None and row.state == "stuck":
                raise PartialMigration(
                    row.detail or "A step ended in a state that somebody has to look at.",
                    version=plan.version,
                    path=plan.script.path,
                    hint=repair_hint(plan.version),
                )
            if row is not None and row.state == "done" and row.hash != plan.step_hash(step):
                raise ChangedFile(
                    f"Migration {plan.version} stopped half way and was changed since: its step"
                    f" {step.ordinal + 1} is done and no longer what the file says.",
                    version=plan.version,
                    path=plan.script.path,
                    hint="put the finished statements back as they were; later ones may change",
                )

    # --- failures --------------------------------------------------------------------------

    def failed(
        self, plan: MigrationPlan, stopped: Stopped, started: float
    ) -> MigrationError | ConnectionFailed:
        """The error to raise for a plan that stopped, once the attempt is kept."""
        self.committer.roll_back_quietly()
        verdict = stopped.verdict
        if verdict is Verdict.UNKNOWN:
            return unknown(plan, stopped)
        if verdict is Verdict.PARTIAL and (plan.mode is Mode.PYTHON or stopped.span != (0, 0)):
            from .partial import committed_in_part

            failure: MigrationError = committed_in_part(self.committer, plan, stopped)
        else:
            done = sum(1 for row in self.committer.steps_of(plan).values() if row.state == "done")
            failure = failure_of(
                plan,
                stopped,
                done=done,
                finished=tuple(self.finished),
                server=self.session.server,
            )
        left = "partial" if isinstance(failure, PartialMigration) else "nothing remains"
        self._keep_attempt(plan, failure, started, statement_of(plan, failure), left)
        return failure

    def _cut_short(
        self, plan: MigrationPlan, stopped: Stopped, started: float
    ) -> DeadlineReached | None:
        """The error for a plan that was cancelled at the deadline; None where it was done."""
        committer, seconds = self.committer, monotonic() - started
        committer.roll_back_quietly()
        try:  # it may have been at its COMMIT, of which a cancellation says nothing
            committer.remember(self.session.fetch(";\n".join(committer.reads())))
        except (psycopg.Error, AssertionError) as error:
            raise unknown(plan, stopped) from error
        if committer.is_recorded(plan):
            return None
        rows = committer.steps_of(plan).values()
        done = sum(1 for row in rows if row.state == "done")
        what = f"{plan.script.title} was stopped at the deadline, after {seconds:.1f} s"
        if stopped.begun and self.session.tables.cockroachdb:
            end = "its schema change may go on in the cluster, and the next run waits for it"
        elif done or stopped.begun:
            end = f"{done} of {len(plan.steps)} steps are done and recorded"
        else:
            end = "nothing of it remains"
        hint = "run again: it goes on where it stopped"
        if not stopped.begun or not self.session.tables.cockroachdb:
            hint = "run again with more time than that: what was cancelled begins anew"
        late = reached(plan, tuple(self.finished), f"{what[0].upper()}{what[1:]}; {end}.", hint)
        late.sqlstate = stopped.sqlstate
        left = "partial" if done or stopped.begun else "nothing remains"
        self._keep_attempt(plan, late, started, statement_of(plan, late), left)
        return late

    def _keep_attempt(
        self,
        plan: MigrationPlan,
        failure: MigrationError,
        started: float,
        statement: str | None,
        outcome: str,
    ) -> None:
        """Record a failed attempt; if even that fails, the failure itself matters more."""
        row = self.session.tables.insert_attempt(
            version=plan.version,
            direction=plan.script.direction,
            token=self.lease.token,
            seconds=monotonic() - started,
            host=HOST,
            statement=statement,
            sqlstate=failure.sqlstate,
            message=without_secrets(failure.message.replace("\x00", "")),
            outcome=outcome,
        )
        try:
            self.session.rollback()
            self.session.fetch(row)
        except (psycopg.Error, AssertionError):
            return


def _undoes(plan: MigrationPlan) -> bool:
    return plan.mode is Mode.BACKFILL and plan.script.direction == "down"
