"""A fleet of schemas: each tenant has its own tables, history and lease, and a true outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from manticore_cockroachdb.errors import ConfigError, MigrationFailed, OutOfOrder
from manticore_cockroachdb.fleet import events as e

from .conftest import schemas, states, table, tables

NAMES = ["acme", "Bolt & Co", 'so "quoted"', "zed"]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def fleet_of(colour: Any, db: Any, directory: Path, **given: Any) -> Any:
    for name in NAMES:
        await db.execute(f"CREATE SCHEMA {quoted(f'tenant_{name}')}")
    return colour.Fleet(db, directory, names=NAMES, schema="tenant_{name}", **given)


async def test_every_tenant_gets_its_tables_and_its_history(
    db: Any, colour: Any, directory: Path
) -> None:
    fleet = await fleet_of(colour, db, directory)
    report = await fleet.migrate()
    assert states(report) == dict.fromkeys(NAMES, "done")
    assert {one.versions for one in report.outcomes} == {(1, 2)}
    for name in NAMES:
        assert await tables(db, f"tenant_{name}") == ["t1", "t2"]
        history = await db.execute(
            f"SELECT version FROM {quoted(f'tenant_{name}')}._migrations ORDER BY version"
        )
        assert [row["version"] for row in history] == [1, 2]
    assert await tables(db, "public") == []


async def test_again_there_is_nothing_to_do_and_nobody_is_touched(
    db: Any, colour: Any, directory: Path
) -> None:
    fleet = await fleet_of(colour, db, directory)
    await fleet.migrate()
    report = await fleet.migrate()
    assert states(report) == dict.fromkeys(NAMES, "nothing to do")
    for name in NAMES:  # a token for the first run, none for the second
        rows = await db.execute(f"SELECT token FROM {quoted(f'tenant_{name}')}._migrations_lease")
        assert rows == [{"token": 1}]


async def test_only_the_unfinished_are_touched(db: Any, colour: Any, directory: Path) -> None:
    fleet = await fleet_of(colour, db, directory)
    await fleet.migrate(only=["acme"])
    assert states(await fleet.migrate()) == dict.fromkeys(NAMES, "done") | {"acme": "nothing to do"}


async def test_what_is_in_public_is_never_taken_for_a_tenants(
    db: Any, colour: Any, directory: Path
) -> None:
    await colour.Migration(db, directory).migrate()
    fleet = await fleet_of(colour, db, directory, search_path=["public"])
    assert states(await fleet.migrate()) == dict.fromkeys(NAMES, "done")
    assert await tables(db, "tenant_zed") == ["t1", "t2"]


async def test_what_tenants_share_is_found_behind_their_schema(
    db: Any, colour: Any, directory: Path
) -> None:
    await db.execute("CREATE TABLE shared (id INT8 PRIMARY KEY)")
    (directory / "3_use.sql").write_text("CREATE TABLE u (s INT8 REFERENCES shared (id));\n")
    fleet = await fleet_of(colour, db, directory, search_path=["public"])
    assert (await fleet.migrate()).ok
    assert await tables(db, "public") == ["shared"]


async def test_a_failure_stops_those_that_are_not_begun(
    db: Any, colour: Any, directory: Path
) -> None:
    fleet = await fleet_of(colour, db, directory, parallel=1)
    await db.execute('CREATE TABLE "tenant_Bolt & Co".t2 (id INT8 PRIMARY KEY)')
    report = await fleet.migrate()
    assert states(report) == {
        "acme": "done",
        "Bolt & Co": "failed",
        'so "quoted"': "never tried",
        "zed": "never tried",
    }
    (failed,) = report.failed
    assert isinstance(failed.error, MigrationFailed)
    assert failed.versions == (1,)
    assert report.stopped == "a target has failed"
    assert await tables(db, "tenant_zed") == []


async def test_so_many_may_fail(db: Any, colour: Any, directory: Path) -> None:
    fleet = await fleet_of(colour, db, directory, parallel=1)
    await db.execute('CREATE TABLE "tenant_Bolt & Co".t2 (id INT8 PRIMARY KEY)')
    report = await fleet.migrate(max_failures="25%")
    assert states(report) == dict.fromkeys(NAMES, "done") | {"Bolt & Co": "failed"}
    assert not report.ok


async def test_a_canary_that_fails_spares_the_others(db: Any, colour: Any, directory: Path) -> None:
    heard: list[Any] = []
    fleet = await fleet_of(colour, db, directory, on_event=heard.append)
    await db.execute("CREATE TABLE tenant_acme.t2 (id INT8 PRIMARY KEY)")
    report = await fleet.migrate(canary=1)
    assert states(report) == dict.fromkeys(NAMES, "never tried") | {"acme": "failed"}
    waves = [event for event in heard if isinstance(event, e.WaveStarted)]
    assert waves == [e.WaveStarted(1, 2, 1)]


async def test_an_obstacle_is_known_before_anybody_is_touched(
    db: Any, colour: Any, directory: Path
) -> None:
    fleet = await fleet_of(colour, db, directory)
    await fleet.migrate(only=["zed"])
    await db.execute("DELETE FROM tenant_zed._migrations WHERE version = 1")
    report = await fleet.migrate()
    assert states(report) == dict.fromkeys(NAMES, "never tried") | {"zed": "failed"}
    assert isinstance(report.failed[0].error, OutOfOrder)
    assert await tables(db, "tenant_acme") == []


async def test_a_schema_that_is_missing_is_an_error_or_made(
    db: Any, colour: Any, directory: Path
) -> None:
    await schemas(db, ["here"])
    given: dict[str, Any] = {"names": ["here", "there"], "schema": "{name}"}
    report = await colour.Fleet(db, directory, **given).migrate(max_failures=1)
    assert states(report) == {"here": "done", "there": "failed"}
    assert "no schema there" in str(report.failed[0].error)
    report = await colour.Fleet(db, directory, create=True, **given).migrate()
    assert states(report) == {"here": "nothing to do", "there": "done"}
    assert await tables(db, "there") == ["t1", "t2"]


async def test_a_tenant_that_is_dropped_midway_fails_alone(
    db: Any, colour: Any, directory: Path
) -> None:
    fleet = await fleet_of(colour, db, directory, parallel=1)

    def drop(event: Any) -> None:
        if event == e.TargetStarted("Bolt & Co"):
            dropper.execute('DROP SCHEMA "tenant_Bolt & Co" CASCADE')

    from manticore_cockroachdb import Database

    with Database.from_settings(db.settings) as dropper:
        fleet.on_event = drop
        report = await fleet.migrate(max_failures=1)
    assert states(report) == dict.fromkeys(NAMES, "done") | {"Bolt & Co": "failed"}
    assert "no schema tenant_Bolt & Co" in str(report.failed[0].error)


async def test_status_says_who_is_behind(db: Any, colour: Any, directory: Path) -> None:
    fleet = await fleet_of(colour, db, directory)
    await fleet.migrate(only=["acme", "zed"])
    table(directory, 3)
    await fleet.migrate(only=["zed"])
    await db.execute("UPDATE tenant_zed._migrations SET checksum = 'other' WHERE version = 1")
    found = await fleet.status()
    assert [(one.name, one.state, one.current, one.pending) for one in found.targets] == [
        ("acme", "behind", 2, (3,)),
        ("Bolt & Co", "behind", None, (1, 2, 3)),
        ('so "quoted"', "behind", None, (1, 2, 3)),
        ("zed", "problem", 3, ()),
    ]
    assert "changed after it was applied" in found.problems[0].problems[0].message
    await db.execute("DROP SCHEMA tenant_acme CASCADE")
    assert "no schema tenant_acme" in str((await fleet.status()).targets[0].error)


async def test_a_session_that_a_migration_changed_is_not_the_next_tenants(
    db: Any, colour: Any, directory: Path
) -> None:
    (directory / "3_look.sql").write_text(
        "CREATE TABLE n (a TEXT DEFAULT current_setting('application_name'));\n"
    )
    (directory / "4_insert.sql").write_text("INSERT INTO n DEFAULT VALUES;\n")
    (directory / "5_session.sql").write_text("SET application_name = 'changed';\n")
    fleet = await fleet_of(colour, db, directory, parallel=1)
    assert (await fleet.migrate()).ok
    for name in NAMES:
        assert await db.execute(f"SELECT a FROM {quoted(f'tenant_{name}')}.n") != [{"a": "changed"}]


@pytest.mark.engine("postgresql", because="schema changes in DO")
async def test_what_a_migration_leaves_to_its_session_is_not_the_next_tenants(
    db: Any, colour: Any, directory: Path
) -> None:
    """Hidden in a block, where no plan sees it: a lock, a temporary table, a setting."""
    (directory / "3_leave.sql").write_text(
        "DO $$ BEGIN\n"
        "  PERFORM pg_advisory_lock(77);\n"
        "  CREATE TEMPORARY TABLE stage (id INT8);\n"
        "  EXECUTE 'CREATE TABLE n AS SELECT current_setting(''work_mem'') AS a';\n"
        "  PERFORM set_config('work_mem', '77kB', false);\n"
        "END $$;\n"
    )
    fleet = await fleet_of(colour, db, directory, parallel=2)
    report = await fleet.migrate()
    assert states(report) == dict.fromkeys(NAMES, "done")
    for name in NAMES:
        assert await db.execute(f"SELECT a FROM {quoted(f'tenant_{name}')}.n") != [{"a": "77kB"}]


async def test_python_migrations_run_in_every_tenant(db: Any, colour: Any, directory: Path) -> None:
    (directory / "3_rows.py").write_text(
        "def migrate(connection):\n"
        "    connection.insert('t1', {'id': 7})\n"
        "    assert connection.select('t1') == [{'id': 7}]\n"
    )
    fleet = await fleet_of(colour, db, directory, parallel=2)
    assert states(await fleet.migrate()) == dict.fromkeys(NAMES, "done")
    table(directory, 4)
    assert states(await fleet.migrate()) == dict.fromkeys(NAMES, "done")
    for name in NAMES:
        assert await db.execute(f"SELECT id FROM {quoted(f'tenant_{name}')}.t1") == [{"id": 7}]


async def test_the_names_come_from_a_query(db: Any, colour: Any, directory: Path) -> None:
    await db.execute("CREATE TABLE tenants (name TEXT PRIMARY KEY)")
    await db.execute("INSERT INTO tenants VALUES ('b'), ('a')")
    await schemas(db, ["a", "b"])
    fleet = colour.Fleet(
        db, directory, query="SELECT name FROM tenants ORDER BY name", schema="{name}"
    )
    assert states(await fleet.migrate()) == {"a": "done", "b": "done"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT nme FROM pg_class", 'column "nme" does not exist'),
        ("SELECT relname FROM pg_class WHERE false", "nobody in the fleet"),
        ("SELECT NULL::TEXT", "a NULL for a name"),
        ("SELECT 'a' UNION ALL SELECT 'a'", "'a' appears twice"),
        ("SET timezone = 'UTC'", "returns no rows"),
        ("CREATE TABLE oops (id INT8 PRIMARY KEY)", "read-only transaction"),
    ],
)
async def test_a_query_that_names_nobody_is_an_error(
    db: Any, colour: Any, directory: Path, query: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        await colour.Fleet(db, directory, query=query, schema="{name}").migrate()
    assert message in str(caught.value)


async def test_schemas_are_found_by_their_names(db: Any, colour: Any, directory: Path) -> None:
    await schemas(db, ["tenant_a", "tenant_b", "tenantxc", "other"])
    fleet = colour.Fleet(db, directory, schemas="tenant_*")
    assert states(await fleet.migrate()) == {"tenant_a": "done", "tenant_b": "done"}


async def test_a_command_names_them(db: Any, colour: Any, directory: Path) -> None:
    await schemas(db, ["a", "b"])
    given = {"schema": "{name}"}
    fleet = colour.Fleet(db, directory, command="printf 'a\\nb\\n'", **given)
    assert states(await fleet.migrate()) == {"a": "done", "b": "done"}
    for command, message in (
        ("sh -c 'echo a; echo sorry >&2; exit 3'", "ended with 3: sorry"),
        ("no-such-program-at-all", "cannot be started"),
        ("true", "nobody in the fleet"),
    ):
        with pytest.raises(ConfigError) as caught:
            await colour.Fleet(db, directory, command=command, **given).migrate()
        assert message in str(caught.value)
