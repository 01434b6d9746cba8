"""What a statement is, and what a version of CockroachDB makes of it: no server needed."""

from __future__ import annotations

import pytest

from faults import wire
from faults.imitate import Imitation, startup_settings
from faults.imitate_errors import schema_change_failed, worded
from faults.imitate_jobs import Jobs, JobScript, rows_sql
from faults.imitate_quirks import quirks, remember
from faults.imitate_sql import Kind, Statement, literal, statements
from faults.imitate_state import Course, Decision, State, Version, decide
from faults.proxy_relay import SocketBackend
from faults.wire import Message

OLD, ON, LOCKED, NEWEST = (24, 1), (25, 1), (26, 1), (26, 3)


def state(version: Version, status: str = "I") -> State:
    return State(version, Jobs(), {}, user="me", database="db", status=status)


def made(sql: str, at: State) -> Decision:
    return decide(quirks("CockroachDB CCL v1", at.version), Statement(sql), at)


def said(sql: str, at: State) -> str | None:
    """The SQLSTATE, tag or value that the proxy answers by itself."""
    say = made(sql, at).say
    if say is None:
        return None
    if say.effect is not None:
        say.effect(at)
    rows = [wire.row_values(one)[0] for one in say.messages if one.code == "D"]
    if rows:
        return rows[0]
    last = say.messages[-1]
    return wire.fields(last)["C"] if last.code == "E" else wire.command_tag(last)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("begin", Kind.BEGIN),
        ("START TRANSACTION", Kind.BEGIN),
        ("/* x */ COMMIT", Kind.COMMIT),
        ("END", Kind.COMMIT),
        ("rollback work", Kind.ROLLBACK),
        ("ROLLBACK TO SAVEPOINT a", Kind.ROLLBACK_TO),
        ("savepoint a", Kind.SAVEPOINT),
        ("create view v as select 1", Kind.SCHEMA),
        ("GRANT ALL ON t TO x", Kind.SCHEMA),
        ("insert into t values ('CREATE')", Kind.OTHER),
        ("", Kind.OTHER),
    ],
)
def test_kinds(sql: str, kind: Kind) -> None:
    assert Statement(sql).kind is kind


@pytest.mark.parametrize(
    ("sql", "table", "job"),
    [
        ("CREATE TABLE IF NOT EXISTS a.b.T (x int)", "t", False),
        ('CREATE TEMP TABLE "T" (x int)', "T", False),
        ("ALTER TABLE IF EXISTS ONLY s.t ADD x int", "t", True),
        ("ALTER TABLE t RENAME TO u", "t", False),
        ("ALTER TABLE t SET (schema_locked = false)", "t", False),
        ("create unique index concurrently if not exists i on /* ( */ s.t (a)", "t", True),
        ("CREATE INDEX ON t (a)", "t", True),
        ("DROP INDEX i", None, True),
        ("DROP TABLE t", None, True),
        ("CREATE VIEW v AS SELECT 1", None, False),
    ],
)
def test_tables_and_jobs(sql: str, table: str | None, job: bool) -> None:
    assert Statement(sql).table == table
    assert Statement(sql).becomes_job is job


def test_messages() -> None:
    found = statements("-- x\nSELECT ';'; ;\nSELECT $$;$$ -- y")
    assert found is not None
    assert [one.sql for one in found] == ["SELECT ';'", "SELECT $$;$$"]
    assert statements("SELECT 'x") is None
    assert literal("a'b\\c") == "E'a''b\\\\c'"


def test_settings_are_kept_from_their_version_on() -> None:
    at = state(OLD)
    assert said("SHOW autocommit_before_ddl", at) == "off"
    assert said("SHOW autocommit_before_ddl", state(ON)) == "on"
    assert said("set Autocommit_Before_DDL to 'ON'", at) == "SET"
    assert said("SHOW autocommit_before_ddl", at) == "on"
    assert said("SELECT set_config('autocommit_before_ddl', 'off', false)", at) == "off"
    assert not at.on("autocommit_before_ddl")
    assert said("RESET autocommit_before_ddl", at) == "RESET"
    at.status = "T"
    assert said("SET LOCAL autocommit_before_ddl = on", at) == "SET"
    assert at.on("autocommit_before_ddl")
    at.ended()
    assert not at.on("autocommit_before_ddl")
    assert said("SET autocommit_before_ddl = on", state((23, 2))) is None
    assert said("SET statement_timeout = 0", at) is None
    at.defaults["autocommit_before_ddl"] = "on"
    assert at.on("autocommit_before_ddl")


@pytest.mark.parametrize(
    ("version", "status", "implicit", "setting", "course"),
    [
        (OLD, "T", False, None, None),
        (OLD, "T", False, "on", Course.COMMIT_FIRST),
        (ON, "T", False, None, Course.COMMIT_FIRST),
        (ON, "I", True, None, Course.COMMIT_FIRST),
        (ON, "T", False, "off", None),
        (ON, "I", False, None, None),
        (ON, "E", False, None, None),
    ],
)
def test_when_a_schema_change_commits(
    version: Version, status: str, implicit: bool, setting: str | None, course: Course | None
) -> None:
    at = state(version, status)
    at.implicit = implicit
    if setting is not None:
        at.settings["autocommit_before_ddl"] = setting
    assert made("CREATE TABLE t (a int)", at).course is course
    assert made("INSERT INTO t VALUES (1)", at) == Decision("INSERT INTO t VALUES (1)")


def test_what_becomes_a_job() -> None:
    assert made("CREATE INDEX ON t (a)", state(OLD)).course is Course.JOB
    at = state(OLD, "T")
    assert made("CREATE INDEX ON t (a)", at).course is Course.AFTER_COMMIT
    assert made("DROP TABLE t", at).course is None
    remember(Statement("CREATE TABLE t (a int)"), at)
    assert made("CREATE INDEX ON t (a)", at).course is None
    at.native = True
    assert made("CREATE INDEX ON u (a)", at).course is None


def test_tables_are_locked_from_26_1_on() -> None:
    add = "ALTER TABLE t ADD b int"
    for version, locked in ((ON, False), (LOCKED, True)):
        at = state(version)
        at.settings["autocommit_before_ddl"] = "off"
        remember(Statement("CREATE TABLE t (a int)"), at)
        at.status = "T"
        assert said(add, at) == ("57000" if locked else None)
        assert said("ALTER TABLE other ADD b int", at) is None
    assert said("ALTER TABLE t SET (schema_locked = false)", at) == "22023"
    at.status = "I"
    at.alone = False
    assert said("ALTER TABLE t SET (schema_locked = false)", at) == "22023"
    at.alone = True
    assert said("ALTER TABLE t SET (schema_locked = false, x = 1)", at) == "22023"
    assert said("ALTER TABLE t SET (schema_locked = false)", at) == "ALTER TABLE"
    at.status = "T"
    assert said(add, at) is None
    remember(Statement("DROP TABLE t"), at)
    assert at.locked == {}


def test_create_table_may_ask_for_a_lock() -> None:
    create = "CREATE TABLE t (a int) WITH (schema_locked = {})"
    for version, value in ((ON, "true"), (LOCKED, "false")):
        at = state(version)
        assert made(create.format(value), at).sql == "CREATE TABLE t (a int)"
        remember(Statement(create.format(value)), at)
        assert at.locked == {("db", "t"): value == "true"}
    more = "CREATE TABLE t (a int) WITH (fillfactor = 70, schema_locked = true)"
    assert made(more, at).sql == "CREATE TABLE t (a int) WITH (fillfactor = 70)"


def test_strict_atomicity() -> None:
    at = state(OLD, "T")
    at.settings["strict_ddl_atomicity"] = "on"
    assert said("CREATE INDEX ON t (a)", at) == "0A000"
    assert said("CREATE TABLE t (a int)", at) is None
    at.status = "I"
    assert said("CREATE INDEX ON t (a)", at) is None


@pytest.mark.parametrize(
    ("sql", "version", "answer"),
    [
        ("SELECT * FROM crdb_internal.jobs", LOCKED, "42501"),
        ("SELECT * FROM crdb_internal.jobs", ON, None),
        ("SELECT 'crdb_internal.jobs'", LOCKED, None),
        ("SELECT * FROM system . users", LOCKED, "42501"),
        ("SELECT pg_try_advisory_lock(1)", NEWEST, "t"),
        ("SELECT pg_advisory_unlock(1)", OLD, "t"),
        ("SELECT pg_advisory_lock(1)", NEWEST, "42883"),
        ("SELECT pg_advisory_xact_lock(1)", LOCKED, "42883"),
        ("SELECT pg_advisory_xact_lock(1)", NEWEST, None),
        ("SELECT 'pg_advisory_lock'", OLD, None),
        ("CANCEL JOB 5", ON, "42704"),
    ],
)
def test_answers(sql: str, version: Version, answer: str | None) -> None:
    assert said(sql, state(version)) == answer


def test_unsafe_internals_may_be_allowed() -> None:
    at = state(LOCKED)
    at.settings["allow_unsafe_internals"] = "on"
    assert said("SELECT * FROM crdb_internal.jobs", at) is None


def test_outside_a_transaction_an_old_cockroachdb_would_fail() -> None:
    at = state(ON)
    assert said("COMMIT", at) is None
    at.native = True
    assert said("COMMIT", at) == "COMMIT"
    assert said("ROLLBACK", at) == "ROLLBACK"
    at.status = "T"
    assert said("COMMIT", at) is None


def test_rewriting() -> None:
    at = state(ON)
    call = "(SELECT version FROM (VALUES ('CockroachDB CCL v1')) AS v(version))"
    assert made("SELECT version(), 'version()'", at).sql == f"SELECT {call}, 'version()'"
    assert made("SELECT pg_catalog.version ( )", at).sql == f"SELECT {call}"
    assert made("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", at).sql == (
        "CREATE UNIQUE INDEX i ON t (a)"
    )
    assert "pg_stat_activity" in made("SHOW session_id", at).sql
    cancel = made("CANCEL SESSION IF EXISTS 'ab'", at)
    assert cancel.tag == "CANCEL SESSIONS 1"
    assert "= 'ab'" in cancel.sql
    at.native = True
    assert made("SHOW session_id", at).sql == "SHOW session_id"
    assert "FROM [SHOW JOBS]" in made("SELECT status FROM [SHOW JOBS]", at).sql


def test_jobs() -> None:
    jobs = Jobs([JobScript("on t", ends="failed", times=2)])
    assert jobs.take_script("CREATE INDEX ON T (a)") is not None
    assert jobs.take_script("CREATE INDEX ON u (a)") is None
    assert jobs.take_script("CREATE INDEX ON t (a)") is not None
    assert jobs.take_script("CREATE INDEX ON t (a)") is None
    number = jobs.start("CREATE INDEX " + "x" * 100, "me")
    jobs.control("PAUSE", number)
    assert jobs[number].status == "paused"
    jobs.control("RESUME", number)
    jobs.update(number, "succeeded")
    jobs.control("CANCEL", number)
    assert jobs[number].status == "succeeded"
    assert "started" in rows_sql(jobs.all(), (25, 2))
    assert "started" not in rows_sql(jobs.all(), (25, 3))
    assert "x" * 100 in rows_sql(jobs.all(), (25, 3), whole=True)
    assert "x" * 47 + " … " + "x" * 7 in rows_sql(jobs.all(), (25, 3))


def test_start_up_settings() -> None:
    options = r"-c autocommit_before_ddl=off -csearch_path=a\ b --sql-safe-updates=on -c x=\\"
    kept, own = startup_settings({"user": "me", "options": options}, ON)
    assert own == {"autocommit_before_ddl": "off", "sql_safe_updates": "on"}
    assert kept == {"user": "me", "options": r"-c search_path=a\ b -c x=\\"}
    assert startup_settings({"autocommit_before_ddl": "on"}, (23, 2))[1] == {}
    assert startup_settings({"autocommit_before_ddl": "on"}, ON) == (
        {},
        {"autocommit_before_ddl": "on"},
    )


def test_errors_are_worded_otherwise() -> None:
    error = wire.error("42601", 'syntax error at or near "froom"')
    sql = "SELECT 1;\nSELECT 2\n  froom t\nwhere"
    assert wire.fields(worded(error, sql, sql.index("froom"))) == {
        "S": "ERROR",
        "V": "ERROR",
        "C": "42601",
        "M": 'at or near "froom": syntax error',
        "D": "source SQL:\nSELECT 2\n  froom t\n  ^",
    }
    other = wire.build("E", b"SERROR\0C42P01\0Mno table\0P7\0\0")
    assert wire.fields(worded(other, sql, 6)) == {
        "S": "ERROR",
        "V": "ERROR",
        "C": "42P01",
        "M": "no table",
    }
    failed = wire.fields(schema_change_failed(wire.error("23505", "twice")))
    assert failed["C"] == "XXA00"
    assert failed["M"].endswith("aborted with error: (23505): twice")


class InPieces(SocketBackend):
    """A server that says one message at a time, and what it is told is of no matter."""

    def __init__(self, *said: Message) -> None:
        self._left = list(said)

    async def send(self, messages: list[Message]) -> None:
        pass

    async def receive(self) -> list[Message]:
        return [self._left.pop(0)] if self._left else []

    def send_eof(self) -> None:
        pass

    def close(self) -> None:
        pass


async def test_a_version_that_comes_alone_is_hidden_and_ends_nothing() -> None:
    """As on a busy machine: each message in a packet of its own."""
    behind = wire.parameter_status("crdb_version", "CockroachDB CCL v20.2.0")
    server = InPieces(behind, wire.ready("I"))

    async def connect() -> SocketBackend:
        raise AssertionError("nobody needs another one")

    imitation = Imitation("v25.4.3")
    backend = imitation.backend(server, connect)
    told = [
        wire.parameter(one)[1] if one.code == "S" else one.code for one in await backend.receive()
    ]
    assert told == [imitation.announced, "Z"]
    await imitation.stop()
