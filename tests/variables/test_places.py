"""What a place takes: a name, a value, a number, a piece of a quoted text; or it is unclear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manticore_cockroachdb.analysis.places import Form, Unclear, places, stand_in
from manticore_cockroachdb.errors import FileError
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.migrations.script import script_of, stood_in
from manticore_cockroachdb.migrations.values import Values
from manticore_cockroachdb.parser import nodes as n
from manticore_cockroachdb.parser.lex import tokens
from manticore_cockroachdb.parser.parse import parse
from manticore_cockroachdb.parser.split import split

# `@` is the variable.
NAMES = """
CREATE TABLE @ (id INT)
CREATE TABLE t (@ INT)
CREATE TABLE t (a INT, PRIMARY KEY (@))
CREATE TABLE t (a INT REFERENCES @ (id))
CREATE TABLE t (a INT) PARTITION BY LIST (@)
CREATE TABLE t (a INT, UNIQUE (a, @))
CREATE TABLE t (a INT COLLATE @)
CREATE TABLE t (a INT) WITH (@ = 1)
CREATE TABLE orders_@ (id INT)
CREATE TABLE @_orders (id INT)
CREATE TABLE a_@_b (id INT)
INSERT INTO @ VALUES (1)
INSERT INTO @.t VALUES (1)
INSERT INTO t (@) VALUES (1)
INSERT INTO t (a, @) VALUES (1, 2)
INSERT INTO a.b (@) VALUES (1)
INSERT INTO a.b.c (@) VALUES (1)
INSERT INTO t (a) VALUES (1) ON CONFLICT (@) DO NOTHING
INSERT INTO t (a) VALUES (1) ON CONFLICT (f(g(a)), @) DO NOTHING
UPDATE @ SET a = 1
UPDATE t SET @ = 1
UPDATE t SET a = ((1)), @ = 1
UPDATE t SET a = 1, b = f(1), @ = 2
UPDATE t SET a = b[1], @ = 2
UPDATE t SET (@) = (1)
UPDATE t SET (a, @) = (1, 2)
SELECT * FROM @
SELECT * FROM a, @
SELECT * FROM a JOIN @ ON a.b = 1
SELECT * FROM a JOIN b USING (@)
SELECT a AS @ FROM t
SELECT a::@ FROM t
SELECT a::@(10)
SELECT CAST(a AS @)
SELECT x.@ FROM t x
SELECT @.a FROM t
SELECT @.f(1)
SELECT * FROM a JOIN b ON a.x = b . @
SELECT @(1)
SELECT @2024
WITH @ AS (SELECT 1) SELECT 1
DELETE FROM t USING @ WHERE t.id = 1
GRANT SELECT ON t TO @
GRANT SELECT ON @ TO a
GRANT SELECT ON t TO a, @
GRANT SELECT ON a, @ TO b
REVOKE ALL ON t FROM a, @
GRANT @ TO r
GRANT @, a TO r
REVOKE @ FROM r
REVOKE ALL ON t FROM @
CREATE SCHEMA IF NOT EXISTS @
CREATE SCHEMA s AUTHORIZATION @
CREATE ROLE @
CREATE DATABASE @
ALTER TABLE t OWNER TO @
ALTER TABLE t ADD COLUMN @ INT
ALTER TABLE t RENAME TO @
ALTER TABLE t ALTER COLUMN a TYPE @
ALTER TABLE t ADD CONSTRAINT @ UNIQUE (a)
ALTER ROLE r RENAME TO @
ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO @
CREATE INDEX @ ON t (a)
CREATE INDEX i ON @ (a)
CREATE INDEX i ON t (@)
CREATE INDEX i ON t (a, @)
CREATE INDEX i ON t USING @ (a)
CREATE INDEX i ON t ((a::@))
CREATE INDEX i ON t USING btree (@)
CREATE INDEX i ON t (a) INCLUDE (@)
ALTER SEQUENCE s OWNED BY @
COMMENT ON TABLE @ IS 'x'
CREATE VIEW v AS SELECT * FROM @ WHERE r = 1
CREATE FUNCTION f() RETURNS @ LANGUAGE sql AS 'SELECT 1'
CREATE TRIGGER x BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION @()
CREATE POLICY p ON t TO @ USING (r = 1)
DROP TABLE @
DROP TABLE a, @
DROP FUNCTION f(@)
TRUNCATE @
CALL @()
SET @ = 'x'
SET @ TO 'x'
SET ROLE @
"""
VALUES = """
CREATE TABLE t (a INT DEFAULT @)
CREATE TABLE t (a INT CHECK (a > @))
CREATE TABLE p PARTITION OF t FOR VALUES IN (@)
CREATE TABLE p PARTITION OF t FOR VALUES FROM (1) TO (@)
INSERT INTO t VALUES (@)
INSERT INTO t (a, b) VALUES (1, @)
INSERT INTO t VALUES (1), (@)
INSERT INTO t VALUES (1) RETURNING @
INSERT INTO t VALUES (1) RETURNING a, @
INSERT INTO t SELECT 1, @
UPDATE t SET a = @
UPDATE t SET a = 1 WHERE b = @
UPDATE t SET a = 1, b = @
UPDATE t SET (a) = (@)
SELECT @ FROM t
SELECT a, @ FROM t
SELECT a, (b), @ FROM t
SELECT a[1], @ FROM t
SELECT @, a FROM t
SELECT 1 WHERE @ = a
(SELECT a, @ FROM t)
SELECT (SELECT a, @ FROM t)
SELECT 1 WHERE a IN (SELECT @)
WITH a AS (SELECT 1, @) SELECT * FROM a
SELECT @::text
SELECT f(@)
SELECT f(1, @)
SELECT f(g(1), @)
SELECT f((1), @)
SELECT f(@, g(1))
SELECT f(@)::text
SELECT s.f(@)
SELECT d.s.f(@)
SELECT cast(@ AS INT)
SELECT (a)[@]
SELECT a[1][@] FROM t
SELECT (@, 1)
SELECT extract(year FROM @)
SELECT 1 WHERE a IS DISTINCT FROM @
SELECT * FROM t WHERE r IN ('a', @)
SELECT * FROM t WHERE r = ANY (ARRAY[@])
SELECT * FROM t WHERE r LIKE @
SELECT * FROM t WHERE r SIMILAR TO @
SELECT * FROM t WHERE r BETWEEN @ AND 'b'
SELECT * FROM t WHERE NOT @
SELECT * FROM t WHERE (a, @) IN (SELECT 1, 2)
SELECT CASE WHEN a THEN @ END
SELECT interval @
SELECT a->@ FROM t
SELECT (@)
DELETE FROM t WHERE a = @
ALTER ROLE r PASSWORD @
ALTER ROLE r SET search_path TO @
ALTER ROLE r SET a.b TO @
ALTER DATABASE d SET a.b.c TO @
ALTER SYSTEM SET a TO @
ALTER SYSTEM SET a.b TO @
ALTER ROUTINE f SET a.b.c TO @
ALTER TABLE t ADD COLUMN a INT DEFAULT @
ALTER TABLE t ALTER COLUMN a SET DEFAULT @
ALTER TABLE t ALTER COLUMN a TYPE INT USING @
ALTER TABLE t ALTER COLUMN a TYPE INT USING (@)
ALTER TABLE t ALTER COLUMN a TYPE INT USING f(@)
ALTER TYPE t ADD VALUE @
CREATE INDEX i ON t (a) WHERE r = @
CREATE INDEX i ON t (lower(@))
CREATE INDEX i ON t ((a || @))
CREATE VIEW v AS SELECT * FROM t WHERE r = @
CREATE TYPE t AS ENUM ('a', @)
CREATE POLICY p ON t USING (r = @)
CREATE POLICY p ON t USING (@)
CREATE POLICY p ON t WITH CHECK (@)
CREATE FUNCTION f() RETURNS INT LANGUAGE sql RETURN @
COMMENT ON TABLE t IS @
SET search_path TO @
SET search_path = public, @
SET search_path TO public, @
SET a.b TO @
SET LOCAL a TO @
CALL s.p(1, @)
CALL p(@)
"""
NUMBERS = """
CREATE TABLE t (a VARCHAR(@))
CREATE TABLE t (a NUMERIC(@, 2))
CREATE TABLE t (a NUMERIC(10, @))
CREATE SEQUENCE s START @
CREATE SEQUENCE s START WITH @
CREATE SEQUENCE s INCREMENT @
CREATE SEQUENCE s MINVALUE @
CREATE SEQUENCE s INCREMENT BY @
ALTER SEQUENCE s RESTART WITH @
ALTER SEQUENCE s RESTART @
SELECT a FROM t OFFSET @
SELECT a FROM t LIMIT @
"""
UNCLEAR = """
SELECT a FROM t ORDER BY @
SELECT a FROM t ORDER BY a, @
SELECT a FROM t ORDER BY a @
SELECT a FROM t GROUP BY @
SELECT a FROM t GROUP BY a, @
SELECT f() OVER (PARTITION BY @)
SELECT f(a ORDER BY @)
SELECT f(a ORDER BY b, @)
SELECT * FROM t @
SELECT * FROM f() AS t(@)
SELECT * FROM t AS a (@)
SELECT * FROM (SELECT 1) AS a (@)
SELECT * FROM (SELECT 1) a (@)
SELECT * FROM "a" t (@)
WITH x (@) AS (SELECT 1) SELECT * FROM x
WITH RECURSIVE x (@) AS (SELECT 1) SELECT * FROM x
GRANT @ ON t TO r
GRANT a, @ TO r
REVOKE @ ON t FROM r
CREATE TYPE t AS (a @)
SET TIME ZONE @
NOTIFY @
ALTER TABLE t @ COLUMN a INT
CREATE SEQUENCE s START 5 @
COPY t FROM @.a
CREATE @ TABLE t (a INT)
SOMETHING UNHEARD OF @
CREATE FUNCTION f() RETURNS INT LANGUAGE sql AS $$ SELECT @ $$
DO $x$ BEGIN PERFORM @; END $x$
SELECT 1 -- @
SELECT 1 /* @ */
SELECT /* @ */ 1
SELECT -- @\\n 1
SELECT 1@
SELECT 1.@
SELECT @.5
SELECT 'a'@
SELECT @'a'
SELECT "a"@
SELECT @"a"
SELECT $a$b$a$@
SELECT U&"@"
SELECT U&'@'
SELECT x'@'
SELECT b'@'
SELECT 'a' -- it's @\\n'b'
SELECT E'a' -- @\\n  -- more\\n 'b'
"""


def _cases(table):
    lines = table.strip().splitlines()
    return [line.replace("@", "${x}").replace("\\n", "\n") for line in lines]


def _forms(sql):
    found = places(sql, list(split(sql)), {"x"})
    assert len(stand_in(sql, found)) == len(sql)
    return {one.form for one in found}


@pytest.mark.parametrize("sql", _cases(NAMES))
def test_a_name(sql):
    assert _forms(sql) == {Form.NAME}


@pytest.mark.parametrize("sql", _cases(VALUES))
def test_a_value(sql):
    assert _forms(sql) == {Form.VALUE}


@pytest.mark.parametrize("sql", _cases(NUMBERS))
def test_a_number(sql):
    assert _forms(sql) == {Form.NUMBER}


@pytest.mark.parametrize("sql", _cases(UNCLEAR))
def test_unclear(sql):
    with pytest.raises(Unclear) as error:
        _forms(sql)
    assert error.value.offset == sql.index("${x}")


QUOTES = "write it in quotes: \"${x}\" is a name, '${x}' a text"
COMMENT = "write x without ${} there; no directive takes a variable"
BESIDE = "put it inside of the quotes, or a blank between"
BODY = (
    "write the body as a '…' string with '' for each quote in it, or let it read"
    " current_setting('…')"
)
SOME = ", which takes only some characters"
UNREAD = "is not understood, so what it may be is unclear"
EITHER = "is a name or a value here is not plain to see"
KEYWORD = "may be a name or a value or a keyword here: what is meant is not plain to see"


@pytest.mark.parametrize(
    ("sql", "why", "hint"),
    [
        ("SELECT 1@", "@ stands inside of a number", QUOTES),
        ("SELECT 1.@", "@ stands inside of a number", QUOTES),
        ("SELECT @.5", "@ stands inside of a number", QUOTES),
        ("SELECT f(@.5)", "@ stands inside of a number", QUOTES),
        ("SELECT 'a'@", "@ touches a quoted text", BESIDE),
        ("SELECT 1 -- @", "@ stands in a comment, where it would not be replaced", COMMENT),
        ("SELECT /* @ */ 1", "@ stands in a comment, where it would not be replaced", COMMENT),
        ("DO $$ @ $$", "@ stands in dollar quotes, where it may be anything", BODY),
        ("SELECT U&'@'", f"@ stands in a constant U&…{SOME}", "write it as '@' and cast that"),
        ("SELECT x'@'", f"@ stands in a constant x'…{SOME}", "write it as '@' and cast that"),
        ("SELECT a FROM t ORDER BY @", f"@ {KEYWORD}", QUOTES),
        ("SOMETHING UNHEARD OF @", f"the statement around @ {UNREAD}", QUOTES),
        ("@ TABLE 1", f"the statement around @ {UNREAD}", QUOTES),
        (f"CREATE TABLE t ({'@ INT, ' * 300} a INT)", f"whether @ {EITHER}", QUOTES),
        (f"CREATE TYPE t AS ENUM ({'@, ' * 300} 'a')", f"whether @ {EITHER}", QUOTES),
    ],
)
def test_what_is_unclear_is_said_and_what_to_write(sql, why, hint):
    with pytest.raises(Unclear) as error:
        _forms(sql.replace("@", "${x}"))
    assert (error.value.why, error.value.hint) == (
        why.replace("@", "${x}"),
        hint.replace("@", "${x}"),
    )
    assert str(error.value) == error.value.why


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM t ORDER BY ${y}, ${x}",
        "SELECT ${x} FROM t ORDER BY ${y}, ${x}",
        "SOMETHING ${y} UNHEARD ${x} OF",
        f"CREATE TABLE ${{y}} ({'${x} INT, ' * 300} a INT)",
        f"CREATE TYPE t AS ENUM (${{y}}, {'${x}, ' * 300} 'a')",
        "SELECT 1; -- ${y} ${x}",
    ],
)
def test_the_first_that_is_unclear_is_told(sql):
    with pytest.raises(Unclear) as error:
        places(sql, list(split(sql)), {"x", "y"})
    assert error.value.offset == sql.index("${y}")
    assert "${y}" in error.value.why


def test_a_statement_that_begins_with_one_is_no_comment():
    with pytest.raises(Unclear) as error:
        _forms("SELECT 1; ${x} TABLE t (a INT)")
    assert "comment" not in str(error.value)


def test_a_string_in_several_pieces():
    sql = "SELECT 'a${x}' -- it's\n  '${x}', E'\\'${x}' --\n 'b''${x}'"
    assert [one.form for one in places(sql, [(0, len(sql))], {"x"})] == [
        *(Form.STRING, Form.STRING),
        *(Form.ESCAPES, Form.ESCAPES),
    ]


def test_several_in_one_statement_each_by_its_place():
    sql = "INSERT INTO ${x}.orders_${x} (a, ${x}) VALUES ('${x}', ${x}, \"${x}\", E'${x}')"
    found = [one.form for one in places(sql, [(0, len(sql))], {"x"})]
    N = Form.NAME
    assert found == [N, N, N, Form.STRING, Form.VALUE, Form.QUOTED, Form.ESCAPES]


@pytest.mark.parametrize(
    ("sql", "forms"),
    [
        ("SELECT ${x} FROM ${x} LIMIT ${x}", [Form.VALUE, Form.NAME, Form.NUMBER]),
        ("CREATE TABLE t (a VARCHAR(${x}) DEFAULT ${x})", [Form.NUMBER, Form.VALUE]),
        ("CREATE TABLE ${x} (a INT DEFAULT ${x}, ${x} INT)", [Form.NAME, Form.VALUE, Form.NAME]),
        ("CREATE TYPE ${x} AS ENUM (${x}, ${x})", [Form.NAME, Form.VALUE, Form.VALUE]),
        ("CREATE USER ${x} WITH PASSWORD ${x}", [Form.NAME, Form.VALUE]),
        ("CREATE USER u PASSWORD ${x} IN ROLE ${x}", [Form.VALUE, Form.NAME]),
        ("ALTER TABLE t ALTER a TYPE ${x} USING ${x}", [Form.NAME, Form.VALUE]),
        ("SELECT f(${x})::${x} FROM t", [Form.VALUE, Form.NAME]),
        (
            "CREATE FUNCTION f(a ${x}) RETURNS ${x} LANGUAGE sql AS ${x}",
            [Form.NAME, Form.NAME, Form.VALUE],
        ),
        ("ALTER ROLE ${x} SET ${x} TO ${x}", [Form.NAME, Form.NAME, Form.VALUE]),
        ("COMMENT ON TABLE ${x} IS ${x}", [Form.NAME, Form.VALUE]),
        ("COMMENT ON POLICY ${x} ON ${x} IS ${x}", [Form.NAME, Form.NAME, Form.VALUE]),
    ],
)
def test_names_values_and_numbers_in_one_statement(sql, forms):
    assert [one.form for one in places(sql, [(0, len(sql))], {"x"})] == forms


@pytest.mark.parametrize(
    ("sql", "form"),
    [("'${x}' AS", Form.STRING), ("e'${x}' AS", Form.ESCAPES), ('"${x}" AS', Form.QUOTED)],
)
def test_quotes_decide_whatever_the_statement(sql, form):
    assert _forms(sql) == {form}


def test_what_becomes_one_token():
    sql = "SELECT ${a}, 'b${a}' FROM s_${a}${b}c.${b} JOIN ${b}$1 ON \"${a}\".a > E'${b}'"
    found = places(sql, [(0, len(sql))], {"a", "b"})
    assert [sql[one.start : one.end] for one in found] == [f"${{{one.name}}}" for one in found]
    assert [sql[one.first : one.last] for one in found] == [
        *("${a}", "'b${a}'", "s_${a}${b}c", "s_${a}${b}c", "${b}", "${b}$1"),
        *('"${a}"', "E'${b}'"),
    ]


def test_a_stand_in_reads_like_the_variable():
    sql = "SELECT ${Key}, '${Key}' FROM ${Key} WHERE a = E'${Key}' LIMIT ${Key}"
    found = places(sql, [(0, len(sql))], {"Key"})
    assert stand_in(sql, found) == (
        "SELECT 'Key_', 'key___' FROM key___ WHERE a = E'key___' LIMIT 111111"
    )


def test_every_statement_of_a_text_has_its_own():
    sql = "SELECT '${x}';\n SELECT 1;COMMENT ON TABLE ${x} IS ${x};CALL ${x}.f(); -- the end\n"
    found = places(sql, list(split(sql)), {"x"})
    assert [one.form for one in found] == [Form.STRING, Form.NAME, Form.VALUE, Form.NAME]
    assert [sql[one.start : one.end] for one in found] == ["${x}"] * 4


@pytest.mark.parametrize("comment", ["-- ${x}\nSELECT 2", "SELECT 2; -- ${x}", "-- ${x}"])
def test_a_comment_between_statements_takes_none(comment):
    sql = f"SELECT '${{x}}'; {comment}"
    with pytest.raises(Unclear, match="stands in a comment") as error:
        places(sql, list(split(sql)), {"x"})
    assert error.value.offset == sql.rindex("${x}")


def test_what_no_statement_holds_is_a_comment():
    with pytest.raises(Unclear, match="stands in a comment"):
        places("SELECT 1${x}", [(0, 8)], {"x"})


def test_what_is_no_variable_of_the_file_is_left_alone():
    sql = "SELECT '${y}', '${x}', '${x' -- ${y}"
    assert [one.name for one in places(sql, [(0, len(sql))], {"x"})] == ["x"]


def test_of_many_each_is_told_from_the_others():
    tables = ", ".join("${x}" for _ in range(80))
    assert _forms(f"SELECT * FROM {tables}") == {Form.NAME}
    with pytest.raises(Unclear, match="may be a name or a value"):
        _forms(f"SELECT * FROM {tables} ORDER BY ${{x}}")


def filled(sql, **values):
    text = f"-- @variables {', '.join(values)}\n{sql}"
    script = script_of(parse_file("1_x.sql", text, "1_x.sql", values=Values(values)))
    return script.text[script.spans[0][0] : script.spans[-1][1]]


@pytest.mark.parametrize(
    ("sql", "value", "becomes"),
    [
        ("SELECT ${x}", "it's", "SELECT 'it''s'"),
        ("SELECT ${x}", "a\\b", "SELECT E'a\\\\b'"),
        ("SELECT '<${x}>'", "it's", "SELECT '<it''s>'"),
        ("SELECT'<${x}>'", "a\\'b", "SELECT E'<a\\\\''b>'"),
        ("SELECT E'\\n${x}'", "a\\'b", "SELECT E'\\na\\\\''b'"),
        ('SELECT "${x}"', 'a"b', 'SELECT "a""b"'),
        ("SELECT * FROM ${x}", 'a"; DROP', 'SELECT * FROM "a""; DROP"'),
        ("SELECT * FROM ${x}", "user", 'SELECT * FROM "user"'),
        ("SELECT * FROM Orders_${x}", "EU", 'SELECT * FROM "orders_EU"'),
        ("SELECT * FROM ${x}${x}.t", "a", 'SELECT * FROM "aa".t'),
        ("SELECT * FROM t LIMIT ${x}", "-10", "SELECT * FROM t LIMIT -10"),
        ("SELECT ''", "unused", "SELECT ''"),
        ("SELECT ${x}", "", "SELECT ''"),
        ("SELECT '${y} ${x} ${X} $x {x}'", "1", "SELECT '${y} 1 ${X} $x {x}'"),
    ],
)
def test_a_value_is_quoted_by_its_place(sql, value, becomes):
    assert filled(sql, x=value) == becomes


@pytest.mark.parametrize(
    ("sql", "value", "says"),
    [
        ("SELECT * FROM ${x}", "", "is empty"),
        ('SELECT "${x}"', "", "is empty"),
        ("SELECT ${x}", "a\0b", "not text"),
        ("SELECT ${x}", "\udcff", "not text"),
        ("SELECT '\\n${x}'", "a\\", "backslash"),
        ("SELECT 1 LIMIT ${x}", "1; DROP TABLE t", "number"),
    ],
)
def test_a_value_that_its_place_cannot_take(sql, value, says):
    with pytest.raises(FileError, match=says) as error:
        filled(sql, x=value)
    assert (error.value.line, error.value.column) == (2, sql.index("${x}") + 1)
    assert not value or value not in str(error.value).replace("1; D", "")


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.sampled_from(
        ["SELECT ${x}", "SELECT '${x}'", "SELECT E'${x}'", 'SELECT "a${x}"', "SELECT a.b${x}"]
    ),
)
def test_whatever_the_value_it_stays_one_token(value, sql):
    if sql.endswith("b${x}"):
        value += "c"  # a name, which cannot be empty there
    found = tokens(filled(sql, x=value))
    assert found[0].value == "select"
    assert value in found[-1].value
    assert len(found) == (4 if "." in sql else 2)


def test_offsets_lead_back_to_the_file():
    text = "-- @variables a, b\nSELECT ${a}, '${b}',\n  ${a}.c FROM ${b};\nSELECT 2;\n"
    values = Values({"a": "long value\nof two lines", "b": "x"})
    script = script_of(parse_file("1_x.sql", text, "1_x.sql", values=values))
    assert [script.shown(*span) for span in script.spans] == [
        "SELECT ${a}, '${b}',\n  ${a}.c FROM ${b}",
        "SELECT 2",
    ]
    for word in ("SELECT", "c FROM", "SELECT 2"):
        path, source, offset = script.place(script.text.index(word))
        assert (path, source) == ("1_x.sql", text)
        assert source.startswith(word, offset)


def test_a_stand_in_reads_like_the_file_and_needs_no_value():
    text = "-- @variables s, n\nCREATE TABLE ${s}.t (a TEXT DEFAULT ${n});\n"
    file = parse_file("1_x.sql", text, "1_x.sql")
    with pytest.raises(FileError, match="variable s has no value"):
        script_of(file)
    node = script_of(stood_in(file)).node(0)
    assert isinstance(node, n.CreateTable) and str(node.name).endswith(".t")


def test_a_statement_that_is_long_is_read_once_or_twice(monkeypatch):
    rows = ", ".join("(${x}, '${x}')" for _ in range(2000))
    asked = []

    def counted(sql):
        asked.append(sql)
        return parse(sql)

    monkeypatch.setattr("manticore_cockroachdb.analysis.places.parse", counted)
    found = filled(f"INSERT INTO ${{x}} VALUES {rows}", x="a")
    assert found.count("('a', 'a')") == 2000
    assert len(asked) < 10


@pytest.mark.parametrize("names", ["", "1a", "a-b", "a, b.c"])
def test_a_declaration_of_what_is_no_name(names):
    with pytest.raises(FileError, match="@variables names") as error:
        parse_file("1_x.sql", f"\n-- @variables {names}\nSELECT 1", "1_x.sql")
    assert error.value.line == 2
