"""Migration files: names, parts, directives, checksums, and everything that can be wrong."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticore_cockroachdb.errors import FileError
from manticore_cockroachdb.migrations import program
from manticore_cockroachdb.migrations.file import (
    check_unique,
    checksum,
    decode,
    file_name,
    parse_file,
    parse_name,
    render,
    statements,
)
from manticore_cockroachdb.parser import client


def parsed(text, name="1_x.sql"):
    return parse_file(name, text, f"migrations/{name}")


GUIDE = """-- Forward migration
CREATE TABLE users (id UUID PRIMARY KEY);

-- @UNDO

-- Undo migration
DROP TABLE users;
"""


def test_the_guides_file():
    file = parsed(GUIDE, "20230101120000_create_users_table.sql")
    assert (file.version, file.description) == (20230101120000, "create users table")
    assert "CREATE TABLE users" in file.up_sql
    assert "DROP" not in file.up_sql
    assert file.down_sql == "-- Undo migration\nDROP TABLE users;"
    (start, end), *rest = statements(file)
    assert file.text[start:end] == "CREATE TABLE users (id UUID PRIMARY KEY)"
    assert not rest
    (start, end), *rest = statements(file, down=True)
    assert file.text[start:end] == "DROP TABLE users"
    assert not rest


@pytest.mark.parametrize(
    "marker", ["-- @UNDO", "--@undo", "  --   @Undo  ", "-- @UNDO\r", "\t--\t@UNDO"]
)
def test_the_marker_with_any_spacing_and_case(marker):
    file = parsed(f"SELECT 1;\n{marker}\nSELECT 2;")
    assert file.down_sql == "SELECT 2;"
    assert "SELECT 2" not in file.up_sql


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES ('\n-- @UNDO\n');",
        'CREATE TABLE "\n-- @UNDO\n" (id INT8);',
        "DO $x$ BEGIN\n-- @UNDO\nEND $x$;",
        "/*\n-- @UNDO\n*/ SELECT 1;",
        "SELECT 1; SELECT 2 -- @UNDO",
    ],
)
def test_the_marker_is_data_anywhere_but_on_a_comment_line(text):
    assert parsed(text).down_sql is None


@pytest.mark.parametrize("text", [GUIDE.replace("\n", "\r\n"), GUIDE + "  \n\n", GUIDE.rstrip()])
def test_line_endings_and_trailing_space_do_not_change_the_checksum(text):
    assert parsed(text).checksum == parsed(GUIDE).checksum


def test_a_large_file_has_the_checksum_that_it_would_have_small():
    body = f"SELECT '{'é' * 1_500_000}'"
    assert checksum(f"\n {body}\t\n\n") == hashlib.sha256(body.encode()).hexdigest()
    assert checksum(" " * 1_500_000) == checksum("")


def test_a_changed_word_changes_the_checksum():
    assert parsed(GUIDE.replace("UUID", "INT8")).checksum != parsed(GUIDE).checksum


def test_a_changed_undo_does_not_change_the_checksum():
    assert parsed(GUIDE.replace("DROP TABLE", "DROP TABLE IF EXISTS")).checksum == (
        parsed(GUIDE).checksum
    )


@pytest.mark.parametrize(
    "text",
    [
        f"-- @allow no-undo: forward only\n{GUIDE}",
        GUIDE.replace("CREATE TABLE", "  -- @allow no-primary-key: x\r\nCREATE TABLE"),
        GUIDE.replace("-- @UNDO", "-- @allow drop-table: empty\n-- @UNDO"),
        f"{GUIDE}\n-- @allow drop-table: empty\n",
    ],
)
def test_what_is_said_to_the_linter_does_not_change_the_checksum(text):
    assert parsed(text).checksum == parsed(GUIDE).checksum


def test_other_comments_do_change_it():
    assert parsed(f"-- more\n{GUIDE}").checksum != parsed(GUIDE).checksum


def test_a_byte_order_mark_is_not_part_of_the_text():
    assert decode(b"\xef\xbb\xbfSELECT 1;", "x") == "SELECT 1;"


def test_directives():
    file = parsed("-- @transaction off\n-- @environments production, staging\nSELECT 1;")
    assert file.transaction is False
    assert file.environments == ("production", "staging")
    assert file.belongs_to("staging")
    assert not file.belongs_to("development")
    assert not file.belongs_to(None)
    assert parsed("SELECT 1").belongs_to(None)


WRONG_NAMES = {
    "no_version.sql": "has no version",
    "12a_x.sql": "has no version",
    "V1__x.sql": "has no version",
    "-1_x.sql": "has no version",
    "99999999999999999999_x.sql": "64 bits",
}


@pytest.mark.parametrize(("name", "message"), WRONG_NAMES.items())
def test_a_name_without_a_usable_version(name, message):
    with pytest.raises(FileError, match=message) as caught:
        parse_name(name, name)
    assert caught.value.hint


WRONG_TEXTS = {
    "SELECT 1;\n-- @UNDO\n-- @UNDO\n": ("second -- @UNDO", 3),
    "-- @undoo\nSELECT 1;": ("Unknown directive", 1),
    "-- @transaction maybe\nSELECT 1;": ("neither on nor off", 1),
    "-- @environments\nSELECT 1;": ("names none", 1),
}


@pytest.mark.parametrize(("text", "expected"), WRONG_TEXTS.items())
def test_wrong_directives_are_errors_with_a_place(text, expected):
    message, line = expected
    with pytest.raises(FileError, match=message) as caught:
        parsed(text)
    assert caught.value.line == line
    assert caught.value.path == "migrations/1_x.sql"


def test_an_unknown_directive_suggests_the_nearest():
    with pytest.raises(FileError) as caught:
        parsed("-- @enviroments production\nSELECT 1;")
    assert caught.value.hint == "did you mean -- @environments?"


@pytest.mark.parametrize("text", ["", "-- nothing\n", ";;\n", "-- @UNDO\nSELECT 1;"])
def test_an_empty_forward_part_is_an_error(text):
    with pytest.raises(FileError, match="forward part is empty"):
        statements(parsed(text))


@pytest.mark.parametrize(
    ("text", "kind", "line", "column"),
    [
        ("SELECT 1;\nSELECT 'abc;\n", "string", 2, 8),
        ("DO $$ BEGIN;\n", "dollar", 1, 4),
        ('SELECT "a', "identifier", 1, 8),
        ("SELECT 1 /* x", "comment", 1, 10),
    ],
)
def test_something_unterminated_is_an_error_with_line_and_column(text, kind, line, column):
    with pytest.raises(FileError, match=r"(?i)unterminated") as caught:
        statements(parsed(text))
    assert kind in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column)
    assert "^" in caught.value.excerpt


def test_bytes_that_are_not_utf8():
    with pytest.raises(FileError, match="0xff") as caught:
        decode(b"SELECT 1;\nSELECT '\xff';", "m/1_x.sql")
    assert (caught.value.line, caught.value.column) == (2, 9)


def test_two_files_of_one_version():
    one, two = parsed("SELECT 1", "1_a.sql"), parsed("SELECT 1", "01_b.sql")
    with pytest.raises(FileError, match=r"1_a\.sql.*01_b\.sql"):
        check_unique([one, two])


def test_versions_are_ordered_as_numbers():
    files = [parsed("SELECT 1", f"{v}_x.sql") for v in (10, 9, 100)]
    assert [f.version for f in check_unique(files)] == [9, 10, 100]


HOSTILE = ["../../etc/passwd", "a/b", 'it"s', "new\nline", "naïve", "x;DROP TABLE y--", "a\x00b"]


@pytest.mark.parametrize("description", HOSTILE)
def test_no_description_leads_out_of_the_directory(description):
    name = file_name(1, description)
    assert "/" not in name
    assert "\\" not in name
    assert "\x00" not in name
    assert "\n" not in name
    assert parse_name(name, name)[0] == 1


@pytest.mark.parametrize("description", ["", "///", "x" * 300])
def test_a_description_that_cannot_name_a_file(description):
    with pytest.raises(FileError):
        file_name(1, description)


SQL = st.sampled_from(["SELECT 1", "INSERT INTO t VALUES ('-- @UNDO')", "DO $$x;y$$", "-- c\nA"])


@given(st.lists(SQL, min_size=1).map(";\n".join), st.none() | SQL)
def test_parse_after_render_is_identity(up, down):
    file = parsed(render(up, down))
    assert file.up_sql.strip() == up
    assert file.down_sql == down
    assert file.checksum == checksum(up)


ROWS = "COPY public.t (a, n) FROM stdin;\n1\tO'Neil\n2\tx;y\n\\.\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (f"SET a = 1;\nCREATE TABLE t (a INT);\n\n{ROWS}SELECT 1;\n", 4, "COPY … FROM STDIN"),
        (f"-- dump\n\\restrict abc\n\n{ROWS}\\unrestrict abc\n", 2, "psql command"),
        ("SELECT 1;\n\\set x 'o\n", 2, "psql command"),
        ("SELECT 'x;\n\\restrict abc\n", 1, "Unterminated string"),
    ],
)
def test_a_dump_for_psql_is_refused_where_that_is_seen(text, line, message):
    with pytest.raises(FileError, match=message) as caught:
        statements(parsed(text))
    assert caught.value.line == line


def test_a_dump_s_schema_is_all_there_without_what_is_for_psql():
    text = f"\\restrict a\nCREATE TABLE t (a INT);\n{ROWS}ALTER TABLE t ADD b INT;\n"
    left = client.without(text)
    assert len(left) == len(text) and left.count("\n") == text.count("\n")
    assert " ".join(left.split()) == "CREATE TABLE t (a INT); ALTER TABLE t ADD b INT;"


@pytest.mark.parametrize("value, switches", [("True", ("all_rows",)), ("False", ()), ("1", ())])
def test_of_a_call_s_keywords_those_that_are_true_are_known(value: str, switches: tuple) -> None:
    (call,) = program.sent(f"def up(db):\n    db.delete('t', all_rows={value})\n")
    assert (call.method, call.text, call.switches) == ("delete", "t", switches)
