"""manticore squash, as a user calls it."""

from __future__ import annotations

import json

import pytest

UP = {
    "1_a.sql": "CREATE TABLE a (id INT8 PRIMARY KEY);\n-- @UNDO\nDROP TABLE a;\n",
    "2_b.sql": "ALTER TABLE a ADD COLUMN b TEXT;\n-- @UNDO\nALTER TABLE a DROP COLUMN b;\n",
}


@pytest.fixture
def migrations(tmp_path):
    home = tmp_path / "migrations"
    home.mkdir()
    for name, text in UP.items():
        (home / name).write_text(text)
    return home


def test_it_writes_says_and_is_known(on, migrations):
    assert on("migrate", "--dir", str(migrations)).code == 0
    ran = on("squash", "--to", "2", "--dir", str(migrations), "--json")
    assert ran.code == 0
    data = json.loads(ran.out)
    assert data["versions"] == [1, 2]
    assert data["written"] is True
    assert (migrations / "2_squashed.sql").read_text() == data["sql"]
    assert (migrations / "squashed/2/1_a.sql").read_text() == UP["1_a.sql"]
    shown = on("status", "--dir", str(migrations))
    assert "by its parts" in shown.out
    assert on("migrate", "--dir", str(migrations)).code == 0
    assert on("lint", str(migrations), "--target", "postgresql", "--level", "info").out.count(
        "squashed/2"
    ) == 0  # fmt: skip


def test_a_refusal_names_file_and_line(on, migrations):
    (migrations / "2_b.sql").write_text("SELECT 1;\nINSERT INTO a VALUES (1);\n")
    ran = on("squash", "--to", "2", "--dir", str(migrations), code=1)
    assert "2_b.sql:2:1" in ran.err
    assert "repeatable" in ran.err
    assert sorted(path.name for path in migrations.iterdir()) == sorted(UP)


def test_a_trial_prints_the_file(on, migrations):
    ran = on("squash", "--to", "2", "--dry-run", "--dir", str(migrations))
    assert ran.code == 0
    assert "-- @squashes 1 " in ran.out
    assert sorted(path.name for path in migrations.iterdir()) == sorted(UP)
