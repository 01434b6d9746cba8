"""AsyncExecutor: runs plans, one migration after another, and always knows where it stands.

Theory of operation. Each write of ours happens in one transaction with the fence and with what
it records: a migration with its history row, a step with its journal row. Hence a failure has
only three readings, which `outcome` names: nothing happened, it is unknown, or part of
it stayed. *Unknown* is settled in one place, `_recover`: reconnect, take a new token so that
whatever of ours may still be running is fenced off, end the old session, and then read history
and journal. What is recorded has happened; what is not has not, and is run again.

Statements that no transaction covers are `runner.async_alone`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import random
from time import monotonic
from typing import Any

import psycopg

from .._acompat import async_sleep
from ..errors import ChangedFile, ConnectionFailed, MigrationError, PartialMigration
from ..migrations.results import JournalRow
from ..migrations.script import MigrationPlan, Mode, Step
from ..outcome import Verdict, is_division_by_zero, is_duplicate, verdict_of
from ..parser.secrets import without_secrets
from ..retry import RetryPolicy, decide
from . import events as e
from .async_lease import HOST, AsyncLease
from .async_session import RECONNECTS, AsyncSession, Rows, worth_waiting
from .bookkeeping import RETURNING_SECONDS, journal_rows
from .exchange import Reply
from .failures import Stopped, failure_of, repair_hint, sentence, statement_of, unknown
from .messages import messages, together
from .pace import Pace

RECOVERIES = 5


class AsyncExecutor:
    """Runs migrations under one lease."""

    def __init__(self, session: AsyncSession, lease: AsyncLease, policy: RetryPolicy) -> None:
        self.session = session
        self.lease = lease
        self.policy = policy
        self.recorded: set[int] = set()
        self.journal: list[JournalRow] = []
        self.finished: list[int] = []
        self._stale_session = False
        self._passed = 0
        self._set_up: psycopg.AsyncConnection[Any] | None = None

    # --- what is recorded ------------------------------------------------------------------

    def reads(self) -> tuple[str, str]:
        """The queries whose answers `remember` takes."""
        tables = self.session.tables
        return tables.read_history("version, description, checksum"), tables.read_steps()

    def remember(self, sets: list[Rows]) -> None:
        """Take over what history and journal say now."""
        history, steps = sets
        self.recorded = {int(row[0]) for row in history}
        self.journal = journal_rows(steps)

    def steps_of(self, plan: MigrationPlan) -> dict[int, JournalRow]:
        """The journal of one plan by ordinal."""
        return {
            row.ordinal: row
            for row in self.journal
            if row.version == plan.version and row.direction == plan.script.direction
        }

    # --- all of them -----------------------------------------------------------------------

    async def run_all(self, plans: Sequence[MigrationPlan]) -> None:
        """Apply or roll back migrations in order, as many in one message as `Pace` allows.

        Raises what `run` raises for the first that fails; what came before it stays.
        """
        pace, at = Pace(), 0
        while at < len(plans):
            several = pace.next(plans, at)
            started = monotonic()
            if len(several) > 1 and not self._stale_session and not self._is_known(several):
                at += await self._run_together(several, pace)
                continue
            await self.run(plans[at])
            if plans[at].mode is Mode.TRANSACTION:
                pace.took(1, monotonic() - started, self.session.distance)
            at += 1

    def _is_known(self, plans: Sequence[MigrationPlan]) -> bool:
        """Whether something is recorded of one of them already: then each is run by itself."""
        return any(self.steps_of(plan) or self._is_recorded(plan) for plan in plans)

    async def _run_together(self, plans: Sequence[MigrationPlan], pace: Pace) -> int:
        """Run migrations in one message, a transaction each; return how many are done.

        One that fails there is carried on by itself, from its failure.
        """
        parts, before = [], None
        for plan in plans:
            fence, write, commit = self._record(plan, after=before)
            after = (fence, write + RETURNING_SECONDS, commit)
            parts.append((plan.script.text, plan.script.spans, after))
            before = plan.version
        sql, places = together(parts, begin=self.session.tables.begin)
        commits: list[str] = []
        stopped: Stopped | None = None
        started = monotonic()
        self._tell_started(plans[0])
        try:
            await self.lease.check()
            reply = await self.session.run(sql, commits)
        except psycopg.Error as error:
            stopped = Stopped(error, None, 0)
        else:
            if len(commits) < len(plans):
                stopped = _odd(reply)
                if reply.error is not None:
                    stopped = Stopped(reply.error, places[len(commits)], reply.done)
        finally:  # also where the program is interrupted
            self._tell_done(plans, commits)
        done = len(commits)
        if done == len(plans):  # even if the connection was lost just then
            pace.took(done, monotonic() - started, self.session.distance)
            return done
        assert stopped is not None
        pace.stumbled()
        if done:
            self._tell_started(plans[done])
        elif not stopped.done and verdict_of(stopped.sqlstate) is Verdict.FAILED:
            # The message was refused as a whole, whichever of them is wrong.
            await self._quietly_roll_back()
            stopped = None
        await self._carry_on(plans[done], started, stopped)
        return done + 1

    def _tell_started(self, plan: MigrationPlan) -> None:
        script = plan.script
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
        self.finished.append(plan.version)
        self.session.listener(
            e.MigrationFinished(plan.version, script.description, script.direction, seconds)
        )

    # --- one migration ---------------------------------------------------------------------

    async def run(self, plan: MigrationPlan) -> None:
        """Apply or roll back one migration, and record it.

        Raises MigrationFailed, PartialMigration or LeaseLost.
        """
        self._tell_started(plan)
        await self._carry_on(plan, monotonic(), None)

    async def _carry_on(self, plan: MigrationPlan, started: float, sent: Stopped | None) -> None:
        """Run a migration to its end; `sent` is how a first try of it ended."""
        try:
            await self._run(plan, sent)
        except Stopped as stopped:
            raise await self._failed(plan, stopped, started) from stopped.error
        except PartialMigration as failure:
            await self._keep_attempt(plan, failure, started, None, "partial")
            raise
        self._stale_session = plan.changes_session
        self._tell_finished(plan, monotonic() - started)

    async def _run(self, plan: MigrationPlan, sent: Stopped | None) -> None:
        """Run one migration; wherever a connection is lost, go on from what is recorded."""
        self._passed, self._set_up = 0, None
        for attempt in range(RECOVERIES + 1):
            try:
                await self._renew_session()
                rows = self.steps_of(plan)
                if plan.mode is Mode.STEPS or rows:
                    await self._steps(plan, rows)
                elif not self._is_recorded(plan):
                    first, sent = sent, None
                    await self.transaction(
                        plan,
                        0,
                        len(plan.script.spans),
                        lambda: self._record(plan),
                        lambda: self._is_recorded(plan),
                        sent=first,
                    )
                return
            except (psycopg.Error, ConnectionFailed) as error:
                stopped = Stopped(error, None, 0)
                if attempt == RECOVERIES or not worth_waiting(error):
                    raise stopped from error
                await self.recover(plan, stopped)

    async def _renew_session(self) -> None:
        """Leave the session of a migration that changed it; the lease names the new one."""
        if self._stale_session:
            await self.session.reopen()
            if not await self._still_ours(self.lease.token):
                raise self.lease.gone()
            self.remember(await self.lease.acquire(*self.reads()))
            self._stale_session = False

    async def _set_up_session(self, plan: MigrationPlan) -> None:
        """Repeat on a new session the settings that earlier steps of the plan made on another."""
        if self._set_up is not self.session.connection:
            text, spans = plan.script.text, plan.script.spans
            for i in plan.settings:
                if i < self._passed:
                    await self.session.fetch(text[spans[i][0] : spans[i][1]])
            self._set_up = self.session.connection

    async def run_group(self, plans: Sequence[MigrationPlan]) -> None:
        """Apply several migrations in one transaction; one by one if that does not go through."""
        if len(plans) > 1 and not any(self.steps_of(plan) for plan in plans):
            started = monotonic()
            tables = self.session.tables
            bodies = [plan.step_sql(step) for plan in plans for step in plan.steps]
            record = tables.insert_history(*(self.history_row(plan) for plan in plans))
            fence = tables.fence(self.lease.token)
            await self._check_lease(plans[0])
            try:
                await self._renew_session()
                reply = await self.session.run(
                    ";\n".join((tables.begin, *bodies, fence, record, "COMMIT"))
                )
            except psycopg.Error as error:
                await self.recover(plans[0], Stopped(error, None, 0))
            else:
                if reply.error is None and reply.tag == "COMMIT":
                    self.recorded |= {plan.version for plan in plans}
                else:
                    await self._quietly_roll_back()
                    if reply.error is not None and verdict_of(reply.error.sqlstate) in (
                        Verdict.UNKNOWN,
                        Verdict.PARTIAL,
                    ):
                        await self.recover(plans[0], Stopped(reply.error, None, 0))
            seconds = (monotonic() - started) / len(plans)
            for plan in plans:
                if plan.version in self.recorded:
                    self._tell_finished(plan, seconds)
        for plan in plans:
            if plan.version not in self.recorded:
                await self.run(plan)

    def _record(
        self, plan: MigrationPlan, *, journalled: bool = False, after: int | None = None
    ) -> tuple[str, ...]:
        script, tables = plan.script, self.session.tables
        if script.direction == "up":
            write = tables.insert_history(self.history_row(plan, after))
        else:
            write = tables.delete_history(plan.version)
        clear = (tables.clear_steps(plan.version),) if journalled else ()
        return (tables.fence(self.lease.token), write, *clear, "COMMIT")

    def history_row(self, plan: MigrationPlan, after: int | None = None) -> str:
        """The history row of a migration that is applied, as `Tables.insert_history` takes it."""
        script = plan.script
        return self.session.tables.history_row(
            version=plan.version,
            description=script.description,
            checksum=script.checksum or None,
            undo=script.undo or (script.text if script.direction == "down" else None),
            mode=plan.mode.value,
            host=HOST,
            token=self.lease.token,
            after=after,
        )

    def _is_recorded(self, plan: MigrationPlan) -> bool:
        return (plan.version in self.recorded) == (plan.script.direction == "up")

    async def _steps(self, plan: MigrationPlan, rows: dict[int, JournalRow]) -> None:
        from .async_alone import AsyncAlone

        if self._is_recorded(plan):
            return
        self._compare(plan, rows)
        alone = AsyncAlone(self, plan)
        for step in plan.steps:
            row = rows.get(step.ordinal)
            if row is not None and row.state == "done":
                continue
            self.session.listener(
                e.StepStarted(
                    plan.version,
                    step.ordinal,
                    len(plan.steps),
                    plan.step_sql(step),
                    row is not None,
                )
            )
            self._passed = step.first
            await self._set_up_session(plan)
            if step.atomic:
                await self.transaction(
                    plan,
                    step.first,
                    step.last,
                    partial(self._journal_done, plan, step),
                    partial(self.is_done, plan, step),
                )
            else:
                await alone.run(step, row)
            self._note_done(plan, step)
        await self.transaction(
            plan,
            0,
            0,
            lambda: self._record(plan, journalled=True),
            lambda: self._is_recorded(plan),
        )

    def _journal_done(self, plan: MigrationPlan, step: Step) -> tuple[str, ...]:
        token = self.lease.token
        done = self.session.tables.finish_step(
            plan.version, plan.script.direction, step.ordinal, plan.step_hash(step), token, None
        )
        return (self.session.tables.fence(token), done, "COMMIT")

    def _note_done(self, plan: MigrationPlan, step: Step) -> None:
        """Keep our picture of the journal true without reading it again."""
        script = plan.script
        row = JournalRow(
            plan.version, script.direction, step.ordinal, plan.step_hash(step), "done", None, None
        )
        self.journal = [j for j in self.journal if j.key != row.key] + [row]

    def is_done(self, plan: MigrationPlan, step: Step) -> bool:
        """Whether the journal says that a step is done."""
        row = self.steps_of(plan).get(step.ordinal)
        return row is not None and row.state == "done"

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

    # --- one transaction -------------------------------------------------------------------

    async def transaction(
        self,
        plan: MigrationPlan,
        first: int,
        last: int,
        after: Callable[[], Sequence[str]],
        recorded: Callable[[], bool],
        *,
        sent: Stopped | None = None,
    ) -> None:
        """Run statements `first` to `last` and what `after` gives, exactly once.

        `after` makes the fence, our own writes and COMMIT anew for each try, since the token may
        have moved on; `recorded` says, from what was last read, whether they have happened;
        `sent` is how a first try ended that was made in a message of several transactions.
        Raises Stopped when they have not and would fail again, LeaseLost when the fence fell.
        """
        attempt = recoveries = 0
        while True:
            if sent is None:
                await self._check_lease(plan)
            try:
                if sent is not None:
                    raise sent
                await self._send(plan, first, last, after())
                return
            except Stopped as stopped:
                sent = None
                verdict = verdict_of(stopped.sqlstate)
                stopped.span = (first, last)
                if verdict is Verdict.PARTIAL and first == last:
                    verdict = Verdict.UNKNOWN  # only our own writes: all of them stayed or none
                if stopped.ours == 0 and is_division_by_zero(stopped.sqlstate):
                    await self._quietly_roll_back()
                    raise self.lease.gone() from stopped.error
                if stopped.ours == 1 and is_duplicate(stopped.sqlstate):
                    verdict = Verdict.UNKNOWN  # a run that we believed dead has recorded it
                if verdict is Verdict.RETRY:
                    attempt += 1
                    delay = decide(self.policy, stopped.sqlstate, attempt, random())
                    if delay is None:
                        raise
                    await self._quietly_roll_back()
                    await self.pause(plan, stopped, attempt, delay)
                elif verdict is Verdict.UNKNOWN:
                    recoveries += 1
                    if recoveries > RECOVERIES:
                        raise
                    await self.recover(plan, stopped)
                    if recorded():
                        self.session.listener(e.Recovered(plan.version, "it had been committed"))
                        return
                    self.session.listener(
                        e.Recovered(plan.version, "nothing had happened; running it again")
                    )
                else:
                    raise

    async def _send(self, plan: MigrationPlan, first: int, last: int, after: Sequence[str]) -> None:
        script = plan.script
        reply = Reply(0, "", None)
        for message in messages(
            script.text, script.spans, first, last, begin=self.session.tables.begin, after=after
        ):
            try:
                reply = await self.session.run(message.sql)
            except psycopg.Error as error:
                raise Stopped(error, None, 0) from error
            if reply.error is not None:
                raise Stopped(reply.error, message, reply.done)
        if reply.tag != "COMMIT":
            raise _odd(reply)

    async def _check_lease(self, plan: MigrationPlan) -> None:
        try:
            await self.lease.check()
        except psycopg.Error as error:
            await self.recover(plan, Stopped(error, None, 0))

    async def _quietly_roll_back(self) -> None:
        try:
            await self.session.rollback()
        except psycopg.Error:
            await self.session.close()

    async def pause(
        self, plan: MigrationPlan, stopped: Stopped, attempt: int, delay: float
    ) -> None:
        """Tell that something will be tried again, and wait."""
        self.session.listener(
            e.Retrying(plan.version, stopped.sqlstate, sentence(stopped.error), attempt, delay)
        )
        await async_sleep(delay)

    # --- after a lost connection -----------------------------------------------------------

    async def recover(self, plan: MigrationPlan, stopped: Stopped) -> None:
        """Reconnect, fence off the old session, and read what is recorded.

        Raises Stopped when no server can be reached, LeaseLost when another runner has taken
        over meanwhile.
        """
        old_session, old_token = self.session.id, self.lease.token
        for attempt in range(1, RECONNECTS + 1):
            delay = min(0.05 * 2**attempt, 3.0)
            await self.pause(plan, stopped, attempt, delay)
            try:
                await self.session.reopen()
                if not await self._still_ours(old_token):
                    raise self.lease.gone()
                self.remember(await self.lease.acquire(*self.reads()))
                await self.session.end_session(old_session)
                self.remember(await self.session.fetch(";\n".join(self.reads())))
                await self._set_up_session(plan)
                return
            except (psycopg.Error, ConnectionFailed) as error:
                if attempt == RECONNECTS or not worth_waiting(error):
                    raise stopped from error
        raise stopped

    async def _still_ours(self, token: int) -> bool:
        rows = (await self.session.fetch(self.session.tables.read_lease()))[0]
        # The answer to our own last take-over may be what was lost: the owner decides, not
        # the token.
        return bool(rows) and rows[0][0] == self.lease.owner and rows[0][1] >= token

    # --- failures --------------------------------------------------------------------------

    async def _failed(
        self, plan: MigrationPlan, stopped: Stopped, started: float
    ) -> MigrationError | ConnectionFailed:
        await self._quietly_roll_back()
        verdict = verdict_of(stopped.sqlstate)
        if verdict is Verdict.UNKNOWN:
            return unknown(plan, stopped)
        if verdict is Verdict.PARTIAL and stopped.span != (0, 0):
            from .async_alone import AsyncAlone

            failure: MigrationError = await AsyncAlone(self, plan).committed_in_part(stopped)
        else:
            done = sum(1 for row in self.steps_of(plan).values() if row.state == "done")
            failure = failure_of(plan, stopped, done=done, finished=tuple(self.finished))
        outcome = "partial" if isinstance(failure, PartialMigration) else "nothing remains"
        await self._keep_attempt(plan, failure, started, statement_of(plan, failure), outcome)
        return failure

    async def _keep_attempt(
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
            await self.session.rollback()
            await self.session.fetch(row)
        except (psycopg.Error, AssertionError):
            return


def _odd(reply: Reply) -> Stopped:
    odd = psycopg.OperationalError(f"COMMIT was answered with {reply.tag!r}")
    return Stopped(odd, None, 0)
