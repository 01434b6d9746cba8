"""How CockroachDB differs from what stands behind the proxy: one small class for each difference.

Each says why in its docstring, with the section of the project's research notes on CockroachDB
it comes from and, there, the documentation page, release note or issue. `QUIRKS` lists them in
the order in which they are asked. Nothing here does I/O: see `faults.imitate_state` for what a
quirk may say and `faults.imitate` for who carries it out.
"""

from __future__ import annotations

import itertools
import re

from faults import wire
from faults.imitate_jobs import rows_sql
from faults.imitate_sql import Kind, Statement, literal, tokens, unquote
from faults.imitate_state import SETTINGS, Course, Quirk, Rewrite, Say, State, Version
from faults.wire import Message

_ANY = re.IGNORECASE


def _error(sqlstate: str, message: str, **more: str) -> Say:
    return Say((wire.error(sqlstate, message, **more),))


def _row(column: str, value: str, tag: str) -> tuple[Message, ...]:
    return (
        wire.row_description([(column, "text")]),
        wire.data_row([value]),
        wire.command_complete(tag),
    )


class EndOutside(Quirk):
    """COMMIT and ROLLBACK outside a transaction warn, 25P01.

    As on PostgreSQL; an old CockroachDB makes an error of it. It matters since v25.1, where a
    schema change may have committed the transaction. (§1.4; §11 for the old way)
    """

    def concerns(self, statement: Statement, state: State) -> bool:
        return state.native and statement.kind in (Kind.COMMIT, Kind.ROLLBACK)

    def answer(self, statement: Statement, state: State) -> Say | None:
        if state.status != "I" or state.implicit:
            return None
        tag = "COMMIT" if statement.kind is Kind.COMMIT else "ROLLBACK"
        warning = wire.notice("25P01", "there is no transaction in progress", severity="WARNING")
        return Say((warning, wire.command_complete(tag)))


class Settings(Quirk):
    """Session settings that the server behind does not know are kept by the proxy.

    SET, SET LOCAL, RESET, SHOW and ``set_config`` of the names in `SETTINGS`, from the version
    that has them; before it they are refused by the server as any unknown name is. As on
    CockroachDB, SET is not undone by ROLLBACK. (§1.1 last item, §1.4, §1.7)
    """

    mentions = re.compile("|".join(SETTINGS), _ANY)
    _CONFIG = re.compile(
        r"\s*select\s+set_config\s*\(\s*'(\w+)'\s*,\s*'([^']*)'\s*,\s*(\w+)\s*\)\s*", _ANY
    )

    def answer(self, statement: Statement, state: State) -> Say | None:
        if found := self._CONFIG.fullmatch(statement.sql):
            name, value, local = found[1].lower(), found[2], found[3].lower() == "true"
            done = _row("set_config", value, "SELECT 1")
            return self._set(name, value, local, state, done)
        words = list(statement.words)
        verb = words.pop(0) if words else ""
        local = words[:1] == ["LOCAL"]
        if words[:1] in (["LOCAL"], ["SESSION"]):
            words.pop(0)
        name = words[0].lower() if words else ""
        if verb == "SHOW" and len(words) == 1 and self._known(name, state):
            return Say(_row(name, state.setting(name), "SHOW"))
        if verb == "RESET" and len(words) == 1:
            return self._set(name, None, False, state, (wire.command_complete("RESET"),))
        if verb == "SET" and len(words) == 3 and words[1] in ("=", "TO"):
            value = None if words[2] == "DEFAULT" else unquote(words[2]).lower()
            return self._set(name, value, local, state, (wire.command_complete("SET"),))
        return None

    def _known(self, name: str, state: State) -> bool:
        return name in SETTINGS and SETTINGS[name].since <= state.version

    def _set(
        self,
        name: str,
        value: str | None,
        local: bool,
        state: State,
        done: tuple[Message, ...],
    ) -> Say | None:
        if not self._known(name, state):
            return None

        def effect(state: State) -> None:
            store = state.local if local else state.settings
            if value is None:
                store.pop(name, None)
            elif not local or state.open:
                store[name] = value

        return Say(done, effect)


class AutocommitBeforeDdl(Quirk):
    """With ``autocommit_before_ddl`` on, a schema change commits the open transaction first.

    Known from v24.1, on from v25.1: be it just after BEGIN, or behind another statement of the
    same message. The schema change then runs outside, what follows commits by itself, and a
    later COMMIT or ROLLBACK only warns. (§1.4, §1.6)
    """

    since = (24, 1)

    def course(self, statement: Statement, state: State) -> Course | None:
        if statement.kind is not Kind.SCHEMA or not state.on("autocommit_before_ddl"):
            return None
        return Course.COMMIT_FIRST if state.open else None


class SchemaLockedParameter(Quirk):
    """``schema_locked`` is changed only alone, in a statement of its own; else 22023.

    The server behind has no such storage parameter, so CREATE TABLE loses it on the way. (§1.5)
    """

    since = (23, 1)
    mentions = re.compile("schema_locked", _ANY)
    _PARAMETER = re.compile(r"\s*,?\s*schema_locked\s*=\s*'?(\w+)'?", _ANY)
    _EMPTY = re.compile(r"\s+with\s*\(\s*\)", _ANY)

    def answer(self, statement: Statement, state: State) -> Say | None:
        table = statement.table
        found = self._PARAMETER.search(statement.sql)
        if not statement.starts("ALTER", "TABLE") or table is None:
            return None
        value = found is not None and found[1].lower() in ("true", "on", "1")
        whole = " ".join(statement.words).replace(" ", "").upper()
        if state.open or not state.alone or whole.count("=") > 1:
            return _error(
                "22023",
                '"schema_locked" can only be set/reset on its own without other parameters in a'
                " single-statement implicit transaction",
            )
        key = (state.database, table)
        return Say(
            (wire.command_complete("ALTER TABLE"),),
            lambda state: state.locked.__setitem__(key, value),
        )

    def rewrite(self, statement: Statement, state: State) -> Rewrite | None:
        if not statement.creates_table:
            return None
        sql = self._PARAMETER.sub("", statement.sql)
        return Rewrite(self._EMPTY.sub("", sql))

    @classmethod
    def asked(cls, statement: Statement) -> bool | None:
        """What a CREATE TABLE says about it, if anything."""
        found = cls._PARAMETER.search(statement.sql)
        return None if found is None else found[1].lower() in ("true", "on", "1")


class UnsafeInternals(Quirk):
    """``crdb_internal`` and ``system`` are denied, 42501, unless the session asks. (§5.5)"""

    since = (26, 1)
    mentions = re.compile(r"crdb_internal|system\s*\.", _ANY)

    def answer(self, statement: Statement, state: State) -> Say | None:
        if state.on("allow_unsafe_internals"):
            return None
        for one, after in itertools.pairwise(tokens(statement.sql)):
            if one.key.strip('"').upper() in ("CRDB_INTERNAL", "SYSTEM") and after.key == ".":
                return _error(
                    "42501",
                    "Access to crdb_internal and system is restricted.",
                    hint="These interfaces are unsupported in production. Set the session"
                    " variable allow_unsafe_internals = true to use them.",
                )
        return None


class AdvisoryLocks(Quirk):
    """Advisory locks lock nothing: trying says true, waiting is an unknown function.

    Until v26.3, which has them for transactions only; ``pg_advisory_lock`` itself stays
    unknown. Answered for a SELECT of nothing else. (§3.1)
    """

    mentions = re.compile("pg_(?:try_)?advisory_", _ANY)
    _STUB = re.compile(
        r"\s*select\s+(?:pg_catalog\.)?(pg_try_advisory_lock|pg_advisory_unlock)\s*\(.*\)\s*",
        _ANY | re.DOTALL,
    )
    _WAITS = frozenset(("PG_ADVISORY_LOCK", "PG_ADVISORY_LOCK_SHARED"))
    _NEW = frozenset(
        (
            "PG_ADVISORY_XACT_LOCK",
            "PG_ADVISORY_XACT_LOCK_SHARED",
            "PG_TRY_ADVISORY_XACT_LOCK",
            "PG_TRY_ADVISORY_XACT_LOCK_SHARED",
        )
    )

    def answer(self, statement: Statement, state: State) -> Say | None:
        if found := self._STUB.fullmatch(statement.sql):
            name = found[1].lower()
            return Say(
                (
                    wire.row_description([(name, "bool")]),
                    wire.data_row(["t"]),
                    wire.command_complete("SELECT 1"),
                )
            )
        unknown = self._WAITS if state.version >= (26, 3) else self._WAITS | self._NEW
        for token in tokens(statement.sql):
            if token.kind == "word" and token.key in unknown:
                return _error("42883", f"unknown function: {token.key.lower()}()")
        return None


class VersionFunction(Quirk):
    """``version()`` says CockroachDB and the version announced. (§6)"""

    mentions = re.compile(r"version\s*\(\s*\)", _ANY)

    def __init__(self, announced: str) -> None:
        self._call = f"(SELECT version FROM (VALUES ({literal(announced)})) AS v(version))"

    def rewrite(self, statement: Statement, state: State) -> Rewrite | None:
        sql = statement.sql
        found = list(tokens(sql))
        for at in range(len(found) - 3, -1, -1):
            if [token.key for token in found[at : at + 3]] == ["VERSION", "(", ")"]:
                qualified = at >= 2 and [t.key for t in found[at - 2 : at]] == ["PG_CATALOG", "."]
                start = found[at - 2 if qualified else at].start
                sql = sql[:start] + self._call + sql[found[at + 2].end :]
        return Rewrite(sql)


class ShowJobs(Quirk):
    """SHOW JOBS, SHOW JOB, and both in brackets as rows; PAUSE, RESUME and CANCEL JOB. (§4)"""

    mentions = re.compile(r"\bjobs?\b", _ANY)
    _ROWS = re.compile(r"\[\s*show\s+job(s|\s+(\d+))\s*\]", _ANY)
    _SHOW = re.compile(r"\s*show\s+job(s|\s+(\d+))\s*", _ANY)
    _CONTROL = re.compile(r"\s*(pause|resume|cancel)\s+job\s+(\d+)\s*", _ANY)

    def answer(self, statement: Statement, state: State) -> Say | None:
        found = self._CONTROL.fullmatch(statement.sql)
        if found is None:
            return None
        verb, number = found[1].upper(), int(found[2])
        if all(job.id != number for job in state.jobs.all()):
            if state.native:
                return None
            return _error("42704", f"job with ID {number} does not exist")
        tag = wire.command_complete(f"{verb} JOBS 1")
        return Say((tag,), lambda state: state.jobs.control(verb, number))

    def rewrite(self, statement: Statement, state: State) -> Rewrite | None:
        if found := self._SHOW.fullmatch(statement.sql):
            return Rewrite(f"SELECT * FROM {self._rows(found, state)} AS jobs")
        return Rewrite(
            self._ROWS.sub(lambda one: f"{self._rows(one, state)} AS jobs", statement.sql)
        )

    def _rows(self, found: re.Match[str], state: State) -> str:
        number = None if found[2] is None else int(found[2])
        jobs = [job for job in state.jobs.all() if number in (None, job.id)]
        native = f"[SHOW JOB{found[1]}]" if state.native else None
        if native is not None and number is not None and jobs:
            native = None
        return rows_sql(jobs, state.version, whole=number is not None, also=native)


class Sessions(Quirk):
    """``SHOW session_id``, ``[SHOW SESSIONS]``, LOCAL too, ``CANCEL SESSION IF EXISTS``. (§3.5, §7)

    A session's id is made from the start time and process id of the server's backend, so that
    another backend never has it. Cancelling ends the backend.
    """

    mentions = re.compile(r"session", _ANY)
    JOB_APPLICATION = "imitated job"
    _ID = (
        "to_hex((extract(epoch FROM backend_start) * 1000000)::bigint) || lpad(to_hex(pid), 8, '0')"
    )
    _WHO = f"backend_type = 'client backend' AND application_name <> '{JOB_APPLICATION}'"
    _SHOW_ID = re.compile(r"\s*show\s+session_id\s*", _ANY)
    _SHOW = re.compile(r"\s*show\s+(?:local\s+)?sessions\s*", _ANY)
    _ROWS = re.compile(r"\[\s*show\s+(?:local\s+)?sessions\s*\]", _ANY)
    _CANCEL = re.compile(r"\s*cancel\s+session\s+if\s+exists\s+('(?:[^']|'')*')\s*", _ANY)

    def rewrite(self, statement: Statement, state: State) -> Rewrite | None:
        if state.native:
            return None
        sql = statement.sql
        if self._SHOW_ID.fullmatch(sql):
            own = "WHERE pid = pg_backend_pid()"
            return Rewrite(f"SELECT {self._ID} AS session_id FROM pg_stat_activity {own}")
        sessions = (
            f"(SELECT {self._ID} AS session_id, usename::text AS user_name, application_name,"
            " CASE state WHEN 'active' THEN query ELSE '' END AS active_queries,"
            " query AS last_active_query, backend_start AS session_start FROM pg_stat_activity"
            f" WHERE {self._WHO})"
        )
        if self._SHOW.fullmatch(sql):
            return Rewrite(f"SELECT * FROM {sessions} AS sessions")
        if found := self._CANCEL.fullmatch(sql):
            return Rewrite(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE {self._WHO} AND {self._ID} = {found[1]}",
                "CANCEL SESSIONS 1",
            )
        return Rewrite(self._ROWS.sub(f"{sessions} AS sessions", sql))


class ConcurrentlyIsNoise(Quirk):
    """CREATE and DROP INDEX CONCURRENTLY are accepted anywhere and mean nothing. (§5.3)"""

    mentions = re.compile("concurrently", _ANY)
    _WORD = re.compile(r"(\s*(?:create\s+(?:unique\s+)?|drop\s+)index)\s+concurrently", _ANY)

    def rewrite(self, statement: Statement, state: State) -> Rewrite | None:
        return Rewrite(self._WORD.sub(r"\1", statement.sql, count=1))


class SchemaLocked(Quirk):
    """In an explicit transaction a ``schema_locked`` table takes no schema change: 57000.

    New tables are locked from v26.1 on unless the session or CREATE TABLE says otherwise. A
    table made in the same transaction counts too: CockroachDB's own tests unlock such tables.
    Tables that the proxy never saw being made are not locked. (§1.5; §10 for what is inferred)
    """

    since = (23, 1)

    def answer(self, statement: Statement, state: State) -> Say | None:
        table = statement.table
        if table is None or statement.creates_table or state.status != "T":
            return None
        if not state.locked.get((state.database, table), False):
            return None
        return _error(
            "57000",
            f'this schema change is disallowed because table "{table}" is locked and this'
            " operation cannot automatically unlock the table",
            hint=f"To unlock the table, execute `ALTER TABLE {table} SET (schema_locked = false);`",
        )


class StrictAtomicity(Quirk):
    """``strict_ddl_atomicity`` refuses in a transaction what would become a job. (§1.3)"""

    since = (23, 2)

    def answer(self, statement: Statement, state: State) -> Say | None:
        if not state.on("strict_ddl_atomicity") or not (
            state.open and becomes_job(statement, state)
        ):
            return None
        return _error(
            "0A000",
            "unimplemented: cannot run this DDL statement inside a multi-statement transaction"
            " due to strict_ddl_atomicity",
        )


class JobsAfterCommit(Quirk):
    """In a transaction, a change to a table that was there before takes effect after COMMIT.

    The statement is accepted when it could be run at all, and becomes a job at COMMIT. If the
    job fails the rest of the transaction stays committed and COMMIT answers XXA00, or, for a
    message of several statements without BEGIN, the failure's own SQLSTATE. So a column added in
    a transaction cannot be used in it. A CockroachDB behind does all this itself. (§1.1–§1.3)
    """

    def course(self, statement: Statement, state: State) -> Course | None:
        if state.native or not state.open or not statement.waits_for_commit:
            return None
        return Course.AFTER_COMMIT if becomes_job(statement, state) else None


class SchemaJobs(Quirk):
    """Outside a transaction such a change is a job that the statement waits for.

    From v26.1 on a NOTICE names the job before it ends. (§1.2, §4.2)
    """

    def course(self, statement: Statement, state: State) -> Course | None:
        if state.open or state.status == "E" or not statement.becomes_job:
            return None
        return Course.JOB


def becomes_job(statement: Statement, state: State) -> bool:
    """Whether a statement of an open transaction would be a job after it."""
    return statement.becomes_job and statement.table not in state.created


def remember(statement: Statement, state: State) -> None:
    """Take note of a table that was made or dropped."""
    if statement.creates_table and statement.table is not None:
        key = (state.database, statement.table)
        if key not in state.locked:
            asked = SchemaLockedParameter.asked(statement)
            default = state.on("create_table_with_schema_locked")
            state.locked[key] = default if asked is None else asked
        if state.open:
            state.created.add(statement.table)
    elif statement.starts("DROP", "TABLE"):
        for token in tokens(statement.sql):
            state.locked.pop((state.database, token.key.strip('"').lower()), None)


def quirks(announced: str, version: Version) -> tuple[Quirk, ...]:
    """The quirks of a version, in the order in which they are asked."""
    every: tuple[Quirk, ...] = (
        EndOutside(),
        Settings(),
        AutocommitBeforeDdl(),
        SchemaLockedParameter(),
        UnsafeInternals(),
        AdvisoryLocks(),
        VersionFunction(announced),
        ShowJobs(),
        Sessions(),
        ConcurrentlyIsNoise(),
        SchemaLocked(),
        StrictAtomicity(),
        JobsAfterCommit(),
        SchemaJobs(),
    )
    return tuple(one for one in every if one.since <= version)
