"""One session of the imitated CockroachDB: a client's message, carried out piece by piece.

A message with nothing peculiar in it goes to the server whole. Any other is checked for syntax as
a whole, since CockroachDB too parses all of a message before it runs any, and then its statements
are sent one by one, those without peculiarities in one go. To the client it is one message still:
it stops at the first error, one ReadyForQuery ends it, and outside BEGIN its statements are one
transaction (from v22.2 on), which the imitation opens and ends behind the client's back.

What is peculiar about a statement the quirks decide; here it is carried out.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

from faults import wire
from faults.imitate_errors import position, schema_change_failed, worded
from faults.imitate_jobs import JobScript
from faults.imitate_quirks import Sessions, remember
from faults.imitate_server import Emit, Gone, Server, run_alone, session_for_job
from faults.imitate_sql import Kind, Statement, statements
from faults.imitate_state import Course, Decision, Quirk, State, decide
from faults.proxy_relay import SocketBackend
from faults.wire import Message

_PROBE = "SELECT 1/0;\n"
_TRY = "imitated_try"
_TICK = 0.01
_BEGIN = re.compile(r"\s*(?:begin|start)(?:\s+(?:transaction|work))?\s*", re.IGNORECASE)


class Session:
    """Runs the simple queries of one connection."""

    def __init__(
        self,
        server: Server,
        emit: Emit,
        state: State,
        quirks: tuple[Quirk, ...],
        connect: Callable[[], Awaitable[SocketBackend]],
        spawn: Callable[[Awaitable[None]], None],
    ) -> None:
        self._server = server
        self._emit = emit
        self._state = state
        self._quirks = quirks
        self._connect = connect
        self._spawn = spawn
        self.startup = Message("", b"")
        self.waiting = False
        self.cancelled = False
        self.closed = False

    async def query(self, sql: str) -> None:
        """Answer one Query message. Raises Gone when the server is."""
        await self._server.take()
        state = self._state
        state.status = self._server.status
        if state.status == "I":
            state.ended()
        parsed = statements(sql)
        if parsed is None or not (state.waiting or any(map(self._peculiar, parsed))):
            error, _ = await self._server.ask(sql, self._emit)
            if error is not None:
                error = worded(error, sql, position(error))
        else:
            state.alone = len(parsed) == 1
            error = None if state.alone else await self._syntax(sql, parsed)
            error = error or await self._all(parsed)
            if state.implicit:
                error = await self._end_implicit(error)
        if error is not None:
            await self._emit([error])
        self._server.give_back()
        await self._emit([wire.ready(self._server.status)])

    def _peculiar(self, statement: Statement) -> bool:
        return any(one.concerns(statement, self._state) for one in self._quirks)

    # --- a whole message ---------------------------------------------------------------------

    async def _syntax(self, sql: str, parsed: list[Statement]) -> Message | None:
        """The first syntax error of a message, before anything of it is run.

        The server parses a message before it runs its first statement, which here fails.
        """
        if self._state.status == "E":
            return None
        probe = _PROBE
        starts: list[tuple[int, Statement]] = []
        for statement in parsed:
            decision = decide(self._quirks, statement, self._state)
            if decision.say is None:
                starts.append((len(probe), statement))
                probe += (decision.sql or statement.sql) + ";\n"
        if self._state.native:
            probe = _PROBE + sql
        open_ = self._state.status == "T"
        if open_:
            await self._server.ask(f"SAVEPOINT {_TRY}")
        error, _ = await self._server.ask(probe)
        if open_:
            await self._server.ask(f"ROLLBACK TO {_TRY}; RELEASE {_TRY}")
        if error is None or wire.fields(error).get("C") != "42601":
            return None
        if open_:
            await self._abort()
        offset = position(error)
        if offset is None:  # a CockroachDB's, and worded so already
            return worded(error, sql, None, without=_PROBE)
        start, statement = next(one for one in reversed(starts) if one[0] <= offset)
        return worded(error, statement.sql, offset - start)

    async def _all(self, parsed: list[Statement]) -> Message | None:
        at = 0
        while at < len(parsed):
            run = at
            while run < len(parsed) and self._ordinary(parsed[run]):
                run += 1
            if run > at:
                error = await self._together(parsed[at:run])
                at = run
            else:
                error = await self._one(parsed[at])
                at += 1
            if error is not None:
                return error
        return None

    def _ordinary(self, statement: Statement) -> bool:
        return statement.kind is Kind.OTHER and not self._peculiar(statement)

    @property
    def _batch(self) -> bool:
        """Whether statements of this message outside BEGIN are one transaction. (§1.6)"""
        state = self._state
        return not state.alone and state.on("enable_implicit_transaction_for_batch_statements")

    async def _together(self, ordinary: list[Statement]) -> Message | None:
        """Run statements without peculiarities."""
        if self._batch:
            await self._begin_implicit()
            return await self._send(";\n".join(one.sql for one in ordinary))
        for one in ordinary:
            if (error := await self._send(one.sql)) is not None:
                return error
        return None

    async def _send(self, sql: str, tell: Emit | None = None) -> Message | None:
        error, _ = await self._server.ask(sql, tell or self._emit)
        self._follow()
        return None if error is None else worded(error, sql, position(error))

    def _follow(self) -> None:
        """The client's idea of the transaction, after the server's."""
        status = self._server.status
        if self._state.implicit:
            status = "I"
        elif status == "I":
            self._state.ended()
        self._state.status = status

    async def _begin_implicit(self) -> None:
        if self._state.status == "I" and not self._state.implicit:
            await self._server.ask("BEGIN")
            self._state.implicit = True

    async def _end_implicit(self, error: Message | None) -> Message | None:
        if error is None:
            return await self._commit()
        await self._server.ask("ROLLBACK")
        self._state.ended()
        return error

    # --- one statement -----------------------------------------------------------------------

    async def _one(self, statement: Statement) -> Message | None:
        state = self._state
        decision = decide(self._quirks, statement, state)
        if decision.course is Course.COMMIT_FIRST:
            if (error := await self._commit_first()) is not None:
                return error
            decision = decide(self._quirks, statement, state)
        if decision.say is not None:
            return await self._say(decision)
        if statement.kind is Kind.BEGIN and state.implicit:
            return await self._begin(statement)
        if statement.kind in (Kind.COMMIT, Kind.ROLLBACK):
            return await self._end(statement)
        if statement.kind in (Kind.SAVEPOINT, Kind.ROLLBACK_TO):
            return await self._savepoint(statement)
        if statement.kind is Kind.BEGIN:
            return await self._send(statement.sql)
        if self._batch and not (
            statement.kind is Kind.SCHEMA and state.on("autocommit_before_ddl")
        ):
            await self._begin_implicit()
            decision = decide(self._quirks, statement, state)
        if decision.course is Course.AFTER_COMMIT:
            error = await self._postpone(statement, decision)
        elif decision.course is Course.JOB:
            error = await self._job(replace(statement, sql=decision.sql))
        else:
            error = await self._send(decision.sql, self._teller(decision.tag))
        if error is None and statement.kind is Kind.SCHEMA:
            remember(statement, state)
        return error

    def _teller(self, tag: str | None) -> Emit | None:
        if tag is None:
            return None
        done = wire.command_complete(tag)

        async def tell(messages: list[Message]) -> None:
            kept = [done if one.code == "C" else one for one in messages if one.code not in "TD"]
            await self._emit(kept)

        return tell

    async def _say(self, decision: Decision) -> Message | None:
        say = decision.say
        assert say is not None
        if say.effect is not None:
            say.effect(self._state)
        last = say.messages[-1]
        if last.code != "E":
            await self._emit(list(say.messages))
            return None
        if self._state.status == "T":
            await self._abort()
        return last

    async def _abort(self) -> None:
        """Put the server's transaction into the state in which the client's is."""
        await self._server.ask("SELECT 1/0")
        self._follow()

    async def _begin(self, statement: Statement) -> Message | None:
        """BEGIN behind other statements of its message takes them into its transaction."""
        self._state.implicit = False
        modes = _BEGIN.sub("", statement.sql, count=1)
        if modes:
            error, _ = await self._server.ask(f"SET TRANSACTION {modes}")
            if error is not None:
                self._follow()
                return worded(error, statement.sql, None)
        self._state.status = "T"
        await self._emit([wire.command_complete("BEGIN")])
        return None

    async def _commit_first(self) -> Message | None:
        notice = "auto-committing transaction before processing DDL due to autocommit_before_ddl"
        await self._emit([wire.notice("00000", f"{notice} setting")])
        return await self._commit()

    async def _commit(self) -> Message | None:
        """Commit without telling the client, and do what had to wait."""
        implicit, waiting = self._state.implicit, list(self._state.waiting)
        error, _ = await self._server.ask("COMMIT")
        self._state.ended()
        self._follow()
        if error is not None:
            return worded(error, "COMMIT", None)
        return await self._after_commit(waiting, implicit=implicit)

    async def _end(self, statement: Statement) -> Message | None:
        """COMMIT or ROLLBACK."""
        state = self._state
        if state.implicit:
            warning = "there is no transaction in progress"
            await self._emit([wire.notice("25P01", warning, severity="WARNING")])
        waiting = list(state.waiting) if state.open else []
        if statement.kind is Kind.ROLLBACK or not waiting:
            state.implicit = False
            return await self._send(statement.sql)
        if (error := await self._commit()) is None:
            await self._emit([wire.command_complete("COMMIT")])
        return error

    async def _savepoint(self, statement: Statement) -> Message | None:
        state = self._state
        name = statement.words[-1]
        error = await self._send(statement.sql)
        if error is None and statement.kind is Kind.SAVEPOINT:
            state.savepoints[name] = len(state.waiting)
        elif error is None:
            del state.waiting[state.savepoints.get(name, 0) :]
        return error

    # --- schema changes that are jobs --------------------------------------------------------

    async def _refusal(self, sql: str) -> Message | None:
        """Why a schema change would not even be accepted; what its data say comes later."""
        inside = self._state.open
        await self._server.ask(f"SAVEPOINT {_TRY}" if inside else "BEGIN")
        error, _ = await self._server.ask(sql)
        await self._server.ask(f"ROLLBACK TO {_TRY}; RELEASE {_TRY}" if inside else "ROLLBACK")
        if error is None or wire.fields(error).get("C", "").startswith("23"):
            return None
        return worded(error, sql, position(error))

    async def _postpone(self, statement: Statement, decision: Decision) -> Message | None:
        if (error := await self._refusal(decision.sql)) is not None:
            if self._state.status == "T":
                await self._abort()
            return error
        self._state.waiting.append(replace(statement, sql=decision.sql))
        await self._emit([wire.command_complete(_tag(statement))])
        return None

    async def _job(self, statement: Statement) -> Message | None:
        # A CockroachDB behind cannot take a schema change back to a savepoint.
        if not self._state.native and (error := await self._refusal(statement.sql)) is not None:
            return error
        (number,) = await self._announce_job([statement])
        return await self._run_job(number, statement, self._emit)

    async def _after_commit(self, waiting: list[Statement], *, implicit: bool) -> Message | None:
        """Do what waited for COMMIT, all of it; the first failure is what the client is told."""
        first: Message | None = None
        numbers = await self._announce_job(waiting)
        for number, statement in zip(numbers, waiting, strict=True):
            error = await self._run_job(number, statement, None)
            first = first or error
        if first is None or implicit:
            return first
        return schema_change_failed(first)

    async def _announce_job(self, waiting: list[Statement]) -> list[int]:
        state = self._state
        numbers = [state.jobs.start(one.sql, state.user) for one in waiting]
        if numbers and state.version >= (26, 1):
            text = f"waiting for job(s) to complete: {', '.join(map(str, numbers))}"
            more = "If the statement is canceled, jobs will continue in the background."
            await self._emit([wire.notice("00000", f"{text}\n{more}")])
        return numbers

    async def _run_job(
        self, number: int, statement: Statement, tell: Emit | None
    ) -> Message | None:
        jobs = self._state.jobs
        script = jobs.take_script(statement.sql)
        if script is None:
            error, rest = await self._server.ask(statement.sql)
            if error is None:
                jobs.update(number, "succeeded", fraction=1.0)
            else:
                error = worded(error, statement.sql, position(error))
                jobs.update(number, "failed", error=wire.fields(error)["M"])
        else:
            path = "" if self._state.native else await self._server.value("SHOW search_path")
            self._spawn(self._background(number, statement.sql, script, path))
            error = await self._wait_for(number, script)
            rest = [wire.command_complete(_tag(statement))]
        if error is None and tell is not None:
            await tell(rest)
        return error

    async def _wait_for(self, number: int, script: JobScript) -> Message | None:
        jobs = self._state.jobs
        self.waiting, self.cancelled = True, False
        try:
            while not (job := jobs[number]).ended:
                if self.closed or self._server.ended.is_set():
                    raise Gone
                if self.cancelled:
                    return wire.error("57014", "query execution canceled")
                if job.status == "paused":
                    why = f"job {number} was paused before it completed"
                    return wire.error("XXUUU", why)
                await asyncio.sleep(_TICK)
        finally:
            self.waiting = False
        if job.status == "failed":
            return wire.error(job.sqlstate, job.error)
        return wire.error("57014", job.error) if job.status == "canceled" else None

    async def _background(self, number: int, sql: str, script: JobScript, path: str) -> None:
        """A job's life; it goes on whatever becomes of the client."""
        jobs = self._state.jobs
        left = script.seconds
        while left > 0 and not jobs[number].ended:
            await asyncio.sleep(_TICK)
            if jobs[number].status == "running":
                left -= _TICK
                jobs.update(number, fraction=min(1.0, 1 - left / script.seconds))
        if script.ends == "failed":
            jobs.update(number, "reverting", error=script.message)
            await asyncio.sleep(script.reverting)
            jobs.update(number, "failed", sqlstate=script.sqlstate)
            return
        if script.ends == "reverting":
            jobs.update(number, "reverting", error=script.message)
            return
        if script.ends == "paused":
            jobs.update(number, "paused")
        while jobs[number].status == "paused":
            await asyncio.sleep(_TICK)
        if jobs[number].ended:
            return
        try:
            backend = await session_for_job(self._connect, job_startup(self.startup))
            error = await run_alone(backend, f"SET search_path = {path}") if path else None
            error = error or await run_alone(backend, sql)
            backend.close()
        except OSError as failure:
            error = wire.error("58C01", str(failure))
        if error is None:
            jobs.update(number, "succeeded", fraction=1.0)
        else:
            fields = wire.fields(error)
            jobs.update(number, "failed", error=fields["M"], sqlstate=fields["C"])


def job_startup(startup: Message) -> Message:
    """A client's StartupMessage with the name that the cluster's own sessions bear."""
    parameters = wire.startup_parameters(startup)
    parameters["application_name"] = Sessions.JOB_APPLICATION
    return wire.startup(parameters)


def _tag(statement: Statement) -> str:
    if statement.creates_index:
        return "CREATE INDEX"
    return " ".join(statement.words[: 3 if statement.words[1] == "MATERIALIZED" else 2])
