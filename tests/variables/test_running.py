"""Variables on real servers: in migrations, undo parts, repeatable files, hooks, backfills."""

from __future__ import annotations

import json

import pytest

from manticore_cockroachdb.errors import (
    ChangedFile,
    ConfigError,
    FileError,
    MigrationError,
    MigrationFailed,
)

ORDERS = """\
-- @variables region
CREATE TABLE orders_${region} (id INT8 PRIMARY KEY, region TEXT DEFAULT '${region}');
-- @UNDO
DROP TABLE orders_${region};
"""


class Project:
    def __init__(self, colour, db, directory):
        self.colour, self.db, self.directory = colour, db, directory

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def migration(self, **variables):
        return self.colour.Migration(self.db, self.directory, variables=variables)


@pytest.fixture
def project(colour, db, tmp_path):
    return Project(colour, db, tmp_path / "migrations")


async def test_the_same_file_in_two_regions(project, db):
    project.write("1_orders.sql", ORDERS)
    migration = project.migration(region="EU west")
    assert await migration.migrate() == 1
    await db.execute('INSERT INTO "orders_EU west" (id) VALUES (1)')
    rows = await db.execute('SELECT region FROM "orders_EU west"')
    assert rows == [{"region": "EU west"}]
    assert not (
        await project.migration(region="us").status()
    ).problems  # the checksum is the file's
    assert await project.migration().migrate() == 0  # what is applied needs no value
    assert await migration.rollback() == 1
    assert await project.migration(region="us").migrate() == 1
    assert await db.execute("SELECT region FROM orders_us") == []


async def test_an_undefined_variable_stops_before_anything_runs(project, db):
    project.write("1_first.sql", "CREATE TABLE first (id INT8);")
    project.write("2_orders.sql", "\n" + ORDERS)
    with pytest.raises(FileError, match="The variable region has no value") as error:
        await project.migration(regoin="eu").migrate()
    assert (error.value.line, error.value.column, error.value.version) == (2, 1, 2)
    for way in ("--var region=", "[tool.manticore.variables]", "MANTICORE_VAR_REGION", "regoin"):
        assert way in error.value.hint
    assert not await project.migration().is_applied(1)
    status = await project.migration().status()
    assert [one.version for one in status.pending] == [1, 2]
    assert "no value" in status.pending[1].reason
    plan = await project.migration().plan()
    assert [one.version for one in plan.refused] == [2]


async def test_the_environment_comes_after_what_is_given(project, db, monkeypatch):
    monkeypatch.setenv("MANTICORE_VAR_REGION", "from_environment")
    project.write("1_orders.sql", ORDERS)
    await project.migration().migrate()
    await db.execute("SELECT * FROM orders_from_environment")
    await project.migration().rollback()
    await project.migration(region="given").migrate()
    await db.execute("SELECT * FROM orders_given")


async def test_an_undo_part_whose_file_is_gone_is_filled_in_anew(project, db, tmp_path):
    project.write("1_orders.sql", ORDERS)
    await project.migration(region="s3cret").migrate()
    rows = await db.execute("SELECT undo FROM _migrations")
    assert "s3cret" not in rows[0]["undo"]
    (project.directory / "1_orders.sql").unlink()
    migration = project.colour.Migration(
        db, project.directory, allow_missing=True, variables={"region": "s3cret"}
    )
    none = project.colour.Migration(db, project.directory, allow_missing=True)
    with pytest.raises(FileError, match="no value"):
        await none.rollback()
    assert (await none.plan(rollback=True)).refused
    assert await migration.rollback() == 1


async def test_an_error_names_the_place_in_the_file_and_shows_no_value(project, db):
    text = "-- @variables a, b\nSELECT '${a}',\n  '${a}', nothing_like(${b});\n"
    project.write("1_x.sql", text)
    with pytest.raises(MigrationFailed) as error:
        await project.migration(a="s3cret" * 30, b="hidden").migrate()
    failure = error.value
    assert failure.line == 3 or failure.column == 1  # CockroachDB says which statement, no more
    assert "s3cret" not in str(failure) + failure.excerpt
    assert "${a}" in failure.excerpt
    attempts = await project.migration().attempts()
    assert "s3cret" not in attempts[0].statement and "${a}" in attempts[0].statement


async def test_what_a_plan_shows_and_what_its_script_says(project, db):
    project.write(
        "1_role.sql",
        "-- @variables owner, token\n"
        "CREATE TABLE ${owner} (id INT8 PRIMARY KEY, t TEXT DEFAULT '${token}');\n",
    )
    plan = await project.migration(owner="o1", token="s3cret").plan()
    [statement] = plan.statements()
    assert "'${token}'" in statement.sql and "s3cret" not in repr(plan)
    assert statement.object == "o1" and statement.line == 2
    assert "CREATE TABLE \"o1\" (id INT8 PRIMARY KEY, t TEXT DEFAULT 's3cret')" in plan.sql()


async def test_an_unclear_place_stops_before_anything_runs(project, db):
    project.write("1_first.sql", "CREATE TABLE first (id INT8);")
    project.write(
        "2_x.sql",
        "-- @variables x\nDO $$\nBEGIN\n  PERFORM ${x};\nEND $$;\n",
    )
    with pytest.raises(FileError, match="dollar quotes") as error:
        await project.migration(x="1").migrate()
    assert (error.value.line, error.value.column) == (4, 11)
    assert not await project.migration().is_applied(1)


async def test_a_directive_takes_no_variable(project):
    project.write(
        "1_x.sql",
        "-- @variables t\n-- @backfill ${t}\nUPDATE ${t} SET a = 1 WHERE :batch;\n",
    )
    with pytest.raises(FileError) as error:
        await project.migration(t="x").migrate()
    assert error.value.line == 2


async def test_a_repeatable_file_runs_again_when_a_value_changes(project, db):
    project.write("1_t.sql", "CREATE TABLE t (id INT8 PRIMARY KEY, region TEXT);")
    project.write(
        "repeatable/mine.sql",
        "-- @variables region, name\n"
        "CREATE VIEW ${name} AS SELECT id FROM t WHERE region = ${region};\n",
    )
    project.write(
        "repeatable/a_top.sql",
        "-- @variables name\nCREATE VIEW top AS SELECT id FROM ${name};\n",
    )
    await db.execute("SELECT 1")
    first = project.migration(region="eu", name="mine")
    await first.migrate()
    await db.execute("INSERT INTO t VALUES (1, 'eu'), (2, 'us')")
    assert await db.execute("SELECT id FROM top") == [{"id": 1}]
    assert await first.migrate() == 0
    assert {one.state for one in (await first.status()).repeatable} == {"applied"}
    second = project.migration(region="us", name="mine")
    assert {one.state for one in (await second.status()).repeatable} == {"pending"}
    await second.migrate()
    assert await db.execute("SELECT id FROM top") == [{"id": 2}]
    with pytest.raises(FileError, match="no value") as error:
        await project.migration(name="mine").migrate()
    assert error.value.path.endswith("mine.sql") and error.value.line == 1
    assert not (await second.drift()).differs


async def test_a_repeatable_file_that_fails_names_its_own_place(project):
    project.write("1_t.sql", "CREATE TABLE t (id INT8 PRIMARY KEY);")
    project.write(
        "repeatable/v.sql",
        "-- @variables name\nCREATE VIEW ${name} AS\n  SELECT id FROM t\n;"
        "CREATE VIEW w AS SELECT ${name}.nothing FROM ${name};\n",
    )
    with pytest.raises(MigrationError) as error:
        await project.migration(name="n" * 50).migrate()
    assert error.value.path.endswith("v.sql") and error.value.line == 4
    assert "${name}" in error.value.excerpt


async def test_a_hook_is_filled_in_and_refused_before_anything_runs(project, db):
    project.write("1_t.sql", "CREATE TABLE t (id INT8 PRIMARY KEY, who TEXT);")
    project.write("hooks/after_migrate.sql", "-- @variables who\nINSERT INTO t VALUES (1, ${who});")
    with pytest.raises(FileError, match="no value"):
        await project.migration().migrate()
    assert not await project.migration().is_applied(1)
    await project.migration(who="it's me").migrate()
    assert await db.execute("SELECT who FROM t") == [{"who": "it's me"}]


async def test_a_backfill_with_variables(project, db):
    project.write("1_t.sql", "CREATE TABLE t (id INT8 PRIMARY KEY, r TEXT);")
    await project.migration().migrate()
    await db.execute("INSERT INTO t SELECT g, NULL FROM generate_series(1, 500) g")
    project.write(
        "2_fill.sql",
        "-- @variables region\n-- @backfill t\nUPDATE t SET r = ${region} WHERE :batch;\n"
        "-- @UNDO\n-- @backfill t\nUPDATE t SET r = NULL WHERE :batch AND r = '${region}';\n",
    )
    assert await project.migration(region="a\\b'c").migrate() == 1
    rows = await db.execute("SELECT DISTINCT r FROM t")
    assert rows == [{"r": "a\\b'c"}]
    assert await project.migration(region="a\\b'c").rollback() == 1
    assert await db.execute("SELECT DISTINCT r FROM t") == [{"r": None}]


async def test_drift_verify_and_diff_fill_in(project, db):
    project.write("1_orders.sql", ORDERS)
    migration = project.migration(region="eu")
    await migration.migrate()
    assert not (await migration.drift()).differs
    assert (await project.migration(region="us").drift()).differs
    assert await migration.diff(str(project.directory)) == ()
    assert not (await migration.drift(str(project.directory))).differs
    found = await migration.verify()
    assert found.ok, found
    with pytest.raises(FileError, match="no value"):
        await project.migration().verify()


@pytest.mark.engine("cockroachdb", because="jobs for schema changes")
async def test_what_stopped_half_way_is_not_gone_on_with_by_other_values(project):
    project.write(
        "1_x.sql",
        "-- @variables name\nCREATE TABLE ${name} (id INT8 PRIMARY KEY);\n"
        "ALTER TABLE ${name} ADD COLUMN a INT8;\nALTER TABLE nothing ADD COLUMN a INT8;\n",
    )
    with pytest.raises(MigrationError):
        await project.migration(name="one").migrate()
    with pytest.raises(ChangedFile):
        await project.migration(name="two").migrate()


def test_values_that_are_none(colour):
    with pytest.raises(ConfigError, match="no name of a variable"):
        colour.Migration(None, variables={"a-b": "1"})
    with pytest.raises(ConfigError, match="neither text nor number") as error:
        colour.Migration(None, variables={"a": ["s3cret"]})
    assert "s3cret" not in str(error.value)


def test_nothing_of_a_value_is_in_what_is_printed_of_a_migrator(colour, tmp_path):
    migration = colour.Migration(None, tmp_path, variables={"a": "s3cret"})
    assert "s3cret" not in repr(migration.values) + json.dumps(str(migration.values))
