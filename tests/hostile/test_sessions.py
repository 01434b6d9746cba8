"""Sessions and databases that are set up oddly, and migrations that set up theirs."""

from __future__ import annotations

import psycopg
import pytest

from manticore_cockroachdb.errors import (
    ConfigError,
    FileError,
    LeaseLost,
    MigrationError,
    MigrationFailed,
    PartialMigration,
    Refused,
)
from tests.support.differences import REASONS, lacks

TABLE = "CREATE TABLE t (id INT8 PRIMARY KEY);\n"


def write(directory, **files):
    for name, text in files.items():
        (directory / f"{name.lstrip('v')}.sql").write_text(text)
    return directory


async def for_every_session(db, setting, value):
    """Give a setting to every new session of this database, as an administrator may."""
    await db.execute(f'ALTER DATABASE "{db.settings.database}" SET {setting} = {value}')
    await db.close()


def index(server):
    return "CREATE UNIQUE INDEX " + ("" if lacks(server, "CONCURRENTLY") else "CONCURRENTLY")


async def test_a_resumed_migration_has_its_settings_again(db, server, colour, tmp_path):
    """A setting of a step that is done holds for the steps after it, in a later run too."""
    await db.execute("CREATE SCHEMA app")
    await db.execute("CREATE TABLE app.t (x INT8)")
    await db.execute("CREATE TABLE t (x INT8)")  # where a run without the setting would go
    await db.execute("INSERT INTO app.t VALUES (1), (1)")
    write(
        tmp_path,
        v1_a=f"SET search_path = app;\n{index(server)} u ON t (x);\nINSERT INTO t VALUES (5);",
    )
    migration = colour.Migration(db, tmp_path)
    with pytest.raises(PartialMigration, match="1 of 3 steps"):
        await migration.migrate()
    await db.execute("DELETE FROM app.t")
    assert await migration.migrate() == 1
    assert await db.select("app.t") == [{"x": 5}]
    assert await db.select("public.t") == []


async def test_settings_do_not_reach_the_next_migration(db, server, colour, tmp_path):
    await db.execute("CREATE SCHEMA app")
    tables = {f"v{i}_t{i}": f"CREATE TABLE t{i} (id INT8 PRIMARY KEY);" for i in (2, 3, 4)}
    write(tmp_path, v1_a="SET search_path = app; CREATE TABLE t1 (id INT8 PRIMARY KEY);", **tables)
    assert await colour.Migration(db, tmp_path).migrate(fresh=True) == 4
    assert await db.exists("app.t1")
    assert [await db.exists(f"public.t{i}") for i in (2, 3, 4)] == [True] * 3


async def test_a_setting_that_failed_is_gone(db, colour, tmp_path):
    await db.execute("CREATE SCHEMA app")
    write(tmp_path, v1_a=f"SET search_path = app; {TABLE} SELECT 1 / 0;")
    migration = colour.Migration(db, tmp_path)
    with pytest.raises(MigrationFailed):
        await migration.migrate()
    assert not await db.exists("app.t")
    assert await migration.get_current_version() is None
    write(tmp_path, v1_a=TABLE)
    assert await migration.migrate() == 1
    assert await db.exists("public.t")


async def test_the_history_is_found_behind_a_new_schema(db, server, colour, tmp_path):
    """Its schema stays, although a schema named after the user now comes first."""
    write(tmp_path, v1_t=TABLE)
    migration = colour.Migration(db, tmp_path)
    assert await migration.migrate() == 1
    (row,) = await db.execute("SELECT current_user AS name")
    await db.execute(f'CREATE SCHEMA "{row["name"]}"')
    assert await migration.migrate() == 0
    write(tmp_path, v2_u="CREATE TABLE u (id INT8 PRIMARY KEY);")
    assert await migration.migrate() == 1
    assert [p["version"] for p in await migration.get_applied_migrations()] == [1, 2]
    assert (await migration.status()).current == 2
    assert await db.exists("public._migrations_lease")
    assert not await db.exists(f"{row['name']}._migrations")


async def test_two_schemas_have_two_histories(url, colour, tmp_path, server):
    if lacks(server, "options"):
        pytest.skip(str(REASONS["options"]))
    write(tmp_path, v1_t=TABLE)
    for schema in ("one", "two"):
        db = colour.database(url, options=f"-csearch_path={schema}")
        migration = colour.Migration(db, tmp_path)
        with pytest.raises(MigrationError, match="No schema of the search path exists") as caught:
            await migration.migrate()
        assert caught.value.hint
        await db.execute(f"CREATE SCHEMA {schema}")
        assert await migration.migrate() == 1
        assert await migration.get_current_version() == 1
        assert await db.exists(f"{schema}._migrations")


@pytest.mark.engine("postgresql", because="settings of a role")
async def test_no_timeout_of_the_role_cuts_a_migration(db, colour, tmp_path):
    await for_every_session(db, "statement_timeout", "'150ms'")
    await for_every_session(db, "transaction_timeout", "'150ms'")
    await for_every_session(db, "idle_in_transaction_session_timeout", "'150ms'")
    write(tmp_path, v1_t=f"{TABLE} SELECT pg_sleep(0.4);")
    assert await colour.Migration(db, tmp_path).migrate() == 1


@pytest.mark.engine("postgresql", because="backslashes")
async def test_backslashes_that_escape(db, colour, tmp_path):
    """With this off, a backslash in a description once closed our own strings elsewhere."""
    await for_every_session(db, "standard_conforming_strings", "off")
    await db.execute("CREATE TABLE canary (x INT8)")
    (tmp_path / "1_a\\', DROP TABLE canary; --.sql").write_text(TABLE)
    migration = colour.Migration(db, tmp_path)
    assert await migration.migrate() == 1
    (row,) = await migration.get_applied_migrations()
    assert row["description"] == "a\\', DROP TABLE canary; --"
    assert await db.exists("canary")


@pytest.mark.engine("postgresql", because="encodings")
@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_that_is_not_utf8(url, server, colour, tmp_path, encoding):
    db = colour.database(url)
    name = f"{db.settings.database}_{encoding.lower()}"
    await db.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    odd = db.sibling(name)
    try:
        migration = colour.Migration(odd, tmp_path)
        await migration.create_migration("größe", f"{TABLE} COMMENT ON TABLE t IS 'größe';")
        assert await migration.migrate() == 1
        (row,) = await migration.get_applied_migrations()
        assert row["description"] == "größe"
        await migration.create_migration("price", "COMMENT ON TABLE t IS '€';")
        if encoding == "LATIN1":
            with pytest.raises(MigrationFailed, match="has no equivalent"):
                await migration.migrate()
            assert await migration.get_current_version() == row["version"]
    finally:
        await odd.close()
        await db.drop_database(name, force=True)


@pytest.mark.engine("postgresql", because="standby")
async def test_a_standby_answers_clearly(db, colour, tmp_path):
    write(tmp_path, v1_t=TABLE)
    migration = colour.Migration(db, tmp_path)
    assert await migration.migrate() == 1
    await for_every_session(db, "default_transaction_read_only", "on")
    assert await migration.migrate() == 0  # nothing to do, nothing to write
    write(tmp_path, v2_u="CREATE TABLE u (id INT8);")
    with pytest.raises(MigrationError, match="read-only") as caught:
        await migration.migrate()
    assert caught.value.sqlstate == "25006"
    assert "primary" in str(caught.value.hint)


@pytest.mark.engine("postgresql", because="users")
async def test_a_role_that_cannot_record(db, colour, tmp_path):
    role = f"r_{db.settings.database}"
    await db.execute(f"CREATE ROLE {role}; GRANT ALL ON SCHEMA public TO {role}")
    try:
        write(tmp_path, v1_t=f"SET ROLE {role}; {TABLE}")
        migration = colour.Migration(db, tmp_path)
        with pytest.raises(MigrationFailed, match="permission denied for table _migrations_lease"):
            await migration.migrate()
        assert not await db.exists("t")
        write(tmp_path, v1_t=f"SET ROLE {role}; {TABLE} RESET ROLE;")
        assert await migration.migrate() == 1
    finally:
        await db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


DEFERRED = {
    "unique": ("CREATE TABLE t (x INT8 UNIQUE DEFERRABLE INITIALLY DEFERRED);", "23505"),
    "foreign key": (
        "CREATE TABLE p (x INT8 PRIMARY KEY);"
        " CREATE TABLE t (x INT8 REFERENCES p DEFERRABLE INITIALLY DEFERRED);",
        "23503",
    ),
    "division by zero": (
        "CREATE TABLE t (x INT8); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM 1 / 0; RETURN NULL; END $$;"
        " CREATE CONSTRAINT TRIGGER c AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION f();",
        "22012",
    ),
}


@pytest.mark.engine("postgresql", because="deferred checks")
@pytest.mark.parametrize("kind", DEFERRED)
async def test_what_fails_at_commit_has_failed(db, colour, tmp_path, kind):
    """Neither a lost lease nor an unknown outcome, although the SQLSTATE is one of our own."""
    tables, sqlstate = DEFERRED[kind]
    write(tmp_path, v1_t=f"{tables} INSERT INTO t VALUES (1), (1);")
    told = []
    migration = colour.Migration(db, tmp_path, on_event=told.append)
    with pytest.raises(MigrationFailed) as caught:
        await migration.migrate()
    assert caught.value.sqlstate == sqlstate
    assert not [event for event in told if type(event).__name__ in ("Retrying", "Recovered")]
    assert not await db.exists("t")
    assert await migration.get_applied_migrations() == []


@pytest.mark.parametrize("table", ["_migrations", "_migrations_lease", "_migrations_steps"])
async def test_a_migration_that_drops_the_history(db, server, colour, tmp_path, table):
    write(tmp_path, v1_t=TABLE)
    migration = colour.Migration(db, tmp_path)
    await migration.migrate()
    write(tmp_path, v2_bad=f"CREATE TABLE u (id INT8); DROP TABLE {table};")
    if table == "_migrations_steps" and not lacks(server, "schema changes in a transaction"):
        assert await migration.migrate() == 1  # it holds nothing, and is made again when needed
        return
    with pytest.raises((Refused, MigrationFailed)):
        await migration.migrate()
    assert await migration.get_current_version() == 1
    assert not await db.exists("u")


async def test_a_migration_that_takes_the_lease_away(db, colour, tmp_path):
    write(tmp_path, v1_bad=f"{TABLE} DELETE FROM _migrations_lease;")
    migration = colour.Migration(db, tmp_path)
    with pytest.raises(LeaseLost):
        await migration.migrate()
    assert not await db.exists("t")
    write(tmp_path, v1_bad=TABLE)
    assert await migration.migrate() == 1


@pytest.mark.parametrize("line", ["\\copy t FROM 'x'", "\\c other", "\\i x.sql"])
async def test_what_only_psql_understands(db, colour, tmp_path, line):
    write(tmp_path, v1_t=f"{TABLE}{line}\n")
    with pytest.raises(Refused, match="psql") as caught:
        await colour.Migration(db, tmp_path).migrate()
    assert caught.value.line == 2
    assert not await db.exists("t")


@pytest.mark.parametrize("data", [b"SELECT 1;\n\0 DROP", b"CREATE TABLE t (x\0 INT8);"])
async def test_a_file_with_nul(db, colour, tmp_path, data):
    """A message to the server ends at NUL: what follows would silently not be run."""
    (tmp_path / "1_x.sql").write_bytes(data)
    with pytest.raises(FileError, match="NUL"):
        await colour.Migration(db, tmp_path).migrate()


async def test_line_endings_of_windows(db, colour, tmp_path):
    text = "-- a\r\nCREATE TABLE t (id INT8 PRIMARY KEY);\r\nINSERT INTO t\r\n  VALUES (x);\r\n"
    (tmp_path / "1_t.sql").write_bytes(text.encode())
    with pytest.raises(MigrationFailed) as caught:
        await colour.Migration(db, tmp_path).migrate()
    assert caught.value.line in (3, 4)
    (tmp_path / "1_t.sql").write_bytes(text.replace("(x)", "(1)").encode())
    migration = colour.Migration(db, tmp_path)
    assert await migration.migrate() == 1
    (tmp_path / "1_t.sql").write_bytes(text.replace("(x)", "(1)").replace("\r", "").encode())
    assert await migration.migrate() == 0  # the same, however its lines end


async def test_a_file_that_changes_while_it_runs(db, colour, tmp_path):
    """What was read is what is run and recorded; the change is seen by the next run."""
    write(tmp_path, v1_t=TABLE, v2_u="CREATE TABLE u (id INT8 PRIMARY KEY);")

    def meddle(event):
        if type(event).__name__ == "MigrationStarted":
            write(tmp_path, v2_u="CREATE TABLE other (id INT8 PRIMARY KEY);")

    assert await colour.Migration(db, tmp_path, on_event=meddle).migrate() == 2
    assert await db.exists("u")
    assert not await db.exists("other")
    with pytest.raises(MigrationError, match="was changed after it was applied"):
        await colour.Migration(db, tmp_path).migrate()


async def test_a_directory_behind_a_link(db, colour, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "there")
    migration = colour.Migration(db, tmp_path / "here")
    path = await migration.create_migration("x", TABLE)
    assert path.startswith(str(tmp_path / "here"))
    (tmp_path / "there" / "99999999999999_gone.sql").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileError):
        await migration.migrate()
    assert not await db.exists("t")


@pytest.mark.engine("postgresql", because="schema changes in a transaction")
async def test_a_thousand_statements_and_five_megabytes(db, colour, tmp_path):
    """In several messages and one transaction: the last statement fails, nothing is there."""
    rows = "".join(f"INSERT INTO t VALUES ({i}, '{'x' * 5000}');\n" for i in range(1000))
    text = f"CREATE TABLE t (id INT8 PRIMARY KEY, text TEXT);\n{rows}"
    write(tmp_path, v1_t=f"{text}INSERT INTO t VALUES (0, 'again');\n")
    migration = colour.Migration(db, tmp_path)
    with pytest.raises(MigrationFailed) as caught:
        await migration.migrate()
    assert caught.value.line == 1002
    assert not await db.exists("t")
    write(tmp_path, v1_t=text)
    assert await migration.migrate() == 1
    assert await db.execute("SELECT count(*) AS n FROM t") == [{"n": 1000}]


@pytest.mark.engine("postgresql", because="NOTIFY")
async def test_notifications_temporary_tables_and_do_blocks(db, colour, tmp_path):
    write(
        tmp_path,
        v1_a="LISTEN c; NOTIFY c, 'x'; CREATE TEMP TABLE s AS SELECT 1 AS x;"
        " CREATE TABLE t AS SELECT * FROM s;",
        v2_b="CREATE TEMP TABLE s AS SELECT 2 AS x; INSERT INTO t SELECT * FROM s;",
        v3_c="DO $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = 'P0042'; END $$;",
    )
    migration = colour.Migration(db, tmp_path)
    with pytest.raises(MigrationFailed, match="not today") as caught:
        await migration.migrate()
    assert (caught.value.sqlstate, caught.value.applied) == ("P0042", (1, 2))
    assert await db.select("t", order_by="x") == [{"x": 1}, {"x": 2}]


async def test_settings_that_are_no_text(db, colour, tmp_path):
    write(tmp_path, v1_t=TABLE)
    for settings in ({"a.b": 1}, {"a.b": "x\0y"}, {"a\0": "x"}, {3: "x"}):
        with pytest.raises(ConfigError):
            await colour.Migration(db, tmp_path, settings=settings).migrate()


async def test_a_callback_that_uses_the_database_again(db, colour):
    await db.execute("CREATE TABLE t (id INT8 PRIMARY KEY)")

    async def outer(connection):
        await connection.execute("INSERT INTO t VALUES (1)")
        await db.insert("t", {"id": 2})  # joins
        raise KeyError("stop")

    with pytest.raises(KeyError):
        await db.run_in_transaction(outer)
    assert await db.select("t") == []


def test_a_connection_of_a_lost_session_is_no_error_of_ours(url):
    """What psycopg raises stays what it is, so that callers can tell."""
    from manticore_cockroachdb import Database

    with Database.from_url(url) as db, pytest.raises(psycopg.errors.UndefinedTable):
        db.execute("SELECT * FROM nowhere")
