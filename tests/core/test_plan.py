"""The planner: which transaction a migration gets on which server, and what is refused."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.dialect import Server, capabilities
from manticore_cockroachdb.errors import Refused
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.migrations.plan import is_simple, plan_closely, plan_script
from manticore_cockroachdb.migrations.script import Mode, script_of
from manticore_cockroachdb.parser.parse import parse

from ..support.work import calls
from .test_parse import UNDERSTOOD

PG = capabilities(Server("postgresql", (17, 0)))
OLD = capabilities(Server("cockroachdb", (20, 2)))
NEW = capabilities(Server("cockroachdb", (25, 4)))
LOCKED = capabilities(Server("cockroachdb", (26, 2)))
CRDB = (OLD, NEW, LOCKED)


def planned(sql, caps, directive=""):
    return plan_script(script_of(parse_file("1_x.sql", f"{directive}\n{sql}", "1_x.sql")), caps)


def shape(sql, caps, directive=""):
    """The steps as text: each a list of statements, `!` before one that runs alone."""
    plan = planned(sql, caps, directive)
    spans = plan.script.spans
    return [
        ("" if step.atomic else "!")
        + "; ".join(plan.script.text[a:b] for a, b in spans[step.first : step.last])
        for step in plan.steps
    ]


T = "CREATE TABLE t (a INT8 PRIMARY KEY)"
ONE_TRANSACTION_EVERYWHERE = [
    T,
    f"{T}; {T.replace('t (', 'u (')}",
    "INSERT INTO t VALUES (1); UPDATE t SET a = 2; DELETE FROM t",
    f"{T}; INSERT INTO t VALUES (1)",
    "SELECT 1",
]


@pytest.mark.parametrize("sql", ONE_TRANSACTION_EVERYWHERE)
@pytest.mark.parametrize("caps", [PG, *CRDB], ids=["pg", "20.2", "25.4", "26.2"])
def test_what_is_one_transaction_everywhere(sql, caps):
    assert planned(sql, caps).mode is Mode.TRANSACTION


JOBS = [
    "ALTER TABLE t ADD COLUMN b INT8",
    "ALTER TABLE t DROP COLUMN b",
    "CREATE INDEX i ON t (a)",
    "DROP TABLE t",
    "TRUNCATE t",
    "CREATE TABLE t AS SELECT 1 AS a",
    "ALTER TABLE t RENAME TO u",
    "CREATE VIEW v AS SELECT 1",
    "COMMENT ON TABLE t IS 'x'",
]


@pytest.mark.parametrize("sql", JOBS)
def test_a_schema_change_on_what_exists_runs_alone_on_cockroachdb_only(sql):
    assert planned(sql, PG).mode is Mode.TRANSACTION
    for caps in CRDB:
        assert shape(sql, caps) == [f"!{sql}"]


def test_changes_to_a_table_made_in_the_same_transaction_are_covered_until_26_1():
    sql = f"{T}; CREATE INDEX i ON t (a); ALTER TABLE t ADD COLUMN b INT8"
    assert planned(sql, OLD).mode is Mode.TRANSACTION
    assert planned(sql, NEW).mode is Mode.TRANSACTION
    assert shape(sql, LOCKED) == [T, "!CREATE INDEX i ON t (a)", "!ALTER TABLE t ADD COLUMN b INT8"]


def test_a_schema_change_after_a_write_needs_a_commit_before_22_2():
    sql = f"INSERT INTO u VALUES (1); {T}"
    assert shape(sql, OLD) == ["INSERT INTO u VALUES (1)", T]
    assert planned(sql, NEW).mode is Mode.TRANSACTION


def test_a_table_with_a_foreign_key_is_not_mentioned_again_in_its_transaction():
    child = "CREATE TABLE c (a INT8 REFERENCES t (a))"
    sql = f"{T}; {child}; INSERT INTO c VALUES (1); INSERT INTO t VALUES (1)"
    assert planned(sql, PG).mode is Mode.TRANSACTION
    assert shape(sql, NEW) == [
        f"{T}; {child}",
        "INSERT INTO c VALUES (1); INSERT INTO t VALUES (1)",
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE c (a INT8 REFERENCES u)",
        "CREATE TABLE c (a INT8 PRIMARY KEY) INTERLEAVE IN PARENT u (a)",
        "CREATE TABLE c (a INT8, CONSTRAINT f FOREIGN KEY (a) REFERENCES s.u (a))",
    ],
)
def test_a_table_that_refers_to_an_older_one_runs_alone_on_cockroachdb(sql):
    """A job shows it after COMMIT; faults found it hidden, and its migration recorded."""
    assert planned(sql, PG).mode is Mode.TRANSACTION
    for caps in CRDB:
        assert shape(sql, caps) == [f"!{sql}"]
    plan = planned(sql, NEW)
    assert plan.reason == "on CockroachDB a job shows a table with foreign keys after COMMIT"


def test_a_table_that_refers_to_itself_needs_no_job():
    sql = "CREATE TABLE t (a INT8 PRIMARY KEY, b INT8 REFERENCES t)"
    assert planned(sql, NEW).mode is Mode.TRANSACTION


@pytest.mark.parametrize(
    "change", ["ADD COLUMN b INT8 REFERENCES u", "ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u"]
)
def test_a_new_table_that_is_made_to_refer_to_an_older_one_needs_a_step(change):
    sql = f"ALTER TABLE t {change}"
    assert shape(f"{T}; {sql}", NEW) == [T, f"!{sql}"]


def test_a_change_that_lost_its_tables_transaction_runs_alone():
    child = "CREATE TABLE c (a INT8 REFERENCES t (a))"
    assert shape(f"{T}; {child}; CREATE INDEX i ON c (a)", NEW) == [
        f"{T}; {child}",
        "!CREATE INDEX i ON c (a)",
    ]


def test_data_around_a_schema_change_becomes_steps_of_its_own():
    sql = "UPDATE t SET a = 1; ALTER TABLE t ADD COLUMN b INT8; UPDATE t SET b = 1; DELETE FROM u"
    assert shape(sql, NEW) == [
        "UPDATE t SET a = 1",
        "!ALTER TABLE t ADD COLUMN b INT8",
        "UPDATE t SET b = 1; DELETE FROM u",
    ]


FORBIDDEN_IN_A_BLOCK = [
    "CREATE INDEX CONCURRENTLY i ON t (a)",
    "DROP INDEX CONCURRENTLY i",
    "REINDEX TABLE CONCURRENTLY t",
    "VACUUM t",
    "CREATE DATABASE d",
    "DROP DATABASE d",
    "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
    "ALTER SYSTEM SET work_mem = '1MB'",
]


@pytest.mark.parametrize("sql", FORBIDDEN_IN_A_BLOCK)
def test_what_postgresql_forbids_in_a_transaction_runs_alone(sql):
    assert shape(f"SELECT 1; {sql}; SELECT 2", PG) == ["SELECT 1", f"!{sql}", "SELECT 2"]


def test_the_directive_forbids_a_transaction():
    assert shape(f"{T}; SELECT 1", PG, "-- @transaction off") == [T, "SELECT 1"]
    assert planned("SELECT 1", PG, "-- @transaction off").mode is Mode.STEPS


def test_the_directive_forces_a_transaction_or_refuses():
    assert planned(T, NEW, "-- @transaction on").mode is Mode.TRANSACTION
    with pytest.raises(Refused, match="job after COMMIT") as caught:
        planned(f"{T};\nDROP TABLE u", NEW, "-- @transaction on")
    assert (caught.value.line, caught.value.column) == (3, 1)
    assert caught.value.hint


REFUSED_EVERYWHERE = [
    "BEGIN; SELECT 1; COMMIT",
    "COMMIT",
    "START TRANSACTION",
    "ROLLBACK",
    "COPY t FROM STDIN",
    "COPY t TO STDOUT",
    "\\i other.sql",
]


@pytest.mark.parametrize("sql", REFUSED_EVERYWHERE)
@pytest.mark.parametrize("caps", [PG, NEW], ids=["pg", "crdb"])
def test_what_cannot_be_in_a_migration(sql, caps):
    with pytest.raises(Refused) as caught:
        planned(sql, caps)
    assert caught.value.hint
    assert "^" in caught.value.excerpt


def test_drop_column_with_other_changes_is_refused_on_cockroachdb():
    sql = "ALTER TABLE t DROP COLUMN a, ADD COLUMN b INT8"
    assert planned(sql, PG).mode is Mode.TRANSACTION
    with pytest.raises(Refused, match="46541"):
        planned(sql, NEW)


def test_savepoints_are_for_postgresql():
    sql = "SAVEPOINT s; SELECT 1; RELEASE SAVEPOINT s"
    assert planned(sql, PG).mode is Mode.TRANSACTION
    with pytest.raises(Refused, match="savepoint"):
        planned(sql, NEW)


def test_do_blocks_need_a_server_that_has_them():
    sql = "DO $$ BEGIN INSERT INTO t VALUES (1); END $$"
    assert planned(sql, NEW).mode is Mode.TRANSACTION
    with pytest.raises(Refused, match="no DO blocks") as caught:
        planned(sql, OLD)
    assert "@environments" in caught.value.hint


def test_what_is_not_understood_runs_alone_where_it_matters():
    assert planned("FROBNICATE t", PG).mode is Mode.TRANSACTION
    assert shape("FROBNICATE t", NEW) == ["!FROBNICATE t"]


@pytest.mark.parametrize(
    ("sql", "changes"),
    [
        ("SET search_path = x", True),
        ("SET LOCAL search_path = x", False),
        ("SELECT set_config('a.b', 'c', false)", True),
        ("SELECT 1", False),
        ("RESET ALL", True),
    ],
)
def test_a_migration_that_changes_its_session_is_known(sql, changes):
    assert planned(sql, PG).changes_session is changes


def test_a_plain_new_table_is_known_at_sight_and_planned_alike():
    """Every statement of the model's tables, on CockroachDB, by both roads."""
    at_sight, apart = [], []
    for sql in UNDERSTOOD:
        for caps in (OLD, LOCKED):
            quick = planned_or_refused(sql, caps, plan_script)
            slow = planned_or_refused(sql, caps, plan_closely)
            apart += [sql] * (quick != slow)
        at_sight += [sql] * is_simple(script_of(parse_file("1_x.sql", sql, "1_x.sql")), OLD)
    assert apart == []
    assert at_sight


def planned_or_refused(sql, caps, plan):
    try:
        found = plan(script_of(parse_file("1_x.sql", sql, "1_x.sql")), caps)
    except Refused as refused:
        return refused.message
    return found.mode, found.reason, found.steps, found.changes_session, found.sociable


def test_the_reason_is_always_said():
    for sql in (T, *JOBS):
        for caps in (PG, *CRDB):
            plan = planned(sql, caps)
            assert plan.reason
            assert all(step.reason for step in plan.steps)


def test_a_seed_file_is_planned_without_parsing_each_statement():
    sql = "\n".join(f"INSERT INTO t VALUES ({i}, 'text; with -- things');" for i in range(5_000))
    assert planned(sql, NEW).mode is Mode.TRANSACTION
    assert calls(lambda: planned(sql, NEW), of=parse) < 10
    changes = "\n".join(f"ALTER TABLE t ADD COLUMN counted_{i} INT8;" for i in range(100))
    assert calls(lambda: planned(changes, NEW), of=parse) >= 100  # and they are counted
