"""Hostile files of every tool: read by the tool's rules, or refused with file and line."""

from __future__ import annotations

import zlib

import pytest

from manticore_cockroachdb.importing.tools import MODULES, reader_of, tools_of
from manticore_cockroachdb.importing.tools.flyway import checksum
from manticore_cockroachdb.migrations import foreign
from manticore_cockroachdb.migrations.file import parse_file

from ..cli.conftest import Manticore
from ..support.foreign import DIRECTORIES, tool
from .conftest import Tree
from .pure import files_of, imported, made, refused

BODY = """CREATE FUNCTION f() RETURNS INT LANGUAGE plpgsql AS $$
BEGIN
  RETURN 1; -- migrate:down, +goose Down, @UNDO
END $$;
"""


def test_every_tool_that_is_refused_can_be_imported() -> None:
    assert set(MODULES) == {tool.name for tool in foreign.TOOLS}
    for name in MODULES:
        assert reader_of(name).name == name


@pytest.mark.parametrize("case", DIRECTORIES)
def test_whose_a_directory_is(case: str) -> None:
    """The importer tells tools as everything else does that reads files."""
    found = tools_of(files_of(DIRECTORIES[case]))
    assert tool(case) in found or not found
    if len(found) > 1:
        assert tools_of(files_of(DIRECTORIES[case]), [tool(case)]) == [tool(case)]


class TestGolangMigrate:
    def test_pairs(self) -> None:
        files = made(
            "golang-migrate",
            {
                "000001_users.up.sql": "CREATE TABLE users (cooldown INT);",
                "000001_users.down.sql": "DROP TABLE users;",
                "000003_body.up.sql": BODY,
                "000003_body.down.sql": "-- nothing\n",
                "readme.md": "x",
            },
        )
        assert files == {
            "1_users.sql": "CREATE TABLE users (cooldown INT);\n\n-- @UNDO\n\nDROP TABLE users;\n",
            "3_body.sql": BODY,
        }

    def test_what_it_would_refuse_or_we_cannot_take(self) -> None:
        up = "CREATE TABLE t (i INT);"
        assert "same version" in refused("golang-migrate", {"1_a.up.sql": up, "01_b.up.sql": up})[0]
        assert ".cql file" in refused("golang-migrate", {"1_a.up.cql": up})[0]
        assert "way forward" in refused("golang-migrate", {"1_a.down.sql": up})[0]
        assert "64 bits" in refused("golang-migrate", {f"{2**64}_a.up.sql": up})[0]
        big = {"1_a.up.sql": up, f"{2**63}_b.up.sql": up}
        assert list(made("golang-migrate", big)) == ["1_a.sql", "2_b.sql"]

    def test_a_transaction_of_its_own(self) -> None:
        files = made(
            "golang-migrate",
            {"1_a.up.sql": "-- why\nBEGIN;\nCREATE TABLE t (i INT);\nCOMMIT;\n-- end\n"},
        )
        assert files["1_a.sql"] == "-- why\n\nCREATE TABLE t (i INT);\n\n-- end\n"
        (said,) = refused(
            "golang-migrate",
            {"1_a.up.sql": "BEGIN;\nSELECT 1;\nCOMMIT;\nBEGIN;\nSELECT 2;\nCOMMIT;\n"},
        )
        assert said.startswith("1_a.up.sql:3: COMMIT")

    def test_a_commit_at_the_end_that_nothing_opened(self) -> None:
        """It ends the transaction that the tool began, or the server for a message of several."""
        text = "CREATE TABLE t (i INT);\nCREATE TABLE u (i INT);\n\nCOMMIT;\n-- end\n"
        found = imported("golang-migrate", {"1_a.up.sql": text})
        assert [one.text for one in found.files] == [text.replace("COMMIT;", "")]
        assert "COMMIT at the end" in found.notes[0].message and found.notes[0].line == 4
        (said,) = refused(
            "golang-migrate", {"1_a.up.sql": "SELECT 2;\nCOMMIT;\nSELECT 3;\nCOMMIT;"}
        )
        assert said.startswith("1_a.up.sql:2: COMMIT")

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            (f"SELECT 1;\n{BODY}", 2),
            ("SELECT 1;\nINSERT INTO t VALUES ('a;b');\n", 2),
            ("-- one; two\nSELECT 1;\n", 2),
            ("SELECT 1;\nSELECT /* a;b */ 2;\n", 2),
            ('SELECT 1;\nSELECT 2 AS "a;b";\n', 2),
        ],
    )
    def test_what_multi_statement_cuts_in_the_middle(self, text: str, line: int) -> None:
        files = {"1_a.up.sql": text}
        (said,) = refused("golang-migrate", files, multi_statement=True)
        assert said.startswith(f"1_a.up.sql:{line}: the old tool cuts the statements here")
        made("golang-migrate", files)  # sent whole, it is what it seems

    def test_multi_statement_sends_each_by_itself(self) -> None:
        text = "-- DROP TABLE t;\nCREATE TABLE t (i INT);\nCREATE INDEX i ON t (i);\n-- end\n"
        down = {"1_a.down.sql": "DROP INDEX i;;\n DROP TABLE t"}
        files = made("golang-migrate", {"1_a.up.sql": text, **down}, multi_statement=True)
        head, undo = files["1_a.sql"].split("\n-- @UNDO\n\n")
        assert head == f"-- @transaction off\n{text}"
        assert undo.startswith("DROP INDEX i;")

    def test_multi_statement_in_a_transaction_of_its_own(self) -> None:
        text = "BEGIN;\nCREATE TABLE t (i INT);\nCREATE TABLE u (i INT);\nCOMMIT;\n"
        files = made("golang-migrate", {"1_a.up.sql": text}, multi_statement=True)
        assert "@transaction" not in files["1_a.sql"]

    def test_psql_and_copy(self) -> None:
        (said,) = refused("golang-migrate", {"1_a.up.sql": "SELECT 1;\n\\i other.sql\n"})
        assert said.startswith("1_a.up.sql:2: ")
        (said,) = refused("golang-migrate", {"1_a.up.sql": "SELECT 1;\nCOPY t FROM STDIN;\n"})
        assert said.startswith("1_a.up.sql:2: COPY")

    def test_another_tool_s_marker_in_a_comment(self) -> None:
        files = made(
            "golang-migrate", {"1_a.up.sql": "-- +goose Up\nSELECT 2;\n-- migrate:down\nSELECT 3;"}
        )
        assert (
            files["1_a.sql"] == "-- (was) +goose Up\nSELECT 2;\n-- (was) migrate:down\nSELECT 3;\n"
        )

    def test_unfinished(self) -> None:
        (said,) = refused("golang-migrate", {"1_a.up.sql": "SELECT 1;\nSELECT 'x;\n"})
        assert said.startswith("1_a.up.sql:2: a string")


class TestGoose:
    def test_blocks_and_modes(self) -> None:
        files = made(
            "goose",
            {
                "1_a.sql": """
                -- a comment
                -- +goose NO TRANSACTION
                -- +goose Up
                -- +goose StatementBegin
                CREATE FUNCTION f() RETURNS INT LANGUAGE plpgsql AS $$
                BEGIN
                  RETURN 1;
                END $$;
                -- +goose StatementEnd
                CREATE TABLE t (countdown INT, -- not;
                  up INT); -- trailing
                SELECT 2; SELECT 3;

                -- +goose Down
                DROP TABLE t;
                DROP FUNCTION f;
                """,
            },
        )
        text = files["1_a.sql"]
        assert text.startswith("-- @transaction off\n")
        file = parse_file("1_a.sql", text, "1_a.sql")
        assert "countdown INT" in file.up_sql and "+goose" not in text
        assert file.down_sql == "DROP TABLE t;\nDROP FUNCTION f;"

    @pytest.mark.parametrize(
        ("text", "line", "word"),
        [
            ("-- +goose Up\nSELECT $$\n-- +goose Down\n$$;\n", 3, "does not end in"),
            ("-- +goose Up\nCREATE FUNCTION f() AS $$ a;\nb $$;\n", 2, "cuts the statements"),
            ("-- +goose Up\nSELECT 'a;\n b';\n", 2, "cuts the statements"),
            ("-- +goose Up\nSELECT 1;\n-- +goose Up\n", 3, "a second Up"),
            ("-- +goose Down\nSELECT 1;\n", 1, "Down comes before Up"),
            ("-- +goose Up\nSELECT 1\n-- +goose Down\n", 3, "does not end in"),
            ("-- +goose Up\nSELECT 1\n", 3, "does not end in"),
            ("-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n", 2, "without StatementEnd"),
            ("-- +goose Up\n-- +goose StatementEnd\n", 2, "without StatementBegin"),
            ("-- +goose Up\n-- +goose Sideways\nSELECT 1;\n", 2, "no annotation"),
            ("-- +goose Up\n  -- +goose Down\nSELECT 1;\n", 2, "blanks before"),
            ("SELECT 1;\n-- +goose Up\n", 1, "before -- +goose Up"),
            ("SELECT 1;\n", None, "no line -- +goose Up"),
            ("-- +goose Up\n-- +goose ENVSUB ON\nSELECT ${REGION};\n", 3, "no value"),
        ],
    )
    def test_what_goose_would_refuse_or_read_otherwise(
        self, text: str, line: int | None, word: str
    ) -> None:
        said = refused("goose", {"1_a.sql": text})
        assert any(one.startswith(f"1_a.sql:{line}: ") and word in one for one in said), said

    def test_nested_begin(self) -> None:
        text = "-- +goose Up\n-- +goose StatementBegin\n-- +goose StatementBegin\nSELECT 1;\n"
        said = refused("goose", {"1_a.sql": text + "-- +goose StatementEnd\n"})
        assert said[0].startswith("1_a.sql:3: StatementBegin inside")

    def test_variables(self) -> None:
        text = (
            "-- +goose Up\n-- +goose ENVSUB ON\nSELECT '${REGION}', '${ZONE:-a}';\n"
            "-- +goose ENVSUB OFF\nSELECT '${REGION}';\n"
        )
        files = made("goose", {"1_a.sql": text}, variables={"REGION": "eu"})
        assert "SELECT 'eu', 'a';" in files["1_a.sql"]
        assert "SELECT '${REGION}';" in files["1_a.sql"]

    def test_go(self) -> None:
        program = "package m\nfunc init() { goose.AddMigration(up, down) }\n"
        (said,) = refused("goose", {"1_a.go": program, "2_b.sql": "-- +goose Up\nSELECT 1;\n"})
        assert said.startswith("1_a.go:None: is a program in Go")

    def test_crlf(self) -> None:
        text = b"-- +goose Up\r\nCREATE TABLE t (i INT);\r\n-- +goose Down\r\nDROP TABLE t;"
        assert made("goose", {"1_a.sql": text})["1_a.sql"] == (
            "CREATE TABLE t (i INT);\n\n-- @UNDO\n\nDROP TABLE t;\n"
        )

    def test_rockhopper(self) -> None:
        text = "-- @package main\n-- +up\nCREATE TABLE t (i INT);\n-- +down\nDROP TABLE t;\n"
        files = made("rockhopper", {"1_a.sql": text})
        assert files["1_a.sql"] == "CREATE TABLE t (i INT);\n\n-- @UNDO\n\nDROP TABLE t;\n"
        other = text.replace("main", "other")
        assert "another package" in refused("rockhopper", {"1_a.sql": text, "2_a.sql": other})[0]

    def test_sql_migrate(self) -> None:
        text = "-- +migrate Up notransaction\nVACUUM;\n-- +migrate Down notransaction\nANALYZE;\n"
        assert made("sql-migrate", {"1_a.sql": text})["1_a.sql"] == (
            "-- @transaction off\nVACUUM;\n\n-- @UNDO\n\nANALYZE;\n"
        )

    def test_sql_migrate_s_comments_and_empty_lines(self) -> None:
        """It leaves out each line that begins with ``-- ``, also in a function's body."""
        table = "CREATE TABLE t (\n-- the key\n\n    i INT\n);\n"
        body = "CREATE FUNCTION f() RETURNS INT LANGUAGE sql AS $$\n-- one\n SELECT 1;\n$$;\n"
        text = (
            "/* (c) 2024; all of us */\n-- what it is for\n\n-- +migrate Up\n-- a table\n"
            f"{table}-- +migrate StatementBegin\n{body}-- +migrate StatementEnd\nSELECT 2;\n"
        )
        (file,) = made("sql-migrate", {"1_a.sql": text}).values()
        assert file.startswith(f"-- a table\n{table}")
        assert body.replace("-- one\n", "") in file
        assert "(c)" not in file and "SELECT 2;" in file

    def test_sql_migrate_s_head(self) -> None:
        text = "/* for\n all */\nSELECT 1;\n-- +migrate Up\nSELECT 2;\n"
        (said,) = refused("sql-migrate", {"1_a.sql": text})
        assert said.startswith("1_a.sql:3: has SQL before")


class TestTern:
    SEPARATOR = "---- create above / drop below ----"

    def test_parts(self) -> None:
        files = made(
            "tern",
            {
                "001_a.sql": f"CREATE TABLE t (i INT);\n{self.SEPARATOR}\nDROP TABLE t;\n",
                "002_b.sql": "---- tern: disable-tx ----\nVACUUM;\n",
                "shared/x.sql": "SELECT 1;",
            },
        )
        assert files["1_a.sql"].partition("-- @UNDO")[2].strip() == "DROP TABLE t;"
        assert files["2_b.sql"] == "-- @transaction off\nVACUUM;\n"

    def test_refused(self) -> None:
        one = "SELECT 1;"
        assert "2 is missing" in refused("tern", {"1_a.sql": one, "3_b.sql": one})[0]
        assert "same version" in refused("tern", {"1_a.sql": one, "01_b.sql": one})[0]
        assert refused("tern", {"1_a.sql": 'SELECT 1;\n{{ template "shared/x.sql" . }}'})[0] == (
            '1_a.sql:2: {{ template "shared/x.sql" . }} is a Go template, which only the old tool'
            " renders"
        )
        text = f"---- tern: disable-tx ----\nSELECT 1;\n{self.SEPARATOR}\nSELECT 2;\n"
        assert "one direction in a transaction" in refused("tern", {"1_a.sql": text})[0]

    def test_a_value(self) -> None:
        files = made("tern", {"1_a.sql": "CREATE SCHEMA {{ .app }};"}, variables={"app": "shop"})
        assert files["1_a.sql"] == "CREATE SCHEMA shop;\n"


class TestFlyway:
    def test_versions(self) -> None:
        files = made(
            "flyway",
            {
                "sql/V1__first_one.sql": "CREATE TABLE t (i INT);",
                "sql/more/V1_2__second.sql": "CREATE TABLE u (i INT);",
                "sql/V1.10.3__third.sql": "CREATE TABLE v (i INT);",
                "sql/U1.2.0__second.sql": "DROP TABLE u;",
            },
        )
        assert list(files) == [
            "1000000_first_one.sql",
            "1002000_second.sql",
            "1010003_third.sql",
        ]
        assert files["1002000_second.sql"].endswith("-- @UNDO\n\nDROP TABLE u;\n")
        assert files["1010003_third.sql"].startswith("-- was V1.10.3__third.sql\n")

    def test_whole_numbers_stay(self) -> None:
        files = made("flyway", {"V20240101__a.sql": "SELECT 2;", "V3__b.sql": "SELECT 3;"})
        assert sorted(files) == ["20240101_a.sql", "3_b.sql"]

    @pytest.mark.parametrize(
        ("name", "word"),
        [
            ("R__view.py", "program"),
            ("V2__x.java", "program"),
            ("V1.0__again.sql", "same version"),
            ("U7__x.sql", "no file"),
            ("B5__base.sql", "baseline"),
            ("afterMigrate__x.sql", "callback"),
            ("Vx__y.sql", "no number"),
        ],
    )
    def test_refused(self, name: str, word: str) -> None:
        said = refused("flyway", {"V1__a.sql": "SELECT 2;", name: "SELECT 1;"})
        assert any(name in one and word in one for one in said), said

    def test_placeholders(self) -> None:
        text = "SELECT 1;\nSELECT '${Region}', '${flyway:user}';"
        said = refused("flyway", {"V1__a.sql": text})
        assert [one.split(" has")[0] for one in said] == [
            "V1__a.sql:2: ${Region}",
            "V1__a.sql:2: ${flyway:user}",
        ]
        files = made("flyway", {"V1__a.sql": text}, variables={"region": "eu", "flyway:user": "x"})
        assert "SELECT 'eu', 'x';" in files["1_a.sql"]
        plain = {"V1__a.sql": text, "V1__a.sql.conf": "placeholderReplacement=false"}
        assert "${Region}" in made("flyway", plain)["1_a.sql"]

    def test_conf(self) -> None:
        texts = {"V1__a.sql": "VACUUM;", "V1__a.sql.conf": "executeInTransaction = false\n"}
        assert made("flyway", texts)["1_a.sql"].startswith("-- @transaction off")
        texts["V1__a.sql.conf"] = "shouldExecute=${x}\n"
        assert "V1__a.sql.conf:1: the setting shouldExecute" in refused("flyway", texts)[0]

    def test_checksum(self) -> None:
        """CRC32 over the lines, whatever ends them, as a signed number."""
        assert checksum("a\r\nb\n") == checksum("a\nb") == checksum("a\rb\r")
        crc = zlib.crc32(b"ab")
        assert checksum("a\nb") == (crc - 2**32 if crc >= 2**31 else crc)
        assert checksum("") == 0

    def test_refinery(self) -> None:
        """Its U goes forward."""
        texts = {"V1__a.sql": "CREATE TABLE t (i INT);", "U2__b.sql": "CREATE TABLE u (i INT);"}
        files = made("refinery", texts)
        assert "CREATE TABLE u" in files["2_b.sql"]
        assert "Rust" in refused("refinery", {**texts, "V3__c.rs": "fn"})[0]


class TestLiquibase:
    def test_change_sets(self) -> None:
        files = made(
            "liquibase",
            {
                "a.sql": """
                --liquibase formatted sql

                --changeset ann:create-users context:prod,staging
                --comment what it is for
                CREATE TABLE users (rollback_count INT);
                -- an ordinary comment
                --rollback DROP TABLE users;

                -- changeset "bob b":2 runInTransaction:false splitStatements:false
                VACUUM;
                /* liquibase rollback
                ANALYZE;
                */

                --changeset ann:3 endDelimiter:/
                SELECT 1
                /
                SELECT 2
                /
                --rollback empty
                --changeset ann:4 dbms:mysql
                CREATE TABLE no (i INT) ENGINE=InnoDB;
                """,
            },
        )
        assert list(files) == ["1_create_users.sql", "2_change.sql", "3_change.sql"]
        first = files["1_create_users.sql"]
        assert first.startswith("-- was ann:create-users\n-- @environments prod, staging\n")
        assert "rollback_count INT" in first and first.endswith("-- @UNDO\n\nDROP TABLE users;\n")
        assert "-- @transaction off" in files["2_change.sql"]
        assert files["2_change.sql"].rstrip().endswith("ANALYZE;")
        assert "@UNDO" not in files["3_change.sql"]

    @pytest.mark.parametrize(
        ("attributes", "word"),
        [
            ("runAlways:true", "every time"),
            ("runOnChange:true", "whenever it changes"),
            ("failOnError:false", "goes on"),
            ("context:!prod", "contexts"),
            ('context:"a and b"', "contexts"),
            ("endDelimiter:@@", "'@@'"),
            ("runWith:psql", "runwith"),
        ],
    )
    def test_refused(self, attributes: str, word: str) -> None:
        text = f"--liquibase formatted sql\n--changeset a:1 {attributes}\nSELECT 1;\n"
        (said,) = refused("liquibase", {"a.sql": text})
        assert said.startswith("a.sql:2: a:1") and word in said

    def test_preconditions(self) -> None:
        text = (
            "--liquibase formatted sql\n--changeset a:1\n--preconditions onFail:MARK_RAN\n"
            "--precondition-sql-check expectedResult:0 SELECT 1\nSELECT 1;\n"
        )
        said = refused("liquibase", {"a.sql": text})
        assert said[0].startswith("a.sql:3: has preconditions")

    def test_the_master_orders(self) -> None:
        one = "--liquibase formatted sql\n--changeset a:{}\nSELECT {};\n"
        texts = {
            "db/a.sql": one.format("x", 2),
            "db/b.sql": one.format("y", 3),
            "db/c.sql": one.format("z", 4),
        }
        xml = """<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog">
            <include file="db/b.sql"/><include file="classpath:db/a.sql"/></databaseChangeLog>"""
        yaml = """
            databaseChangeLog:
              - include:
                  file: db/b.sql
              - include: {file: db/a.sql}
            """
        jsons = '{"databaseChangeLog": [{"include": {"file": "db/b.sql"}},'
        jsons += '{"include": {"file": "db/a.sql"}}]}'
        for name, text in (("m.xml", xml), ("m.yaml", yaml), ("m.json", jsons)):
            found = imported("liquibase", {**texts, name: text})
            assert [one.old.key for one in found.files] == ["a:y", "a:x"], name
            assert any(note.name == "db/c.sql" for note in found.notes)

    def test_changes_that_are_no_sql(self) -> None:
        xml = (
            '<databaseChangeLog>\n<changeSet id="1" author="a"><createTable tableName="t"/>'
            "</changeSet></databaseChangeLog>"
        )
        found = imported("liquibase", {"m.xml": xml})
        (one,) = found.refused
        assert one.line == 2 and "update-sql" in str(one.hint)
        yaml = "databaseChangeLog:\n  - changeSet:\n      id: 1\n"
        assert refused("liquibase", {"m.yaml": yaml})[0].startswith("m.yaml:2: ")

    def test_properties(self) -> None:
        text = (
            "--liquibase formatted sql\n--property name:t value:users\n--changeset a:1\n"
            "CREATE TABLE ${t} (i INT DEFAULT '${other}');\n"
        )
        found = imported("liquibase", {"a.sql": text})
        assert not found.refused
        assert "CREATE TABLE users (i INT DEFAULT '${other}')" in found.files[0].text


class TestPrisma:
    def test_folders(self) -> None:
        files = made(
            "prisma",
            {
                "migration_lock.toml": 'provider = "postgresql"\n',
                "20240101000000_init/migration.sql": "-- CreateTable\nCREATE TABLE t (i INT);",
                "20240102000000_empty/migration.sql": "-- This is an empty migration.",
            },
        )
        assert list(files) == ["20240101000000_init.sql", "20240102000000_empty.sql"]
        assert files["20240102000000_empty.sql"].endswith("SELECT 1;\n")

    def test_of_another_server(self) -> None:
        texts = {"migration_lock.toml": 'provider = "mysql"', "1_a/migration.sql": "SELECT 1;"}
        assert "for mysql" in refused("prisma", texts)[0]


class TestDiesel:
    def test_folders(self) -> None:
        files = made(
            "diesel",
            {
                "00000000000000_diesel_initial_setup/up.sql": BODY,
                "00000000000000_diesel_initial_setup/down.sql": "DROP FUNCTION f;",
                "2024-01-02-030405_a/up.sql": "CREATE INDEX CONCURRENTLY a ON t (i);",
                "2024-01-02-030405_a/metadata.toml": "run_in_transaction = false\n",
            },
        )
        assert list(files) == ["0_diesel_initial_setup.sql", "20240102030405_a.sql"]
        assert files["20240102030405_a.sql"].startswith("-- @transaction off")

    def test_refused(self) -> None:
        assert "no number" in refused("diesel", {"a1_x/up.sql": "SELECT 1;"})[0]
        texts = {"1_x/up.sql": "SELECT 1;", "1_x/metadata.toml": "other = 1"}
        assert "the setting other" in refused("diesel", texts)[0]


class TestSqlx:
    def test_kinds(self) -> None:
        assert list(
            made("sqlx", {"1_a.sql": "SELECT 2;", "2_b.sql": "-- no-transaction\nVACUUM;"})
        ) == ["1_a.sql", "2_b.sql"]
        files = made("sqlx", {"1_a.up.sql": "-- no-transaction\nVACUUM;"})
        assert "@transaction off" in files["1_a.sql"]
        files = made("sqlx", {"1_a.up.sql": "SELECT 2;\n-- no-transaction\n"})
        assert "@transaction off" not in files["1_a.sql"]

    def test_refused(self) -> None:
        texts = {"1_a.sql": "SELECT 2;", "2_b.up.sql": "SELECT 2;"}
        assert "both kinds" in refused("sqlx", texts)[0]
        texts = {"1_a.up.sql": "-- no-transaction\nVACUUM;", "1_a.down.sql": "SELECT 2;"}
        assert "-- no-transaction" in refused("sqlx", texts)[0]


class TestPop:
    def test_dialects(self) -> None:
        texts = {
            "20240101_a.up.sql": "SELECT 2;",
            "20240101_a.cockroach.up.sql": "SELECT 3;",
            "20240101_a.down.sql": "SELECT 4;",
            "20240102_b.mysql.up.sql": "SELECT 5;",
            "20240103_c.cockroach.autocommit.up.sql": "SELECT 6;",
        }
        files = made("pop", texts)
        assert list(files) == ["20240101_a.sql", "20240103_c.sql"]
        assert files["20240101_a.sql"] == "SELECT 3;\n\n-- @UNDO\n\nSELECT 4;\n"
        assert files["20240103_c.sql"].startswith("-- @transaction off")
        assert "SELECT 2" in made("pop", texts, dialect="postgres")["20240101_a.sql"]
        both = {**texts, "20240101_a.postgres.up.sql": "SELECT 7;"}
        assert "say" not in refused("pop", both)[0] and "cockroach" in refused("pop", both)[0]
        assert "SELECT 7" in made("pop", both, dialect="postgresql")["20240101_a.sql"]

    def test_refused(self) -> None:
        texts = {"1_a.up.sql": 'CREATE TABLE {{ index .Options "Namespace" }}.t (i INT);'}
        assert "auth.t" in made("pop", texts, variables={"Namespace": "auth"})["1_a.sql"]
        assert refused("pop", texts)[0].startswith("1_a.up.sql:1: {{ index .Options")
        assert "fizz" in refused("pop", {"1_a.up.fizz": 'sql("x")'})[0]
        assert refused("pop", {"1_a.up.sql": "SELECT 1;\n{{ .x }}"})[0].startswith("1_a.up.sql:2:")


class TestYoyo:
    def test_order(self) -> None:
        files = made(
            "yoyo",
            {
                "b-first.sql": "-- depends:\nCREATE TABLE b (i INT);",
                "a-second.sql": "-- depends: b-first\n-- transactional: false\nVACUUM;",
                "b-first.rollback.sql": "DROP TABLE b;",
            },
        )
        assert list(files) == ["1_b_first.sql", "2_a_second.sql"]
        assert files["2_a_second.sql"].startswith("-- was a-second.sql\n-- @transaction off\n")
        assert files["1_b_first.sql"].endswith("-- @UNDO\n\nDROP TABLE b;\n")

    def test_its_own_names(self) -> None:
        files = made(
            "yoyo",
            {
                "20240101_01_abcde-users.sql": "CREATE TABLE a (i INT);",
                "20240101_02_xyz12-more.sql": "-- depends: 20240101_01_abcde-users\nSELECT 2;",
            },
        )
        assert list(files) == ["2024010101_abcde_users.sql", "2024010102_xyz12_more.sql"]

    def test_refused(self) -> None:
        one = {"1.sql": "SELECT 2;"}
        assert "Python" in refused("yoyo", {**one, "2.py": "from yoyo import step\n"})[0]
        assert "after every apply" in refused("yoyo", {**one, "post-apply.sql": "SELECT 1;"})[0]
        assert "has no file" in refused("yoyo", {"1.sql": "-- depends: 0\nSELECT 2;"})[0]
        circle = {"1.sql": "-- depends: 2\nSELECT 2;", "2.sql": "-- depends: 1\nSELECT 2;"}
        assert "circle" in refused("yoyo", circle)[0]
        assert "no file" in refused("yoyo", {**one, "0.rollback.sql": "SELECT 2;"})[0]

    def test_depends_after_the_first_statement_is_a_comment(self) -> None:
        files = made("yoyo", {"1.sql": "SELECT 2;\n-- depends: nobody\n"})
        assert "-- depends: nobody" in files["1_migration.sql"]


class TestSqitch:
    PLAN = """
        %syntax-version=1.0.0
        %project=shop

        users 2024-01-01T00:00:00Z Ann <ann@example.com> # the users
        flips [users] 2024-01-02T00:00:00Z Ann <ann@example.com>
        @v1 2024-01-03T00:00:00Z Ann <ann@example.com> # tag

        users [users@v1] 2024-01-04T00:00:00Z Ann <ann@example.com> # rework
        """

    def test_plan_and_rework(self) -> None:
        script = "-- Deploy shop:x to pg\nBEGIN;\nCREATE TABLE {} (at TIME, i INT[]);\nCOMMIT;\n"
        files = made(
            "sqitch",
            {
                "sqitch.plan": self.PLAN,
                "deploy/users@v1.sql": script.format("users"),
                "deploy/users.sql": "BEGIN;SELECT '1'::INT, i[1:2], ':x', '\\i' FROM users;END;",
                "deploy/flips.sql": script.format("flips"),
                "revert/flips.sql": "-- Revert\nBEGIN;\nDROP TABLE flips;\nCOMMIT;\n",
                "verify/flips.sql": "SELECT 1;",
            },
        )
        assert list(files) == ["1_users.sql", "2_flips.sql", "3_users.sql"]
        assert files["1_users.sql"].startswith("-- was users@v1: the users\n")
        assert "BEGIN" not in files["2_flips.sql"] and "DROP TABLE flips" in files["2_flips.sql"]

    def test_which_tag_a_reworked_script_has(self) -> None:
        """The last before the next rework that there is a script for, or an earlier one."""
        at = "2024-01-01T00:00:00Z A <a@example.com>"
        plan = f"a {at}\n@v1 {at}\nb {at}\n@v2 {at}\n@v3 {at}\na {at}\n@v4 {at}\na {at}\n@v5 {at}\n"
        texts = {"sqitch.plan": plan, "deploy/b.sql": "SELECT 2;", "deploy/a.sql": "SELECT 5;"}
        texts["deploy/a@v4.sql"] = "SELECT 4;"
        (said,) = refused("sqitch", texts)
        assert "deploy/a@v2.sql is not there" in said
        for tag in ("v1", "v3", "v2"):
            texts[f"deploy/a@{tag}.sql"] = f"SELECT '{tag}';"
            files = made("sqitch", texts)
            assert f"SELECT '{tag}';" in files["1_a.sql"]
            assert "SELECT 4;" in files["3_a.sql"] and "SELECT 5;" in files["4_a.sql"]

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("BEGIN;\n\\i other.sql\nCOMMIT;", 2),
            ("SELECT :'name';", 1),
            ("SELECT 1;\nCREATE TABLE :name (i INT);", 2),
            ('SELECT :"name";', 1),
        ],
    )
    def test_psql(self, text: str, line: int) -> None:
        plan = "a 2024-01-01T00:00:00Z A <a@example.com>\n"
        said = refused("sqitch", {"sqitch.plan": plan, "deploy/a.sql": text})
        assert said[0].startswith(f"deploy/a.sql:{line}: ")

    def test_another_folder(self) -> None:
        texts = {
            "sqitch.plan": "of another time 2024-01-01T00:00:00Z A <a@example.com>\n",
            "sqitch.conf": "[core]\n\tengine = pg\n\ttop_dir = sql\n",
            "sql/deploy/a.sql": "SELECT 2;",
            "sql/sqitch.plan": "a 2024-01-01T00:00:00Z A <a@example.com>\n",
        }
        assert list(made("sqitch", texts)) == ["1_a.sql"]
        texts["sqitch.conf"] = "[core]\n\tdeploy_dir = up\n"
        assert refused("sqitch", texts)[0].startswith("sqitch.conf:2: ")

    def test_refused(self) -> None:
        plan = "a [other:b] 2024-01-01T00:00:00Z A <a@example.com>\nwhat\n"
        said = refused("sqitch", {"sqitch.plan": plan})
        assert said[0].startswith("sqitch.plan:1: depends on other:b")
        assert said[1].startswith("sqitch.plan:2: 'what'")
        assert "is not there" in said[2]


class TestOthers:
    def test_supabase(self) -> None:
        files = made("supabase", {"20240101000000_a.sql": BODY})
        assert files == {"20240101000000_a.sql": BODY}

    def test_atlas(self) -> None:
        texts = {
            "20240101_a.sql": "-- atlas:txmode none\n-- atlas:nolint DS102\n\nVACUUM;",
            "20240102.sql": "SELECT 2;",
        }
        files = made("atlas", texts)
        assert files["20240101_a.sql"].startswith("-- @transaction off\n-- (was) atlas:txmode none")
        assert "20240102_migration.sql" in files
        assert (
            "atlas:delimiter" in refused("atlas", {"1_a.sql": "-- atlas:delimiter x\nSELECT 1;"})[0]
        )

    def test_atlas_sum(self) -> None:
        # What `atlas migrate hash` writes for these two files.
        texts = {"1_a.sql": "SELECT 1;\n", "2_b.sql": "SELECT 2;\n"}
        import base64
        import hashlib

        one = hashlib.sha256(b"1_a.sqlSELECT 1;\n")
        two = one.copy()
        two.update(b"2_b.sqlSELECT 2;\n")
        lines = [
            f"1_a.sql h1:{base64.b64encode(one.digest()).decode()}",
            f"2_b.sql h1:{base64.b64encode(two.digest()).decode()}",
        ]
        summed = {**texts, "atlas.sum": "h1:x=\n" + "\n".join(lines) + "\n"}
        assert len(made("atlas", summed)) == 2
        changed = {**summed, "2_b.sql": "SELECT 3;\n"}
        assert refused("atlas", changed)[0].startswith("2_b.sql:None: is not what atlas.sum says")

    def test_manticore_0_3(self) -> None:
        files = made("manticore-0.3", {"V1__a.sql": "SELECT 2;\n-- DOWN\nSELECT 3;\n"})
        assert files == {"1_a.sql": "SELECT 2;\n\n-- @UNDO\n\nSELECT 3;\n"}

    def test_postgrator(self) -> None:
        texts = {
            "001.do.users.sql": "CREATE TABLE t (i INT);",
            "001.undo.users.sql": "DROP TABLE t;",
        }
        assert list(made("postgrator", texts)) == ["1_users.sql"]

    def test_node_pg_migrate(self) -> None:
        text = "-- Up Migration\nCREATE TABLE t (i INT);\n-- Down Migration\nDROP TABLE t;\n"
        files = made("node-pg-migrate", {"1700000000000_users.sql": text})
        assert files["1700000000000_users.sql"].endswith("-- @UNDO\n\nDROP TABLE t;\n")
        program = {"1700000000000_users.js": "exports.up = (pgm) => pgm.sql('x')"}
        assert "program" in refused("node-pg-migrate", program)[0]


def test_a_value_that_nothing_asks_for(manticore: Manticore, tree: Tree) -> None:
    source = str(tree({"V1__a.sql": "SELECT '${region}';"}))
    err = manticore("import", "flyway", source, "--var", "regoin=eu", code=1).err
    assert "nothing asks for the value of regoin" in err
    err = manticore("import", "flyway", source, "--var", "region=eu").err
    assert "nothing asks" not in err


class TestProof:
    def test_a_line_that_is_lost_is_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever line of a converted file is dropped: the file is refused."""
        from manticore_cockroachdb.importing import convert

        texts = {
            "1_a.up.sql": "CREATE TABLE t (\n  i INT,\n  j INT\n);\nCREATE INDEX x ON t (j);\n",
            "1_a.down.sql": "DROP INDEX x;\nDROP TABLE t;\n",
        }
        whole = made("golang-migrate", texts)["1_a.sql"].split("\n")
        dropped = 0
        for number, line in enumerate(whole):
            if not line.strip():
                continue
            monkeypatch.setattr(
                convert,
                "render",
                lambda up, down, n=number: "\n".join(whole[:n] + whole[n + 1 :]),
            )
            assert refused("golang-migrate", texts), line
            dropped += 1
        assert dropped == 8

    def test_partial_stops_before_the_first(self) -> None:
        texts = {
            "1_a.up.sql": "SELECT 2;",
            "2_b.up.sql": "SELECT 'x;",
            "3_c.up.sql": "SELECT 3;",
        }
        found = imported("golang-migrate", texts, partial=True)
        assert [one.name for one in found.files] == ["1_a.sql"] and len(found.refused) == 1

    def test_what_is_left_is_said(self) -> None:
        found = imported("golang-migrate", {"1_a.up.sql": "SELECT 2;", "seed.sql": "SELECT 1;"})
        assert [(one.name, one.message) for one in found.notes] == [
            ("seed.sql", "is no migration to golang-migrate and was left")
        ]

    def test_long_names(self) -> None:
        """Cut to what a name of a file can hold; the table of old names has the whole one."""
        (one,) = imported("golang-migrate", {f"1_{'ö' * 120}.up.sql": "SELECT 2;"}).files
        assert one.name == f"1_{'ö' * 75}.sql"
        assert one.old.origin == (f"1_{'ö' * 120}.up.sql",)

    def test_names_without_a_letter(self) -> None:
        text = "--liquibase formatted sql\n--changeset ann:12/\nSELECT 2;\n"
        assert list(made("liquibase", {"a.sql": text})) == ["1_change.sql"]


class TestOwnTable:
    """Migrations that name the history table of their own tool, which it makes before them."""

    def test_the_first_that_names_it_makes_it(self) -> None:
        texts = {
            "1_a.sql": "CREATE TABLE t (note TEXT DEFAULT '_sqlx_migrations');",
            "2_b.sql": "-- no-transaction\nDELETE FROM public._sqlx_migrations WHERE true;\n",
            "3_c.sql": 'GRANT SELECT ON "_sqlx_migrations" TO PUBLIC;',
        }
        found = imported("sqlx", texts)
        files = {one.name: one.text.splitlines() for one in found.files}
        assert files["2_b.sql"][:2] == [
            "-- @transaction off",
            "-- sqlx's own table, which this file names",
        ]
        assert files["2_b.sql"][2].startswith(
            "CREATE TABLE IF NOT EXISTS _sqlx_migrations (version"
        )
        assert not any("CREATE TABLE IF" in line for line in files["1_a.sql"] + files["3_c.sql"])
        assert [one.name for one in found.notes] == ["2_b.sql"]

    def test_one_that_makes_it_itself(self) -> None:
        text = (
            "CREATE TABLE IF NOT EXISTS public.schema_version (version INT4 NOT NULL);\nSELECT 2;"
        )
        texts = {"1_a.sql": text, "2_b.sql": "GRANT SELECT ON schema_version TO PUBLIC;"}
        assert [one.strip() for one in made("tern", texts).values()] == list(texts.values())

    def test_with_a_transaction_of_its_own(self) -> None:
        text = "BEGIN;\nGRANT SELECT ON schema_migrations TO PUBLIC;\nCOMMIT;\n"
        (file,) = made("golang-migrate", {"1_a.up.sql": text}).values()
        assert file.splitlines()[1:] == [
            "CREATE TABLE IF NOT EXISTS schema_migrations"
            " (version BIGINT NOT NULL PRIMARY KEY, dirty BOOLEAN NOT NULL);",
            "GRANT SELECT ON schema_migrations TO PUBLIC;",
        ]
