"""Sharper with a server: ``migration.lint()`` and ``manticore lint --url``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cli.conftest import Manticore


def write(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name[1:]}.sql").write_text(text, encoding="utf-8")
    return tmp_path


async def test_the_size_of_tables_counts_and_what_is_applied_is_left_out(
    colour: Any, db: Any, tmp_path: Path
) -> None:
    write(
        tmp_path,
        _1_create_users="CREATE TABLE users (id INT8 PRIMARY KEY); DROP TABLE IF EXISTS x;",
    )
    migration = colour.Migration(db, migrations_dir=tmp_path)
    await migration.migrate()
    write(tmp_path, _2_add_flag="ALTER TABLE users ADD COLUMN a TEXT NOT NULL;")
    offline = await migration.lint(target="cockroachdb:25.4")
    assert {one.rule for one in offline} >= {"drop-table", "add-column-not-null"}
    await db.execute("INSERT INTO users (id) SELECT i FROM generate_series(1, 5000) AS i")
    await db.execute("ANALYZE users")
    [found] = [one for one in await migration.lint() if one.level == "error"]
    assert found.rule == "add-column-not-null"
    assert found.path.endswith("2_add_flag.sql")
    assert "rows." in found.message


async def test_a_table_that_is_not_there_yet_is_new(colour: Any, db: Any, tmp_path: Path) -> None:
    write(tmp_path, _1_add_flag="ALTER TABLE later ADD COLUMN a TEXT NOT NULL;")
    found = await colour.Migration(db, migrations_dir=tmp_path).lint()
    assert {one.level for one in found} <= {"info"}


def test_the_url_decides_the_target(url: str, server: Any, manticore: Manticore) -> None:
    Path("migrations").mkdir()
    write(Path("migrations"), _1_index="CREATE INDEX i ON users (a);")
    out = manticore("lint", "--url", url, "--level", "info", code=None).out
    assert ("CockroachDB" if server.engine == "cockroachdb" else "PostgreSQL") in out
    shown = manticore("lint", "--url", url, "--target", "cockroachdb:25.4", code=None).out
    assert "CockroachDB 25.4" in shown
