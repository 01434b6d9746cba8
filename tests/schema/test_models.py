"""Models and statements as a schema, on the database's own server, in both colours."""

from __future__ import annotations

import pytest

MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(50), nullable=False, server_default="100%"),
    sa.CheckConstraint("length(name) > 1", name="long"),
)
"""


async def test_models_are_what_the_server_makes_of_them(db, colour, tmp_path, monkeypatch):
    (tmp_path / "shop.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    changes = await migration.diff("sqlalchemy:shop:metadata")
    assert [(c.kind, c.path) for c in changes] == [("added", "public.users")]
    await db.execute(
        "CREATE TABLE users (id INT8 PRIMARY KEY, name VARCHAR(50) NOT NULL DEFAULT '100%',"
        " CONSTRAINT long CHECK (length(name) > 1))"
    )
    assert await migration.diff("sqlalchemy:shop:metadata") == ()


async def test_drift_from_models(db, colour, tmp_path, monkeypatch):
    (tmp_path / "mart.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await db.execute("CREATE TABLE users (id INT8 PRIMARY KEY)")
    await db.execute("CREATE TABLE more (id INT8 PRIMARY KEY)")
    drift = await migration.drift("sqlalchemy:mart:metadata", ignore=["public.more"])
    assert drift.versions == ()
    assert {(c.kind, c.path) for c in drift.changes} == {
        ("removed", "public.users.name"),
        ("removed", "public.users.long"),
    }


async def test_a_folder_of_statements(db, colour, tmp_path):
    (tmp_path / "a.sql").write_text("CREATE VIEW v AS SELECT id FROM users;")
    (tmp_path / "b.sql").write_text("CREATE TABLE users (id INT8 PRIMARY KEY);")
    migration = colour.Migration(db, migrations_dir=tmp_path)
    paths = {c.path for c in await migration.diff(tmp_path)}
    assert paths == {"public.users", "public.v"}


@pytest.mark.parametrize("text", ["sqlalchemy:", "django:", "sqlalchemy://user@host/db", "app:x"])
def test_what_is_no_name_of_models(text):
    from manticore_cockroachdb.shadow.sources import models_of

    assert models_of(text) is None
