"""Lint over repeatable files and hooks: which are read, as what, and which rules look at them."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.database import Database
from manticore_cockroachdb.migration import Migration

from ..cli.conftest import Manticore


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        path = tmp_path / "migrations" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write("20250101000000_users.sql", "CREATE TABLE users (id UUID PRIMARY KEY, name TEXT);")
    return write


def linted(manticore: Manticore, *arguments, target="postgresql", code=0):
    ran = manticore("lint", *arguments, "--target", target, "--level", "info", "--json", code=code)
    return {(one["rule"], one["path"]) for one in ran.json}


USERS = "migrations/20250101000000_users.sql"
VIEW = "migrations/repeatable/views/names.sql"
HOOK = "migrations/hooks/after_migrate.sql"


def test_they_are_read_with_the_rules_that_make_sense(project, manticore):
    project("repeatable/views/names.sql", "CREATE VIEW names AS SELECT * FROM users;\nSELECT 1;")
    project("hooks/after_migrate.sql", "DELETE FROM users;")
    found = linted(manticore, code=5)
    assert ("select-star", VIEW) in found
    assert ("delete-without-where", HOOK) in found
    assert ("no-undo", USERS) in found
    assert not [one for one in found if one[0] in ("no-undo", "vague-name") and one[1] != USERS]


def test_what_would_be_refused_is_an_error(project, manticore):
    project("repeatable/views/names.sql", "CREATE TABLE seed (id UUID PRIMARY KEY);")
    project("hooks/after_migrate.sql", "VACUUM users;")
    project("hooks/after_all.sql", "SELECT 1;")
    found = linted(manticore, code=5)
    assert ("invalid-file", VIEW) in found  # it fails when it runs again
    assert ("refused", HOOK) in found
    assert ("invalid-file", "migrations/hooks/after_all.sql") in found
    found = linted(manticore, target="cockroachdb", code=5)
    assert ("refused", HOOK) not in found


def test_a_directive_that_is_theirs(project, manticore):
    project(
        "repeatable/views/names.sql", "-- @drop view other\nCREATE VIEW names AS SELECT 1 AS n;"
    )
    assert not [one for one in linted(manticore, code=5) if one[1] == VIEW]
    project("repeatable/views/names.sql", "SELECT 1;\n-- @UNDO\nSELECT 2;")
    assert ("invalid-file", VIEW) in linted(manticore, code=5)


def test_an_index_on_a_view_of_the_same_file_blocks_nobody(project, manticore):
    text = "CREATE MATERIALIZED VIEW names AS SELECT id FROM users;\nCREATE INDEX n ON names (id);"
    project("repeatable/views/names.sql", text)
    assert not [one for one in linted(manticore, code=5) if one[1] == VIEW]


def test_one_that_is_named_by_itself_knows_the_migrations(project, manticore):
    project("repeatable/views/names.sql", "CREATE INDEX IF NOT EXISTS n ON users (name);")
    alone = linted(manticore, VIEW, code=5)
    assert {one[1] for one in alone} == {VIEW}
    assert linted(manticore, "migrations/repeatable", code=5) == alone


def test_a_folder_of_such_a_name_elsewhere_is_nothing_special(tmp_path, monkeypatch, manticore):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sql/hooks").mkdir(parents=True)
    (tmp_path / "sql/hooks/anything.sql").write_text("SELECT 1;")
    assert linted(manticore, "sql") == set()


def test_the_method_reads_them_too(project, tmp_path):
    project("hooks/after_migrate.sql", "DELETE FROM users;")
    project("repeatable/views/names.sql", "CREATE TABLE seed (id UUID PRIMARY KEY);")
    migration = Migration(Database.from_url("postgresql://nowhere"), tmp_path / "migrations")
    rules = {one.rule for one in migration.lint(target="postgresql")}
    assert {"delete-without-where", "invalid-file"} <= rules


def test_variables_are_no_template(project, manticore):
    view = "CREATE VIEW names AS SELECT 1 AS n;"
    text = f"-- @variables owner\n{view}\nGRANT SELECT ON names TO ${{owner}};"
    project("repeatable/views/names.sql", text)
    assert not [one for one in linted(manticore, code=5) if one[1] == VIEW]
