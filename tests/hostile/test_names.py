"""Hostile names at every entry point: the canary lives, and nothing leaves the directory."""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import replace

import psycopg
import pytest

from manticore_cockroachdb import Database
from manticore_cockroachdb.cli import main
from manticore_cockroachdb.errors import ConnectionFailed, ManticoreError, QueryError
from manticore_cockroachdb.parser.quoting import literal
from tests.support.differences import lacks

from .names import NAMES

IMPOSSIBLE = [name for name in NAMES if "\0" in name or "\udcff" in name or not name]
REFUSED = (ManticoreError, ValueError, psycopg.Error)


class Canary:
    """A table that every attack tries to drop; ``tries`` says whether a call was refused."""

    def __init__(self, db):
        self.db = db

    async def settle(self):
        await self.db.create_table("canary", {"id": "INT8 PRIMARY KEY", "name": "TEXT"})
        await self.db.insert("canary", {"id": 1, "name": "tweety"})

    async def tries(self, call):
        """Await what ``call`` returns; None where it is refused."""
        try:
            return await call()
        except REFUSED as error:
            assert str(error)
            return None

    async def lives(self):
        assert await self.db.select("canary") == [{"id": 1, "name": "tweety"}]


@pytest.fixture
def canary(db):
    return Canary(db)


async def test_tables_and_columns(server, db, canary):
    await canary.settle()

    async def as_table(name):
        await db.create_table(name, {"id": "INT8 PRIMARY KEY"})
        assert await db.exists(name)
        assert await db.insert(name, {"id": 1}) == {"id": 1}
        assert await db.batch_insert(name, [{"id": 2}], returning=False) == 1
        assert len(await db.select(name, order_by="id")) == 2
        await db.drop_table(name)
        return "worked"

    tried = NAMES[::4] if lacks(server, "jobs for schema changes") else NAMES
    worked = [n for n in tried if await canary.tries(lambda n=n: as_table(n)) == "worked"]
    # A dot divides schema and table, and PostgreSQL keeps 63 bytes of a name.
    odd = {n for n in NAMES if n in IMPOSSIBLE or "." in n or '"' in n or len(n) > 63}
    assert set(tried) - odd <= set(worked)

    columns = [n for n in NAMES if n not in IMPOSSIBLE]
    await db.create_table("t", {"id": "INT8 PRIMARY KEY", **dict.fromkeys(columns, "TEXT")})
    row = {"id": 1, **{name: name for name in columns}}
    found = await db.insert("t", row)
    assert [value for value in found.values() if value != 1] == columns
    assert await db.batch_insert("t", [{**row, "id": 2}], returning=False) == 1
    assert len(await db.batch_insert("t", [{**row, "id": 3}])) == 1
    for name in columns:
        order = [(name, "desc"), ("id", "asc")]
        found = await db.select("t", ["id", name], {name: name}, order_by=order)
        assert [r["id"] for r in found] == [1, 2, 3]
    await db.upsert("t", {**row, columns[0]: "z"}, ["id"])
    await db.update("t", dict.fromkeys(columns, "w"), {columns[1]: columns[1], "id": (">", 1)})
    assert await db.delete("t", {columns[1]: "w"}) == 2
    assert await db.delete("t", {columns[0]: "z"}) == 1
    for name in IMPOSSIBLE:
        with pytest.raises(QueryError):
            await db.insert("t", {name: 1})
    await canary.lives()


async def test_schemas_conditions_and_orders(db, canary):
    await canary.settle()
    for name in NAMES:
        for call in (
            lambda n=name: db.exists(f"public.{n}"),
            lambda n=name: db.select(f"{n}.canary"),
            lambda n=name: db.select("canary", [n]),
            lambda n=name: db.select("canary", where={n: 1}),
            lambda n=name: db.select("canary", where={"name": (n, "x")}),
            lambda n=name: db.select("canary", order_by=n),
            lambda n=name: db.select("canary", order_by=[("name", n)]),
            lambda n=name: db.select("canary", limit=n),
            lambda n=name: db.upsert("canary", {"id": 1}, [n]),
            lambda n=name: db.update("canary", {n: 1}, {"id": -1}),
            lambda n=name: db.delete("canary", {"name": ("like", n)}),
            lambda n=name: db.delete("canary", {"name": n}),
            lambda n=name: db.delete("canary", {"name": [n, n]}),
        ):
            await canary.tries(call)
    await canary.lives()


async def test_databases(server, db, canary):
    await canary.settle()
    mark = uuid.uuid4().hex[:6]
    for name in NAMES[:: 6 if lacks(server, "jobs for schema changes") else 3]:
        named = f"{name[:40]}{mark}"  # so that it is nobody else's

        async def as_database(named=named):
            await db.create_database(named)
            try:
                sibling = db.sibling(named)
                async with sibling:
                    (row,) = await sibling.execute("SELECT current_database() AS name")
                assert row["name"] == named
            finally:
                await db.drop_database(named)
            return "worked"

        worked = await canary.tries(as_database)
        assert worked or "\0" in name or "\udcff" in name, name
    await canary.lives()


async def test_a_databases_name_leads_nowhere_else(db):
    """libpq can read a whole connection string where a name is expected; here it never does."""
    for name in ("host=127.0.0.1 port=1 dbname=x", "postgresql://127.0.0.1:1/x"):
        with pytest.raises(ConnectionFailed, match="no such database"):
            await db.sibling(name).execute("SELECT 1")


def test_what_a_connection_is_given(url):
    """Nothing here becomes another parameter; whatever is refused says so."""
    usual = Database.from_url(url).settings
    for name in NAMES:
        for change in ({"application_name": name}, {"options": name}, {"sslmode": name}):
            try:
                with Database.from_url(url, **change) as db:
                    row = db.execute("SELECT current_user AS u, current_database() AS d")[0]
                    assert row == {"u": usual.user, "d": usual.database}
            except (ManticoreError, ValueError) as error:
                assert str(error)
    for name in NAMES:
        if name:
            with pytest.raises((ManticoreError, ValueError)):
                Database.from_settings(replace(usual, user=name)).connect()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_refused_before_anything_is_connected(name):
    for make in (
        lambda: Database(**{name: "x"}),
        lambda: Database(port=name or "x"),
        lambda: Database(max_size=name),
        lambda: Database.from_url(f"mysql://{name}"),
        lambda: Database.from_url(f"postgresql://localhost/x?{name or 'y'}=1"),
    ):
        with pytest.raises((ManticoreError, ValueError)):
            make()


@pytest.mark.parametrize("name", [n for n in NAMES if "\0" not in n])
def test_a_literal_is_closed_whatever_backslashes_mean(name):
    """Read both ways, with standard_conforming_strings on and off, it ends where it ends."""
    text = literal(name)
    escaped = r"E'(?:[^'\\]|\\\\|'')*'"
    assert re.fullmatch(escaped if "\\" in name else r"'(?:[^'\\]|'')*'", text)


async def test_migrations(db, canary, colour, tmp_path, monkeypatch):
    await canary.settle()
    monkeypatch.chdir(tmp_path)
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.setattr("manticore_cockroachdb.runner.run.HOST", "h'; DROP TABLE canary; --")
    monkeypatch.setattr("manticore_cockroachdb.runner.async_run.HOST", "h\\'; DROP TABLE x --")
    for number, name in enumerate(NAMES):
        home = inside / f"{number}"
        migration = colour.Migration(db, home)
        await canary.tries(lambda m=migration, n=name: m.create_migration(n, "SELECT 1;"))
        await canary.tries(lambda m=migration, n=name: m.create_migration("up", f"SELECT 1; {n}"))
        await canary.tries(
            lambda m=migration, n=name: m.create_migration("down", "SELECT 1;", f"SELECT 1; {n}")
        )
        if home.exists():
            await migration.load_migrations()  # whatever was written can be read
        for call in (
            lambda m=migration, n=name: m.migrate(n),
            lambda m=migration, n=name: m.rollback(target_version=n),
            lambda m=migration, n=name: m.rollback(n),
            lambda m=migration, n=name: m.is_applied(n),
            lambda m=migration, n=name: m.baseline(n),
            lambda m=migration, n=name: m.repair(n),
        ):
            assert await canary.tries(call) is None, name
    assert {p.name for p in tmp_path.iterdir()} == {"inside"}
    assert {p.name for p in inside.iterdir()} <= {str(i) for i in range(len(NAMES))}
    await canary.lives()


async def test_settings_environments_and_file_names(db, canary, colour, tmp_path):
    await canary.settle()
    for number, name in enumerate(NAMES[::2]):
        home = tmp_path / f"{number}"
        home.mkdir()
        fit = name.replace("/", "|").replace("\0", "")[:100]
        (home / f"1_{fit}.sql").write_text("SELECT 1;\n-- @UNDO\nSELECT 1;\n")
        for change in (
            {"settings": {name: "x"}},
            {"settings": {"app.x": name}},
            {"settings": {"application_name": name}},
            {"environment": name},
        ):
            migration = colour.Migration(db, home, **change)
            if await canary.tries(migration.migrate):
                assert await migration.rollback() == 1
        if number % 6 == 0:
            await canary.lives()
    await canary.lives()


def test_the_command_line(url, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "1_x.sql").write_text("SELECT 1;")
    with Database.from_url(url) as db:
        db.create_table("canary", {"id": "INT8 PRIMARY KEY"})
        for name in NAMES:
            if "\0" in name or "\udcff" in name:  # no argument can hold the first
                continue
            for arguments in (
                ["new", "--dir", "migrations/new", "--", name],
                ["migrate", "--url", url, "--to", name],
                ["migrate", "--url", url, "--set", name],
                ["migrate", "--url", url, "--dir", f"migrations/{name}"],
                ["migrate", "--url", name],
                ["status", "--url", url, "--env", name, "--json"],
                ["rollback", "--url", url, "--yes", "--to", name],
                ["repair", "--url", url, "--", name],
                [name],
            ):
                code = _exit_code(arguments)
                said = capsys.readouterr()
                assert code in (0, 1, 2, 3, 6), (arguments, said)
                assert "mistake in manticore" not in said.err, (arguments, said)
                assert "Traceback" not in said.err
        assert db.exists("canary")
    assert [p.name for p in tmp_path.iterdir()] == ["migrations"]


def _exit_code(arguments):
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize("key", ["url", "dir", "environment", "lease_ttl", "settings"])
def test_the_configuration(key, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for variable in ("DATABASE_URL", "MANTICORE_URL"):
        monkeypatch.delenv(variable, raising=False)
    for name in NAMES:
        quoted = "".join(f"\\U{ord(c):08x}" for c in name if c != "\udcff")
        value = f'{{ "{quoted}" = "{quoted}" }}' if key == "settings" else f'"{quoted}"'
        base = "" if key == "url" else 'url = "postgresql://127.0.0.1:1/x?connect_timeout=2"\n'
        (tmp_path / "manticore.toml").write_text(f"{base}{key} = {value}\n")
        if key == "url" and not name:
            continue  # not given
        assert _exit_code(["status"]) in (1, 2)
        said = capsys.readouterr()
        assert "mistake in manticore" not in said.err, (name, said)
    assert os.listdir(tmp_path) == ["manticore.toml"]  # noqa: PTH208
