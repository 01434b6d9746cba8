"""`plan`: what would run and what it costs, on real servers, without changing anything."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.analysis.cost import Work
from manticore_cockroachdb.analysis.undo import Undo
from manticore_cockroachdb.errors import ChangedFile, ConfigError, MissingFile
from tests.support.differences import lacks


def write(directory, **files):
    for name, text in files.items():
        (directory / f"{name.lstrip('_')}.sql").write_text(text)


USERS = (
    "CREATE TABLE users (id INT8 PRIMARY KEY, name TEXT, age INT8);\n-- @UNDO\nDROP TABLE users;"
)


@pytest.fixture
def directory(tmp_path):
    write(
        tmp_path,
        _1_users=USERS,
        _2_age="ALTER TABLE users DROP COLUMN age;\n-- @UNDO\n"
        "ALTER TABLE users ADD COLUMN age INT8;",
        _3_index="CREATE INDEX users_name ON users (name);",
    )
    return tmp_path


async def relations(db):
    rows = await db.execute(
        "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
        " ON n.oid = c.relnamespace WHERE n.nspname = 'public'"
    )
    return sorted(row["relname"] for row in rows)


async def test_before_the_first_migration_and_without_changing_anything(colour, db, directory):
    plan = await colour.Migration(db, migrations_dir=directory).plan()
    assert await relations(db) == []
    assert (plan.direction, plan.changes, plan.refused) == ("up", True, ())
    assert [m.version for m in plan.migrations] == [1, 2, 3]
    users, age, index = plan.migrations
    assert users.mode == "transaction"
    assert (users.undo, age.undo, index.undo) == (Undo.YES, Undo.YES, Undo.NO)
    assert not plan.dangerous  # the table is new, so there is nothing to lose
    assert age.statements[0].size.new


async def test_what_a_table_with_rows_costs(colour, db, server, directory):
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate(1)
    await db.execute("INSERT INTO users SELECT g, 'x', 7 FROM generate_series(1, 3000) g")
    statistics = "CREATE STATISTICS s FROM users" if lacks(server, "ANALYZE") else "ANALYZE users"
    await db.execute(statistics)
    plan = await migration.plan()
    drop, index = (m.statements[0] for m in plan.migrations)
    assert (drop.verb, drop.object, drop.line) == ("ALTER TABLE", "users DROP COLUMN age", 1)
    assert drop.size.rows == 3000
    assert drop.destroys == "the column users.age"
    assert drop.dangers == ("destroys the column users.age",)
    assert drop.undo is Undo.WITHOUT_DATA
    assert index.work[0] is Work.BACKFILL
    assert plan.dangerous
    if not lacks(server, "no locks on tables"):
        assert drop.size.bytes > 100_000
        assert (drop.lock, drop.blocks) == ("ACCESS EXCLUSIVE", "reads and writes")
        assert (index.lock, index.blocks, index.dangers) == ("SHARE", "writes", ())
    else:
        assert drop.lock is index.lock is None
        assert plan.migrations[1].mode == "steps"


@pytest.mark.parametrize("name", ["users", 'it\'s "Ä\\"'])
async def test_a_table_is_found_among_thousands_of_names(colour, db, tmp_path, name):
    quoted = '"' + name.replace('"', '""') + '"'
    await db.execute(f"CREATE TABLE {quoted} (id INT8 PRIMARY KEY, age INT8)")
    await db.execute(f"INSERT INTO {quoted} VALUES (1, 2)")
    names = ", ".join(f"none{i}" for i in range(2000))
    text = f"DROP TABLE IF EXISTS {names};\nALTER TABLE {quoted} ALTER age TYPE INT4;"
    write(tmp_path, _1_many=text)
    plan = await colour.Migration(db, migrations_dir=tmp_path).plan()
    assert plan.migrations[0].statements[1].why == ("changes age from bigint to INT4 in every row",)


async def test_sizes_of_many_tables(colour, db, server, tmp_path):
    await db.execute("CREATE SCHEMA other")
    for name in ("a", "b", "c", "d", "other.d"):
        await db.execute(f"CREATE TABLE {name} (id INT8 PRIMARY KEY, t TEXT)")
    await db.execute("INSERT INTO a SELECT g, repeat('x', 1000) FROM generate_series(1, 2000) g")
    text = "DROP TABLE a; DROP TABLE b; DROP TABLE c; DROP TABLE d; DROP TABLE other.d;"
    write(tmp_path, _1_drop=text)
    plan = await colour.Migration(db, migrations_dir=tmp_path).plan()
    sizes = [s.size.bytes for s in plan.migrations[0].statements]
    assert sizes[0] > 1_000_000
    if not lacks(server, "sizes of ranges"):
        assert max(sizes[1:]) < 100_000


async def test_the_target_and_nothing_to_do(colour, db, directory):
    migration = colour.Migration(db, migrations_dir=directory)
    assert [m.version for m in (await migration.plan(2)).migrations] == [1, 2]
    await migration.migrate()
    plan = await migration.plan()
    assert (plan.changes, plan.dangerous, plan.sql()) == (False, False, "")


async def test_rollbacks_are_planned_too(colour, db, directory):
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate()
    plan = await migration.plan(rollback=True, count=3)
    assert [(m.version, m.mode) for m in plan.migrations] == [
        (3, "refused"),
        (2, "transaction" if "PostgreSQL" in plan.server else "steps"),
        (1, "transaction" if "PostgreSQL" in plan.server else "steps"),
    ]
    assert "no undo part" in plan.refused[0].reason
    assert plan.migrations[2].statements[0].dangers == ("destroys all rows of users",)
    to = await migration.plan(2, rollback=True)
    assert [m.version for m in to.migrations] == [3]


async def test_the_stored_undo_is_planned_when_the_file_is_gone(colour, db, directory):
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate(2)
    (directory / "2_age.sql").unlink()
    with pytest.raises(MissingFile):  # as the rollback would, which takes no one else's away
        await migration.plan(rollback=True)
    allowed = colour.Migration(db, migrations_dir=directory, allow_missing=True)
    plan = await allowed.plan(rollback=True)
    assert plan.migrations[0].statements[0].object == "users ADD COLUMN age"


async def test_a_refused_migration_is_said_with_the_others(colour, db, directory):
    write(directory, _4_commit="CREATE TABLE a (id INT8 PRIMARY KEY);\nCOMMIT;")
    plan = await colour.Migration(db, migrations_dir=directory).plan()
    refused = plan.migrations[3]
    assert (refused.mode, refused.line, plan.refused) == ("refused", 2, (refused,))
    assert "COMMIT" in refused.reason and refused.hint


async def test_what_stops_migrate_stops_the_plan(colour, db, directory):
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate(1)
    write(directory, _1_users=USERS.replace("age", "years"))
    with pytest.raises(ChangedFile):
        await migration.plan()


async def test_rows_in_bulk_are_told_once(colour, db, directory):
    rows = "".join(f"INSERT INTO users (id, name) VALUES ({i}, 'x');\n" for i in range(2000))
    write(directory, _4_seed=rows)
    plan = await colour.Migration(db, migrations_dir=directory).plan()
    (statement,) = plan.migrations[3].statements
    assert (statement.verb, statement.object, statement.times) == ("INSERT", "users", 2000)


async def test_a_renamed_table_keeps_its_size(colour, db, server, directory):
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate(1)
    await db.execute("INSERT INTO users SELECT g, 'x', 7 FROM generate_series(1, 3000) g")
    await db.execute(
        "CREATE STATISTICS s FROM users" if lacks(server, "ANALYZE") else "ANALYZE users"
    )
    for path in directory.glob("[23]*"):
        path.unlink()
    write(directory, _4_rename="ALTER TABLE users RENAME TO people;", _5_drop="DROP TABLE people;")
    plan = await migration.plan()
    drop = plan.migrations[1].statements[0]
    assert (drop.size.table, drop.size.rows) == ("people", 3000)
    assert drop.dangerous


@pytest.mark.engine("postgresql", because="users")
async def test_a_user_who_may_only_read(colour, db, url, directory):
    """CockroachDB without certificates knows only users that are allowed everything."""
    await colour.Migration(db, migrations_dir=directory).migrate(1)
    await db.execute(
        "CREATE ROLE plan_reader LOGIN;"
        " ALTER ROLE plan_reader SET default_transaction_read_only = on;"
        " GRANT SELECT ON ALL TABLES IN SCHEMA public TO plan_reader"
    )
    poor = colour.database(url, user="plan_reader")
    try:
        plan = await colour.Migration(poor, migrations_dir=directory).plan()
        assert [m.version for m in plan.migrations] == [2, 3]
        assert plan.migrations[0].statements[0].size is not None
    finally:
        await poor.close()
        await db.execute("DROP OWNED BY plan_reader; DROP ROLE plan_reader")


@pytest.mark.engine("postgresql", because="no locks on tables")
async def test_a_locked_table_does_not_hold_the_plan_up(colour, db, directory):
    """Only PostgreSQL's size functions wait for locks."""
    migration = colour.Migration(db, migrations_dir=directory)
    await migration.migrate(1)
    async with await db.dedicated() as connection:
        await connection.execute("BEGIN; LOCK TABLE users")
        plan = await migration.plan()
        await connection.execute("ROLLBACK")
    assert plan.migrations[0].statements[0].destroys == "the column users.age"


@pytest.mark.engine("postgresql", because="partitions")
async def test_partitions_count_together(colour, db, directory):
    """CockroachDB's partitions are no tables."""
    await db.execute(
        "CREATE TABLE logs (k INT8) PARTITION BY RANGE (k);"
        " CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (1000);"
        " CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM (1000) TO (9000);"
        " INSERT INTO logs SELECT g FROM generate_series(1, 5000) g; ANALYZE logs"
    )
    write(directory, _4_logs="ALTER TABLE logs ADD COLUMN note TEXT;")
    plan = await colour.Migration(db, migrations_dir=directory).plan()
    assert plan.migrations[3].statements[0].size.rows == 5000


async def test_a_migration_that_stopped_half_way_shows_what_is_done(colour, db, directory):
    write(
        directory,
        _4_half="-- @transaction off\nCREATE TABLE a (id INT8 PRIMARY KEY);\n"
        "CREATE TABLE a (id INT8 PRIMARY KEY);",
    )
    migration = colour.Migration(db, migrations_dir=directory)
    with pytest.raises(Exception, match="exists"):
        await migration.migrate()
    plan = await migration.plan()
    assert [s.done for s in plan.migrations[0].statements] == [True, False]
    assert "-- step 1 is done" in plan.sql()


async def test_a_count_that_is_none(colour, db, directory):
    with pytest.raises(ConfigError):
        await colour.Migration(db, migrations_dir=directory).plan(rollback=True, count=-1)
