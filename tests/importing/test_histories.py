"""Each tool's history, as the tool itself makes its tables: read, proven, and never changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from manticore_cockroachdb.importing.model import Findings
from manticore_cockroachdb.importing.tools import reader_of
from manticore_cockroachdb.importing.tools.flyway import checksum

from ..cli.conftest import Manticore
from .conftest import Tree
from .pure import imported

ONE = "CREATE TABLE one (id INT PRIMARY KEY, cooldown INT);\n"
TWO = "CREATE TABLE two (id INT PRIMARY KEY);\n"
AT = "2024-05-06 07:08:09"


@dataclass(frozen=True)
class Case:
    """A tool's files, and the statements that leave its history with the first one applied."""

    files: dict[str, str]
    history: tuple[str, ...]
    times: bool = False
    by: str | None = None
    table: str = ""


def _sha(text: str, kind: str) -> str:
    return hashlib.new(kind, text.encode()).hexdigest()


PLAN = (
    "%project=shop\none 2024-01-01T00:00:00Z A <a@example.com>\n"
    "two 2024-01-02T00:00:00Z A <a@example.com>\n"
)
CASES = {
    "golang-migrate": Case(
        {"1_one.up.sql": ONE, "1_one.down.sql": "DROP TABLE one;", "2_two.up.sql": TWO},
        (
            "CREATE TABLE schema_migrations (version BIGINT NOT NULL PRIMARY KEY,"
            " dirty BOOLEAN NOT NULL)",
            "CREATE TABLE schema_lock (lock_id INT NOT NULL PRIMARY KEY)",
            "INSERT INTO schema_migrations VALUES (1, false)",
        ),
    ),
    "goose": Case(
        {"1_one.sql": f"-- +goose Up\n{ONE}", "2_two.sql": f"-- +goose Up\n{TWO}"},
        (
            "CREATE TABLE goose_db_version (id SERIAL PRIMARY KEY, version_id BIGINT NOT NULL,"
            " is_applied BOOLEAN NOT NULL, tstamp TIMESTAMP NOT NULL DEFAULT now())",
            f"INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES"
            f" (0, true, '{AT}')",
            "INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES"
            " (1, true, '2020-01-01 00:00:00')",
            "INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES"
            " (1, false, '2020-01-02 00:00:00')",
            f"INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES"
            f" (1, true, '{AT}')",
            f"INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES"
            f" (2, true, '{AT}')",
            f"INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES"
            f" (2, false, '{AT}')",
        ),
        times=True,
    ),
    "tern": Case(
        {"001_one.sql": ONE, "002_two.sql": TWO},
        (
            "CREATE TABLE schema_version (version INT4 PRIMARY KEY)",
            "INSERT INTO schema_version VALUES (1)",
        ),
    ),
    "flyway": Case(
        {"V1__one.sql": ONE, "V2__two.sql": TWO},
        (
            "CREATE TABLE flyway_schema_history (installed_rank INT NOT NULL PRIMARY KEY,"
            " version VARCHAR(50), description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL,"
            " script VARCHAR(1000) NOT NULL, checksum INTEGER, installed_by VARCHAR(100) NOT NULL,"
            " installed_on TIMESTAMP NOT NULL DEFAULT now(), execution_time INTEGER NOT NULL,"
            " success BOOLEAN NOT NULL)",
            "CREATE INDEX flyway_schema_history_s_idx ON flyway_schema_history (success)",
            "INSERT INTO flyway_schema_history VALUES (1, '1', 'one', 'SQL', 'V1__one.sql',"
            f" {checksum(ONE)}, 'ann', '{AT}', 5, true)",
        ),
        times=True,
        by="ann",
    ),
    "liquibase": Case(
        {"changes.sql": f"--liquibase formatted sql\n--changeset a:1\n{ONE}--changeset a:2\n{TWO}"},
        (
            "CREATE TABLE databasechangelog (id VARCHAR(255) NOT NULL, author VARCHAR(255) NOT"
            " NULL, filename VARCHAR(255) NOT NULL, dateexecuted TIMESTAMP NOT NULL, orderexecuted"
            " INT NOT NULL, exectype VARCHAR(10) NOT NULL, md5sum VARCHAR(35))",
            "CREATE TABLE databasechangeloglock (id INT PRIMARY KEY, locked BOOLEAN NOT NULL,"
            " lockgranted TIMESTAMP, lockedby VARCHAR(255))",
            "INSERT INTO databasechangeloglock VALUES (1, false, NULL, NULL)",
            "INSERT INTO databasechangelog VALUES ('1', 'a', 'classpath:db/changes.sql',"
            f" '{AT}', 1, 'EXECUTED', '9:abc')",
        ),
        times=True,
    ),
    "prisma": Case(
        {"20240101000000_one/migration.sql": ONE, "20240102000000_two/migration.sql": TWO},
        (
            "CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY, checksum VARCHAR(64) NOT"
            " NULL, finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT,"
            " rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(),"
            " applied_steps_count INTEGER NOT NULL DEFAULT 0)",
            "INSERT INTO _prisma_migrations VALUES ('x', 'other', NULL, '20240101000000_one',"
            f" 'failed', '{AT}+00', '2020-01-01', 0)",
            f"INSERT INTO _prisma_migrations VALUES ('y', '{_sha(ONE, 'sha256')}', '{AT}+00',"
            f" '20240101000000_one', NULL, NULL, '{AT}+00', 1)",
        ),
        times=True,
    ),
    "sqlx": Case(
        {"1_one.sql": ONE, "2_two.sql": TWO},
        (
            "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,"
            " installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, checksum"
            " BYTEA NOT NULL, execution_time BIGINT NOT NULL)",
            f"INSERT INTO _sqlx_migrations VALUES (1, 'one', '{AT}+00', true,"
            f" '\\x{_sha(ONE, 'sha384')}', 5)",
        ),
        times=True,
    ),
    "diesel": Case(
        {"2024-01-01-000000_one/up.sql": ONE, "2024-01-02-000000_two/up.sql": TWO},
        (
            "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY, run_on"
            " TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
            f"INSERT INTO __diesel_schema_migrations VALUES ('20240101000000', '{AT}')",
        ),
        times=True,
    ),
    "yoyo": Case(
        {"0001-one.sql": ONE, "0002-two.sql": f"-- depends: 0001-one\n{TWO}"},
        (
            "CREATE TABLE _yoyo_migration (migration_hash VARCHAR(64) PRIMARY KEY, migration_id"
            " VARCHAR(255), applied_at_utc TIMESTAMP)",
            "CREATE TABLE _yoyo_log (id VARCHAR(36) PRIMARY KEY)",
            "CREATE TABLE _yoyo_version (version INT PRIMARY KEY)",
            "CREATE TABLE yoyo_lock (locked INT PRIMARY KEY, ctime TIMESTAMP, pid INT NOT NULL)",
            f"INSERT INTO _yoyo_migration VALUES ('h', '0001-one', '{AT}')",
        ),
        times=True,
    ),
    "sqitch": Case(
        {"sqitch.plan": PLAN, "deploy/one.sql": ONE, "deploy/two.sql": TWO},
        (
            "CREATE SCHEMA sqitch",
            "CREATE TABLE sqitch.changes (change_id TEXT PRIMARY KEY, script_hash TEXT, change TEXT"
            " NOT NULL, project TEXT NOT NULL, note TEXT NOT NULL DEFAULT '', committed_at"
            " TIMESTAMPTZ NOT NULL, committer_name TEXT NOT NULL, planner_name TEXT NOT NULL)",
            f"INSERT INTO sqitch.changes VALUES ('x', '{_sha(ONE, 'sha1')}', 'one', 'shop', '',"
            f" '{AT}+00', 'Ann', 'Ann')",
        ),
        times=True,
        by="Ann",
        table="sqitch.changes",
    ),
    "pop": Case(
        {"20240101_one.up.sql": ONE, "20240102_two.up.sql": TWO},
        (
            "CREATE TABLE schema_migration (version VARCHAR(48) NOT NULL, version_self INT NOT NULL"
            " DEFAULT 0)",
            "CREATE UNIQUE INDEX schema_migration_version_idx ON schema_migration (version)",
            "INSERT INTO schema_migration VALUES ('20240101', 0)",
        ),
    ),
    "refinery": Case(
        {"V1__one.sql": ONE, "U2__two.sql": TWO},
        (
            "CREATE TABLE refinery_schema_history (version INT4 PRIMARY KEY, name VARCHAR(255),"
            " applied_on VARCHAR(255), checksum VARCHAR(255))",
            "INSERT INTO refinery_schema_history VALUES (1, 'one',"
            " '2024-05-06T07:08:09.123456789Z', '123')",
        ),
        times=True,
    ),
    "rockhopper": Case(
        {"1_one.sql": f"-- @package main\n-- +up\n{ONE}", "2_two.sql": f"-- +up\n{TWO}"},
        (
            "CREATE TABLE rockhopper_versions (id SERIAL PRIMARY KEY, package VARCHAR(125),"
            " source_file VARCHAR(255), version_id BIGINT NOT NULL, is_applied BOOLEAN NOT NULL,"
            " tstamp TIMESTAMP DEFAULT now())",
            "INSERT INTO rockhopper_versions (package, version_id, is_applied)"
            " VALUES ('main', 1, true)",
        ),
    ),
    "supabase": Case(
        {"20240101000000_one.sql": ONE, "20240102000000_two.sql": TWO},
        (
            "CREATE SCHEMA supabase_migrations",
            "CREATE TABLE supabase_migrations.schema_migrations (version TEXT PRIMARY KEY,"
            " statements TEXT[], name TEXT)",
            "INSERT INTO supabase_migrations.schema_migrations VALUES ('20240101000000', NULL,"
            " 'one')",
        ),
        table="supabase_migrations.schema_migrations",
    ),
    "atlas": Case(
        {"20240101_one.sql": ONE, "20240102_two.sql": TWO},
        (
            "CREATE SCHEMA atlas_schema_revisions",
            "CREATE TABLE atlas_schema_revisions.atlas_schema_revisions (version VARCHAR PRIMARY"
            " KEY, description VARCHAR NOT NULL, type BIGINT NOT NULL DEFAULT 2, applied BIGINT NOT"
            " NULL, total BIGINT NOT NULL, executed_at TIMESTAMPTZ NOT NULL, execution_time BIGINT"
            " NOT NULL, error TEXT, error_stmt TEXT, hash VARCHAR NOT NULL, partial_hashes JSONB,"
            " operator_version VARCHAR NOT NULL)",
            "INSERT INTO atlas_schema_revisions.atlas_schema_revisions VALUES"
            f" ('20240101', 'one', 2, 1, 1, '{AT}+00', 1, NULL, NULL, 'h', NULL, 'x'),"
            f" ('.atlas_cloud_identifier', 'x', 2, 0, 0, '{AT}+00', 1, NULL, NULL, 'h', NULL, 'x')",
        ),
        times=True,
        table="atlas_schema_revisions.atlas_schema_revisions",
    ),
    "sql-migrate": Case(
        {"1_one.sql": f"-- +migrate Up\n{ONE}", "2_two.sql": f"-- +migrate Up\n{TWO}"},
        (
            "CREATE TABLE gorp_migrations (id TEXT PRIMARY KEY, applied_at TIMESTAMPTZ)",
            f"INSERT INTO gorp_migrations VALUES ('1_one.sql', '{AT}+00')",
        ),
        times=True,
    ),
    "node-pg-migrate": Case(
        {"1_one.sql": f"-- Up Migration\n{ONE}", "2_two.sql": f"-- Up Migration\n{TWO}"},
        (
            "CREATE TABLE pgmigrations (id SERIAL PRIMARY KEY, name VARCHAR(255) NOT NULL, run_on"
            " TIMESTAMP NOT NULL)",
            f"INSERT INTO pgmigrations (name, run_on) VALUES ('1_one', '{AT}')",
        ),
        times=True,
    ),
    "postgrator": Case(
        {"001.do.one.sql": ONE, "002.do.two.sql": TWO},
        (
            "CREATE TABLE schemaversion (version BIGINT PRIMARY KEY, name TEXT, md5 TEXT, run_at"
            " TIMESTAMPTZ)",
            f"INSERT INTO schemaversion VALUES (0, NULL, NULL, NULL), (1, 'one', 'x', '{AT}+00')",
        ),
        times=True,
    ),
    "hasura": Case(
        {"default/1700000000000_one/up.sql": ONE, "default/1700000000001_two/up.sql": TWO},
        (
            "CREATE SCHEMA hdb_catalog",
            "CREATE TABLE hdb_catalog.schema_migrations (version BIGINT PRIMARY KEY, dirty BOOLEAN"
            " NOT NULL)",
            "INSERT INTO hdb_catalog.schema_migrations VALUES (1700000000000, false)",
        ),
        table="hdb_catalog.schema_migrations",
    ),
}


@pytest.mark.parametrize("tool", CASES)
def test_the_history_comes_along(on: Manticore, url: str, tree: Tree, tool: str) -> None:
    case = CASES[tool]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute(ONE)
        for statement in case.history:
            connection.execute(statement.encode())
    source = str(tree(case.files))
    found = on("import", tool, source, "--url", url, "--json").json
    assert found["history"]["identical"] is True, found
    assert len(found["history"]["recorded"]) == len(found["history"]["pending"]) == 1
    assert case.table in found["history"]["table"]
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT applied_at, applied_by, mode FROM _migrations").fetchall()
        assert len(row) == 1 and row[0][1:] == (case.by, "imported")
        if case.times:
            assert abs((row[0][0] - datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)).total_seconds()) < 1
    on("migrate")
    assert on("status", "--json").json["pending"] == []
    assert len(list(Path("migrations").glob("*.sql"))) == 2


def test_a_migration_that_names_its_tool_s_table(on: Manticore, url: str, tree: Tree) -> None:
    """Replayed with that table there, as it was for the tool; and it runs on a new database."""
    files = {
        "1_one.sql": ONE,
        "2_clean.sql": "DELETE FROM _sqlx_migrations WHERE version = 99;\n",
    }
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(ONE)
        for statement in CASES["sqlx"].history[:1]:
            connection.execute(statement.encode())
        for version, name in enumerate(files, 1):
            connection.execute(
                "INSERT INTO _sqlx_migrations VALUES (%s, 'x', now(), true, %s, 5)",
                (version, bytes.fromhex(_sha(files[name], "sha384"))),
            )
    answer = on("import", "sqlx", str(tree(files)), "--url", url, "--json")
    assert answer.json["history"]["identical"] is True, answer.json
    assert answer.json["history"]["recorded"] == [1, 2]
    assert "recorded nothing" not in answer.err
    on("migrate", "--url", url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE _migrations")
        connection.execute("DROP TABLE _sqlx_migrations")
        connection.execute("DROP TABLE one")
    on("migrate", "--url", url)


# --- what stands in the way, without a server ----------------------------------------------------

Row = dict[str, object]


def said(tool: str, *rows: Row) -> tuple[list[str], list[str]]:
    """What a history says: the keys that are applied, and what is refused."""
    found = Findings()
    ledger = reader_of(tool).ledger
    assert ledger is not None
    olds = [one.old for one in imported(tool, CASES[tool].files).files]
    applied = ledger.applied(rows, olds, found)
    return [one.key for one in applied], [one.message for one in found.refused]


def flyway(**values: object) -> Row:
    """A row of Flyway's."""
    usual: Row = {
        "version": "1",
        "description": "one",
        "type": "SQL",
        "script": "V1__one.sql",
        "checksum": 1,
        "installed_by": "ann",
        "at": None,
        "success": True,
    }
    return usual | values


@pytest.mark.parametrize(
    ("tool", "rows", "word"),
    [
        ("golang-migrate", [{"version": 1, "dirty": True}], "dirty"),
        ("tern", [], "0 rows"),
        ("flyway", [flyway(success=False)], "failed"),
        ("flyway", [flyway(description="flyway-lock")], "at work"),
        ("flyway", [flyway(type="JDBC")], "JDBC"),
        (
            "sqlx",
            [{"version": 1, "installed_on": None, "success": False, "checksum": b""}],
            "dirty",
        ),
        ("hasura", [{"version": 1, "dirty": True}], "dirty"),
        (
            "prisma",
            [
                {
                    "migration_name": "x",
                    "checksum": "y",
                    "finished_at": None,
                    "rolled_back_at": None,
                    "applied_steps_count": 0,
                }
            ],
            "not resolved",
        ),
        (
            "atlas",
            [{"version": "1", "applied": 1, "total": 2, "error": None, "at": None}],
            "stopped after 1 of 2",
        ),
    ],
)
def test_what_is_not_settled_is_refused(tool: str, rows: list[Row], word: str) -> None:
    refusals = said(tool, *rows)[1]
    assert len(refusals) == 1 and word in refusals[0]


def test_tern_s_rows() -> None:
    """A migration that adds a row leaves two, which tern then updates alike."""
    assert said("tern", {"version": 1}, {"version": 1}) == (["1"], [])
    assert "2 rows" in said("tern", {"version": 1}, {"version": 2})[1][0]


def test_sqitch_s_rows_of_a_change_that_was_reworked_into_the_same() -> None:
    at = "2024-01-01T00:00:00Z A <a@example.com>"
    files = {
        "sqitch.plan": f"a {at}\n@v1 {at}\na {at}\n",
        "deploy/a@v1.sql": ONE,
        "deploy/a.sql": ONE,
    }
    olds = [one.old for one in imported("sqitch", files).files]
    ledger = reader_of("sqitch").ledger
    assert ledger is not None
    row: Row = {"change": "a", "project": "shop", "script_hash": _sha(ONE, "sha1")}
    rows: list[Row] = [{**row, "committed_at": None, "committer_name": "Ann"}] * 2
    assert [one.key for one in ledger.applied(rows, olds, Findings())] == ["a@v1", "a"]


def test_flyway_s_rows() -> None:
    undone = [flyway(), flyway(type="UNDO_SQL")]
    assert said("flyway", *undone) == ([], [])
    assert said("flyway", *undone, flyway()) == (["1"], [])
    assert said("flyway", flyway(type="DELETE")) == ([], [])
    assert said("flyway", flyway(type="BASELINE", version="1.5")) == (["1"], [])
    assert said("flyway", flyway(version=None)) == ([], [])
    assert said("flyway", flyway(version="1.0")) == (["1"], [])


def test_liquibase_s_rows() -> None:
    row: Row = {"id": "1", "author": "a", "filename": "x.sql", "exectype": "SKIPPED", "at": None}
    assert said("liquibase", row) == ([], [])
    assert said("liquibase", row | {"exectype": "MARK_RAN"}) == (["a:1"], [])


@pytest.mark.engine("postgresql", because="one engine")
def test_a_changed_file(on: Manticore, url: str, tree: Tree) -> None:
    case = CASES["flyway"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(ONE)
        for statement in case.history:
            connection.execute(statement.encode())
    source = str(tree({**case.files, "V1__one.sql": ONE.replace("cooldown", "warmup")}))
    out = on("import", "flyway", source, "--url", url, code=1).out
    assert "V1__one.sql: was changed after it was applied" in out


@pytest.mark.engine("postgresql", because="one engine")
@pytest.mark.parametrize(
    ("tool", "statement"),
    [
        ("golang-migrate", "INSERT INTO schema_lock VALUES (1)"),
        ("liquibase", "UPDATE databasechangeloglock SET locked = true"),
        ("yoyo", "INSERT INTO yoyo_lock VALUES (1, now(), 5)"),
    ],
)
def test_a_tool_at_work(on: Manticore, url: str, tree: Tree, tool: str, statement: str) -> None:
    case = CASES[tool]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(ONE)
        for one in (*case.history, statement):
            connection.execute(one.encode())
    out = on("import", tool, str(tree(case.files)), "--url", url, code=1).out
    assert f"{tool} is at work" in out and not Path("migrations").exists()


@pytest.mark.engine("postgresql", because="one engine")
def test_a_file_that_never_ran(on: Manticore, url: str, tree: Tree) -> None:
    """golang-migrate's one row counts what was added late below it; the replay tells."""
    case = CASES["golang-migrate"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TWO)
        for statement in case.history:
            connection.execute(statement.encode())
        connection.execute("UPDATE schema_migrations SET version = 2")
    out = on("import", str(tree(case.files)), "--url", url, code=5).out
    assert "- table public.one" in out and "--accept-differences" in out


@pytest.mark.engine("postgresql", because="one engine")
def test_applied_late(on: Manticore, url: str, tree: Tree) -> None:
    """What is pending below what is applied is said; ours applies it when it is told to."""
    case = CASES["sqlx"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(ONE)
        for statement in case.history:
            connection.execute(statement.encode())
    found = on(
        "import",
        "sqlx",
        str(tree({**case.files, "0_late.sql": "SELECT 5;"})),
        "--url",
        url,
        "--json",
    ).json
    assert any("although a newer one is" in one["message"] for one in found["notes"])
    on("migrate", "--allow-out-of-order")


@pytest.mark.engine("postgresql", because="one engine")
def test_manticore_0_3(on: Manticore, url: str, tree: Tree) -> None:
    """Its history is ours already, and its files are proven against it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(ONE)
        connection.execute(
            "CREATE TABLE _migrations (version INTEGER PRIMARY KEY, description TEXT NOT NULL,"
            " applied_at TIMESTAMP NOT NULL DEFAULT now())"
        )
        connection.execute("INSERT INTO _migrations (version, description) VALUES (1, 'one')")
    files = {
        "V1__one.sql": f"{ONE}-- DOWN\nDROP TABLE one;\n",
        "V2__two.sql": f"{TWO}-- DOWN\nDROP TABLE two;\n",
    }
    found = on("import", str(tree(files)), "--url", url, "--json").json
    assert found["tool"] == "manticore-0.3"
    assert found["history"]["identical"] is True
    assert found["history"]["applied"] == [1] and found["history"]["pending"] == [2]
    on("migrate")
    on("rollback", "--count", "2", "--yes")


async def test_in_both_colours(db: object, url: str, colour: object, tree: Tree) -> None:
    """The library's own functions, without the command line."""
    import inspect
    from importlib import import_module

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(ONE)
        for statement in CASES["golang-migrate"].history:
            connection.execute(statement.encode())
    conversion = imported("golang-migrate", CASES["golang-migrate"].files)
    migration = colour.Migration(db, migrations_dir=tree({"x": ""}))  # type: ignore[attr-defined]
    plain = colour.name == "sync"  # type: ignore[attr-defined]
    home = "manticore_cockroachdb.importing."
    examine = (
        import_module(home + "adopt").examine
        if plain
        else import_module(home + "async_adopt").async_examine
    )
    from ..support.colour import unwrap

    found = examine(unwrap(migration), conversion, reader_of("golang-migrate"))
    if inspect.isawaitable(found):
        found = await found
    assert not found.changes and found.applied == (1,) and found.pending == (2,)
    assert await migration.carry_over(found.new) == 1
    assert await migration.carry_over(found.new) == 0
