"""AsyncCommitter: a transaction of ours, committed exactly once; how a lost COMMIT is settled.

Theory. Whatever a run writes for good, it writes in a transaction that also holds

    the fence     a SELECT that fails once our token is no longer the lease's (`Tables.fence`)
    the record    a history row, a journal row, or their removal

so the record says, at any later time, whether the transaction happened. Hence a message that does
not go through has three readings, which `outcome` names from its SQLSTATE:

    nothing happened    RETRY: wait and send it again; FAILED: say why, with the place in the file
    it is unknown       UNKNOWN: `recover`, then look at the record
    part of it stayed   PARTIAL (XXA00): see `runner.async_partial`

`recover` makes "what is recorded" final before anybody reads it. Its order is what makes it safe:

 1. *A new connection.* The old one may still be executing our message on the server.
 2. *End the old session*, and with it a statement that no fence guards. Before anything else, since
    the lease's row names the one session that whoever comes after us will end: once the row names
    our new one, nobody knows of the old one any more.
 3. *Still ours?* Another runner may have taken the lease meanwhile. Then everything is its
    business, and LeaseLost is all that we say.
 4. *A new token.* From here on the old message can commit nothing: its fence reads the token in
    its own transaction. On PostgreSQL the takeover waits for a fence that has been passed (both
    lock the lease's row), so either the old transaction is committed before we read, or it never
    will be. On CockroachDB serializability does the same: our new token and the old fence's read
    cannot both be in an order where the old one comes later.
 5. *Read history and journal.* Now, and only now, is a record that is not there an answer.

Doubts. Step 2 may be refused (42501, a user without the right): the fence still holds for
everything but a statement that runs alone, whose own looks at the catalog come later. Our own
takeover's answer can be lost as well: the owner's name, which no two runs share, tells that the
newer token is ours. `python -m faults model --of lease` takes this through every interleaving.

A server that comes back without what it had committed, a standby that was promoted before it had
received all, lost it together with its history: the two are one transaction. So what was known to
be recorded and is not any more is simply to be done again (`HistoryLost`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import random
from typing import Any, Protocol

import psycopg

from .._acompat import async_sleep
from ..analysis.catalog_probe import Effect
from ..errors import ConnectionFailed
from ..migrations.results import JournalRow
from ..migrations.script import MigrationPlan, Step
from ..outcome import Verdict, absent, is_division_by_zero, is_duplicate
from ..retry import RetryPolicy, decide
from . import events as e
from .async_lease import AsyncLease
from .async_session import AsyncSession, Rows, worth_waiting
from .bookkeeping import APPLIED_COLUMNS, journal_rows
from .exchange import Reply
from .failures import Stopped, sentence
from .identity import HOST
from .messages import Message, messages
from .patience import Patience

RECOVERIES = 12  # of a statement with which the connection was lost each time


@dataclass(frozen=True, slots=True)
class Begin:
    """A step that no transaction covers, about to begin."""

    plan: MigrationPlan
    step: Step
    effect: Effect


class HistoryLost(Exception):
    """The server is back, and has lost commits that it had answered to; ``versions`` are theirs."""

    def __init__(self, versions: Sequence[int]) -> None:
        super().__init__(f"the history has lost {', '.join(map(str, versions))}")
        self.versions = tuple(versions)


class Beside(Protocol):
    """What is recorded elsewhere than in the history, for plans whose version is below 0."""

    def reads(self) -> str:
        """One query, whose answer `remember` takes."""
        ...

    def remember(self, rows: Rows, /) -> None:
        """Take over what is recorded now."""
        ...

    def writes(self) -> tuple[str, ...]:
        """What records the plan that runs now."""
        ...

    def is_recorded(self) -> bool:
        """Whether that is there, as last read."""
        ...


class AsyncCommitter:
    """Sends fenced transactions under one lease, and knows what is recorded.

    ``recorded`` are the versions of the history, ``journal`` the rows of the journal, both as
    they were last read, and as our own writes since then have made them.
    """

    def __init__(self, session: AsyncSession, lease: AsyncLease, policy: RetryPolicy) -> None:
        self.session = session
        self.lease = lease
        self.policy = policy
        self.patience = Patience(session.reconnect_wait)
        self.columns = APPLIED_COLUMNS  # of the history that `reads` asks for
        self.recorded: set[int] = set()
        self.settled: dict[int, bool] = {}  # known for sure to be recorded, or not to be
        self.journal: list[JournalRow] = []
        self.begun_ahead: Begin | None = None  # journalled as begun, and not sent yet
        self.unsent: Begin | None = None  # the same, or perhaps not even journalled
        self.beside: Beside | None = None
        self.passed = 0  # statements of the present migration that are done
        self._has_settings: psycopg.AsyncConnection[Any] | None = None

    # --- what is recorded ------------------------------------------------------------------

    def reads(self) -> tuple[str, ...]:
        """The queries whose answers `remember` takes."""
        tables = self.session.tables
        beside = () if self.beside is None else (self.beside.reads(),)
        return (tables.read_history(self.columns), tables.read_steps(), *beside)

    def remember(self, sets: list[Rows]) -> None:
        """Take over what history and journal say now."""
        history, steps, *beside = sets
        self.recorded = {int(row[0]) for row in history}
        self.journal = journal_rows(steps)
        if self.beside is not None and beside:
            self.beside.remember(beside[0])

    def steps_of(self, plan: MigrationPlan) -> dict[int, JournalRow]:
        """The journal of one plan by ordinal."""
        return {
            row.ordinal: row
            for row in self.journal
            if row.version == plan.version and row.direction == plan.script.direction
        }

    def is_recorded(self, plan: MigrationPlan) -> bool:
        """Whether the record says that the plan is carried out."""
        if plan.version < 0:
            return self.beside is not None and self.beside.is_recorded()
        return (plan.version in self.recorded) == (plan.script.direction == "up")

    def is_done(self, plan: MigrationPlan, step: Step) -> bool:
        """Whether the journal says that a step is done."""
        row = self.steps_of(plan).get(step.ordinal)
        return row is not None and row.state == "done"

    def note_done(self, plan: MigrationPlan, step: Step) -> None:
        """Keep our picture of the journal true without reading it again."""
        script = plan.script
        row = JournalRow(
            plan.version, script.direction, step.ordinal, plan.step_hash(step), "done", None, None
        )
        self.journal = [j for j in self.journal if j.key != row.key] + [row]

    # --- what records ----------------------------------------------------------------------

    def fenced(self, *writes: str) -> tuple[str, ...]:
        """The end of a transaction: the fence, our own writes, COMMIT."""
        return (self.session.tables.fence(self.lease.token), *writes, "COMMIT")

    def record(
        self, plan: MigrationPlan, *, journalled: bool = False, after: int | None = None
    ) -> tuple[str, ...]:
        """The end of the transaction that carries a plan out."""
        clear = (self.session.tables.clear_steps(plan.version),) if journalled else ()
        return self.fenced(*self.record_writes(plan, after), *clear)

    def record_writes(self, plan: MigrationPlan, after: int | None = None) -> tuple[str, ...]:
        """The writes that say that a plan is carried out."""
        if plan.version < 0 and self.beside is not None:
            return self.beside.writes()
        if plan.script.direction == "up":
            return (self.session.tables.insert_history(self.history_row(plan, after)),)
        return (self.session.tables.delete_history(plan.version, *plan.script.squashes),)

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

    def step_done(self, plan: MigrationPlan, step: Step, detail: str | None = None) -> str:
        """The write that journals a step as done."""
        return self.session.tables.finish_step(
            plan.version,
            plan.script.direction,
            step.ordinal,
            plan.step_hash(step),
            self.lease.token,
            detail,
        )

    async def journal_step(self, plan: MigrationPlan, step: Step, write: str, state: str) -> None:
        """Write one journal row, by the statement `write`, which leaves the step in `state`."""

        def written() -> bool:
            row = self.steps_of(plan).get(step.ordinal)
            return row is not None and row.state == state

        await self.commit(plan, 0, 0, lambda: self.fenced(write), written)

    async def begin_step(self, plan: MigrationPlan, step: Step, effect: Effect) -> None:
        """Journal that a step begins, with what the catalog says just then."""
        begin = Begin(plan, step, effect)

        def started() -> bool:
            row = self.steps_of(plan).get(step.ordinal)
            return row is not None and row.state == "started"

        def end(quick: bool) -> Sequence[str]:
            return self.fenced(self._step_started(begin, quick=quick))

        try:
            await self.commit(plan, 0, 0, partial(end, True), started)
        except Stopped as stopped:
            if absent(stopped.sqlstate) is None:
                raise
            # There is no such table, so it has no OID, and the quick way fails.
            await self.roll_back_quietly()
            await self.commit(plan, 0, 0, partial(end, False), started)

    async def finish_step(
        self,
        plan: MigrationPlan,
        step: Step,
        *,
        detail: str | None,
        proof: str | None,
        following: Begin | None,
    ) -> bool:
        """Journal a step as done, or record the migration if it was the last; True once it is.

        In the same transaction, `proof` has to succeed, or False is returned and nothing is
        written; and the step that comes next begins, if `following` says which.
        """
        last = step.ordinal == len(plan.steps) - 1

        def end() -> Sequence[str]:
            tables = self.session.tables
            if last:
                writes = [*self.record_writes(plan), tables.clear_steps(plan.version)]
            else:
                writes = [self.step_done(plan, step, detail)]
            if proof is not None:
                writes.append(proof)
            if following is not None:
                writes.append(self._step_started(following, quick=True))
            return self.fenced(*writes)

        # The fence is 0, and what clears the journal comes before it.
        proof_at = len(self.record_writes(plan)) + 2 if last else 2

        def recorded() -> bool:
            return self.is_recorded(plan) if last else self.is_done(plan, step)

        if following is not None:
            self.unsent = following
        try:
            await self.commit(plan, 0, 0, end, recorded)
        except Stopped as stopped:
            at = stopped.ours or 0
            if at < proof_at or stopped.verdict is not Verdict.FAILED:
                raise
            await self.roll_back_quietly()
            if proof is not None and at == proof_at:
                return False
            # What comes next could not be looked at in the quick way: let it begin by itself.
            return await self.finish_step(plan, step, detail=detail, proof=proof, following=None)
        self.begun_ahead = following
        return True

    def take_begun(self, plan: MigrationPlan, step: Step) -> bool:
        """Whether `finish_step` has begun this step, whose statement is not sent yet."""
        begun, self.begun_ahead = self.begun_ahead, None
        return begun is not None and begun.plan is plan and begun.step is step

    def forget_unsent(self) -> tuple[str, ...]:
        """What takes back that another migration has begun, if a run ends before it really has."""
        begin = self.unsent
        if begin is None or begin.step.ordinal:
            return ()
        direction = begin.plan.script.direction
        return (
            self.session.tables.forget_unsent(
                begin.plan.version, direction, self.lease.owner, self.lease.token
            ),
        )

    def _step_started(self, begin: Begin, *, quick: bool) -> str:
        plan, step = begin.plan, begin.step
        return self.session.tables.start_step(
            plan.version,
            plan.script.direction,
            step.ordinal,
            plan.step_hash(step),
            begin.effect.before(quick=quick),
            self.lease.token,
        )

    async def look(self, effect: Effect) -> tuple[str | None, ...]:
        """What the catalog says now, one reading for each probe of an effect."""
        query = effect.query()
        if query is None:
            return ()
        return tuple((await self.session.fetch(query))[0][0])

    # --- one transaction -------------------------------------------------------------------

    async def commit(
        self,
        plan: MigrationPlan,
        first: int,
        last: int,
        after: Callable[[], Sequence[str]],
        recorded: Callable[[], bool],
        *,
        sent: Stopped | None = None,
        body: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Run statements `first` to `last` and what `after` gives, exactly once.

        With `body`, that is what runs between BEGIN and the end, in place of statements, in each
        try anew.

        `after` makes the fence, our own writes and COMMIT anew for each try, since the token may
        have moved on; `recorded` says, from what was last read, whether they have happened;
        `sent` is how a first try ended that was made in a message of several transactions.
        Raises Stopped when they have not and would fail again, LeaseLost when the fence fell.
        """
        attempt = recoveries = 0
        while True:
            if sent is None:
                await self.check_lease(plan)
            try:
                if sent is not None:
                    raise sent
                if body is None:
                    await self._send(plan, first, last, after())
                else:
                    await self._send_around(plan, body, after())
                self.patience.calm()
                return
            except Stopped as stopped:
                sent = None
                verdict = stopped.verdict
                stopped.span = (first, last)
                only_ours = first == last and body is None
                if verdict is Verdict.PARTIAL and only_ours:
                    verdict = Verdict.UNKNOWN  # only our own writes: all of them stayed or none
                if stopped.ours == 0 and is_division_by_zero(stopped.sqlstate):
                    await self.roll_back_quietly()
                    raise self.lease.gone() from stopped.error
                if stopped.ours == 1 and is_duplicate(stopped.sqlstate):
                    verdict = Verdict.UNKNOWN  # a run that we believed dead has recorded it
                late = self.lease.deadline.cut(stopped)
                if late and only_ours and verdict is Verdict.FAILED:
                    # The cancellation was meant for what ran before; what is done must be recorded.
                    verdict = Verdict.UNKNOWN
                if verdict is Verdict.RETRY:
                    attempt += 1
                    delay = decide(self.policy, stopped.sqlstate, attempt, random())
                    if delay is None or (late and not only_ours):
                        raise
                    await self.roll_back_quietly()
                    await self.pause(plan, stopped, attempt, delay)
                elif verdict is Verdict.UNKNOWN:
                    recoveries += stopped.lost
                    if recoveries > RECOVERIES:
                        raise
                    await self.recover(plan, stopped)
                    if recorded():
                        self.patience.calm()
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
                with self.lease.watched(plan.version, None, bounded=first < last):
                    reply = await self.session.run(message.sql)
            except psycopg.Error as error:
                raise Stopped(error, None, 0) from error
            if reply.error is not None:
                raise Stopped(reply.error, message, reply.done)
            if message.last < last:
                done, total = message.last - first, last - first
                self.session.listener(e.StatementProgress(plan.version, done, total))
        if reply.tag != "COMMIT":
            raise no_commit(reply)

    async def _send_around(
        self, plan: MigrationPlan, body: Callable[[], Awaitable[None]], after: Sequence[str]
    ) -> None:
        """One transaction with what `body` does. What it raises, but for psycopg's errors, is left
        to the caller, who rolls back."""
        try:
            with self.lease.watched(plan.version, None, bounded=True):
                reply = await self.session.run(self.session.tables.begin)
                if reply.error is None:
                    await body()
            if reply.error is None:
                with self.lease.watched(plan.version, None, bounded=False):
                    reply = await self.session.run(";\n".join(after))
        except psycopg.Error as error:
            raise Stopped(error, None, 0) from error
        if reply.error is not None:
            raise Stopped(reply.error, Message("", 0, 0, 0, 0), reply.done)
        if reply.tag != "COMMIT":
            raise no_commit(reply)

    async def check_lease(self, plan: MigrationPlan) -> None:
        """Raise LeaseLost unless the lease is ours."""
        try:
            await self.lease.check()
        except psycopg.Error as error:
            await self.recover(plan, Stopped(error, None, 0))

    async def roll_back_quietly(self) -> None:
        """End a transaction that failed, if one is open; never raises."""
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
        """Reconnect, fence off the old session, and read what is recorded: see above.

        Raises Stopped when no server can be reached, LeaseLost when another runner has taken
        over meanwhile.
        """
        lost, old_token = [self.session.id], self.lease.token
        patience, latest = self.patience, stopped
        while (delay := patience.next()) is not None:
            await self.pause(plan, latest, patience.attempt, delay)
            try:
                await self.session.reopen()
                lost.append(self.session.id)
                while len(lost) > 1:  # also those on which a takeover may be on its way
                    await self.session.end_session(lost[0])
                    del lost[0]
                await self.retake(old_token)
                self.remember(await self.session.fetch(";\n".join(self.reads())))
                self._check_settled(plan)
                await self.repeat_settings(plan)
                return
            except (psycopg.Error, ConnectionFailed) as error:
                if not worth_waiting(error):
                    raise stopped from error
                latest = Stopped(error, None, 0)
        raise stopped from latest.error

    def _check_settled(self, plan: MigrationPlan) -> None:
        """Raise HistoryLost where something that was settled is not so any more."""
        lost = [
            version
            for version, there in self.settled.items()
            if version != plan.version and (version in self.recorded) != there
        ]
        if lost:
            raise HistoryLost(sorted(lost))

    async def retake(self, token: int) -> None:
        """Take a new token on a new session, unless another runner has taken the lease since
        ours was `token`: then LeaseLost is raised."""
        rows = (await self.session.fetch(self.session.tables.read_lease()))[0]
        # The answer to our own last take-over may be what was lost: the owner decides, not
        # the token.
        if not rows or rows[0][0] != self.lease.owner or rows[0][1] < token:
            raise self.lease.gone()
        before = self.lease.previous_session
        self.remember(await self.lease.acquire(*self.reads()))
        previous = self.lease.previous_session
        if previous and previous != before:  # somebody had it in between, and did not let it go
            await self.session.end_session(previous)

    def begin_plan(self) -> None:
        """Another migration begins: nothing of it is done, no session has its settings."""
        self.passed, self._has_settings = 0, None

    async def repeat_settings(self, plan: MigrationPlan) -> None:
        """Repeat on a new session the settings that earlier steps of the plan made on another."""
        if self._has_settings is not self.session.connection:
            text, spans = plan.script.text, plan.script.spans
            for i in plan.settings:
                if i < self.passed:
                    await self.session.fetch(text[spans[i][0] : spans[i][1]])
            self._has_settings = self.session.connection


def no_commit(reply: Reply) -> Stopped:
    """A message that ended with something else than COMMIT, and no error."""
    odd = psycopg.OperationalError(f"COMMIT was answered with {reply.tag!r}")
    return Stopped(odd, None, 0)
