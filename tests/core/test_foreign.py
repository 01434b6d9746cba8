"""Whose a file or a directory is: found where the tool itself would, and nowhere else."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.errors import FileError, ForeignFile
from manticore_cockroachdb.migrations import foreign
from manticore_cockroachdb.migrations.file import parse_file, parse_name

from ..support.foreign import DIRECTORIES, tool


@pytest.mark.parametrize("case", DIRECTORIES)
def test_a_directory_is_known_by_its_names_and_texts(case):
    files = DIRECTORIES[case]
    trace = foreign.detect(sorted(files), lambda name: files.get(name, ""))
    assert trace is not None
    assert tool(case) in [one.name for one in trace.tools]


def test_later_traces_narrow_what_a_name_leaves_open():
    """`V1__x.sql` may be Flyway's or refinery's; with `R__` beside it, it is Flyway's."""
    files = {"V1__x.sql": "SELECT 1;", "R__v.sql": "SELECT 2;"}
    one = foreign.detect(["V1__x.sql"], files.__getitem__)
    both = foreign.detect(files, files.__getitem__)
    assert one is not None
    assert both is not None
    assert [tool.name for tool in one.tools] == ["flyway", "refinery"]
    assert [tool.name for tool in both.tools] == ["flyway"]


def test_every_tool_has_a_directory_here_and_a_way_on():
    known = {tool(case) for case in DIRECTORIES}
    assert {one.name for one in foreign.TOOLS} - known == {"supabase"}  # whose files are ours
    for one in foreign.TOOLS:
        assert one.by_hand in foreign.way_on(one)


OURS = {
    "nothing": "CREATE TABLE t (id INT8 PRIMARY KEY);",
    "in a string": "INSERT INTO notes VALUES ('\n-- migrate:down\n');",
    "in a quoted name": 'CREATE TABLE "\n-- +goose Down\n" (id INT8);',
    "in a body": "CREATE FUNCTION f() RETURNS TEXT LANGUAGE sql AS $$\n-- migrate:down\n"
    "SELECT 'x'\n$$;\n-- @UNDO\nDROP FUNCTION f;",
    "in a tagged body": "DO $do$ BEGIN\n-- +goose Up\nEND $do$;",
    "in a block comment": "/* as in\n-- migrate:down\n*/\nSELECT 1;",
    "behind a statement": "SELECT 1; -- migrate:down",
    "another word": "-- migrate:downwards\n-- +goosebumps\n-- +up to here\nSELECT 1;",
    "told of": "-- we came from dbmate, whose -- migrate:down is now @UNDO\nSELECT 1;",
    "depends": "-- depends: on the weather\nSELECT 1;",
    "no-transaction, later": "SELECT 1;\n-- no-transaction\n",
    "liquibase, later": "SELECT 1;\n-- liquibase formatted sql is what we had\n",
    "down the hall": "-- DOWN the hall\n-- Down\nSELECT 1;",
    "converted, marker below": "-- migrate:up\nSELECT 1;\n-- @UNDO\n-- migrate:down\nSELECT 2;",
    "converted, goose": "-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n-- @UNDO\n"
    "-- +goose Down\nSELECT 2;",
    "allowed": "-- @allow foreign-file: applied long ago\n-- migrate:up\nSELECT 1;",
    "allowed among others": "-- @allow no-undo, foreign-file: applied\n-- migrate:up\nSELECT 1;",
}


@pytest.mark.parametrize("case", OURS)
def test_a_file_of_ours_stays_one(case):
    assert parse_file("1_x.sql", OURS[case], "1_x.sql").version == 1


THEIRS = {
    "up alone": ("-- migrate:up\nSELECT 1;", 1),
    "behind a string": ("SELECT 'it''s';\n-- migrate:down\nSELECT 2;", 2),
    "indented": ("SELECT 1;\n  -- +goose Down\nSELECT 2;", 2),
    "CR alone": ("SELECT 1;\r-- migrate:down\rSELECT 2;", 2),
    "CR LF": ("SELECT 1;\r\n-- migrate:down\r\nSELECT 2;", 2),
    "inside a statement": ("CREATE TABLE t (a INT8,\n-- migrate:down\nb INT8);", 2),
    "half converted": ("-- migrate:up\nSELECT 1;\n-- migrate:down\n-- @UNDO\nSELECT 2;", 3),
    "a second pair": (
        "SELECT 1;\n-- @UNDO\n-- migrate:down\nSELECT 2;\n-- migrate:up\nSELECT 3;",
        5,
    ),
    "before a string without end": ("-- migrate:up\nSELECT 'x;", 1),
    "the way back first": (
        "-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n-- +goose Down\n",
        4,
    ),
    "an allowance without a reason": ("-- @allow foreign-file\n-- migrate:up\nSELECT 1;", 2),
    "an allowance of something else": ("-- @allow no-undo: x\n-- migrate:up\nSELECT 1;", 2),
    "an unknown directive": ("-- @package main\n-- +up\nSELECT 1;\n-- +down\nSELECT 2;", 4),
}


@pytest.mark.parametrize("case", THEIRS)
def test_a_file_of_theirs_is_refused_at_its_line(case):
    text, line = THEIRS[case]
    with pytest.raises(ForeignFile) as caught:
        parse_file("1_x.sql", text, "m/1_x.sql")
    error = caught.value
    assert (error.path, error.line) == ("m/1_x.sql", line)
    assert error.excerpt is not None
    assert error.tools
    assert error.hint is not None
    assert "-- @UNDO" in error.hint
    assert "manticore import" in error.hint
    assert "-- @allow foreign-file" in error.hint


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("1_x.up.sql", "golang-migrate"),
        ("1_x.down.sql", "golang-migrate"),
        ("V1__x.sql", "Flyway's or refinery"),
        ("R__x.sql", "Flyway"),
        ("1_x.rollback.sql", "yoyo"),
        ("001.do.x.sql", "Postgrator"),
    ],
)
def test_a_name_is_named(name, whose):
    with pytest.raises(ForeignFile, match=whose):
        parse_file(name, "SELECT 1;", name)


def test_v1_is_flyways_unless_its_text_is_that_of_0_3_1():
    with pytest.raises(ForeignFile, match="Flyway") as flyway:
        parse_file("V1__x.sql", "SELECT 1;", "V1__x.sql")
    assert "0.3.1" not in str(flyway.value)
    with pytest.raises(ForeignFile, match=r"manticore 0\.3\.1") as old:
        parse_file("V1__x.sql", "SELECT 1;\n\n-- DOWN\nSELECT 2;\n", "V1__x.sql")
    assert "Flyway" not in str(old.value)
    with pytest.raises(FileError, match=r"has no version.*Flyway"):
        parse_name("V1__x.sql", "V1__x.sql")


@pytest.mark.parametrize("name", ["1_scale.v2.sql", "1_release_3.0.sql", "1_x.upper.sql", "1.sql"])
def test_dots_in_a_name_are_no_trace(name):
    assert parse_file(name, "SELECT 1;", name).version == 1


def test_a_file_with_our_marker_may_be_called_anything():
    assert parse_file("1_x.up.sql", "SELECT 1;\n-- @UNDO\nSELECT 2;", "x").down_sql == "SELECT 2;"


def test_what_we_stored_ourselves_is_ours():
    assert parse_file("1_undo.sql", "-- migrate:down\nSELECT 2;\n", "x", ours=True).version == 1


def test_an_allowance_is_in_no_checksum():
    text = "CREATE TABLE t (id INT8);\n"
    before = parse_file("1_x.sql", f"-- migrate:up\n{text}", "x", ours=True).checksum
    allowed = f"-- @allow foreign-file: applied\n-- migrate:up\n{text}"
    assert parse_file("1_x.sql", allowed, "x").checksum == before


NEIGHBOURS = ["README.md", "__init__.py", "seed.py", "0001_helper.py", "data.json", "notes.yaml"]
NEIGHBOURS += ["archive", "archive/V1__old.sql", "archive/1_x.up.sql", "archive/atlas.sum", "a.go"]
NEIGHBOURS += ["tools.js", "2024", "2024/1_x.sql", "schema.dump", "env.py", "Makefile"]


def test_ordinary_neighbours_are_no_trace():
    assert foreign.detect(NEIGHBOURS, lambda name: "import os\n\ndef up(): ...\n") is None


HISTORIES = [
    (("public", "schema_migrations", "version,dirty"), "golang-migrate"),
    (("public", "schema_migrations", "version"), "dbmate"),
    (("public", "schema_migrations", "inserted_at,version"), "ecto"),
    (("hdb_catalog", "schema_migrations", "version,dirty"), "hasura"),
    (("supabase_migrations", "schema_migrations", "version,statements,name"), "supabase"),
    (("public", "schema_version", "version"), "tern"),
    (
        (
            "public",
            "schema_version",
            "installed_rank,version,description,type,script,checksum,success",
        ),
        "flyway",
    ),
    (("public", "flyway_schema_history", "installed_rank,version,script,success"), "flyway"),
    (("app", "alembic_version", "version_num"), "alembic"),
    (("public", "django_migrations", "id,app,name,applied"), "django"),
    (("public", "databasechangelog", "ID,AUTHOR,ORDEREXECUTED,EXECTYPE"), "liquibase"),
    (("public", "schema_migration", "version,version_self"), "pop"),
]


@pytest.mark.parametrize(("row", "name"), HISTORIES)
def test_a_history_is_known_by_its_columns(row, name):
    [(found, table)] = foreign.histories([row])
    assert found.name == name
    assert table == f"{row[0]}.{row[1]}"


def test_a_table_beside_tells_rails_from_dbmate():
    rows = [
        ("public", "ar_internal_metadata", "key,value,created_at,updated_at"),
        ("public", "schema_migrations", "version"),
    ]
    assert [one.name for one, _ in foreign.histories(rows)] == ["rails"]


def test_a_table_of_that_name_with_other_columns_is_nobodys():
    assert not foreign.histories([("public", "changes", "id,what"), ("a", "schema_version", "x")])
