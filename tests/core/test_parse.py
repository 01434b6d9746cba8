"""The statement model: tables of statements and what each is read as, then laws.

The tables are in `models/`: a statement on a line, and under it, indented, its model in brief.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manticore_cockroachdb.analysis.changes import tables_of
from manticore_cockroachdb.parser.lex import tokens
from manticore_cockroachdb.parser.nodes import (
    RESERVED,
    AlterTable,
    CreateIndex,
    CreateTable,
    Dml,
    Node,
    QName,
    Query,
    Unparsed,
)
from manticore_cockroachdb.parser.parse import parse, verb_of
from manticore_cockroachdb.parser.plain import plain_drop, plain_table
from manticore_cockroachdb.parser.words import BUILT_IN_TYPES, KEYWORDS, NOT_CALLED

from ..support.work import calls
from .statements import brief, read


def _cases() -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for path in sorted((Path(__file__).parent / "models").glob("*.txt")):
        sql = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("    "):
                found.append((path.stem, sql, line[4:]))
            else:
                sql = line
    return found


CASES = _cases()
STATEMENTS = [sql for _, sql, _ in CASES]
UNDERSTOOD = [sql for _, sql, model in CASES if not model.startswith("Unparsed")]


@pytest.mark.parametrize(("family", "sql", "model"), CASES)
def test_model(family: str, sql: str, model: str) -> None:
    assert read(sql) == model


@pytest.mark.parametrize("sql", STATEMENTS)
def test_the_verb_alone(sql: str) -> None:
    assert verb_of(sql) in (parse(sql).verb, "WITH")
    assert verb_of(f"/* /* ; */ */ -- x\n{sql.swapcase()}") == verb_of(sql)


def test_no_verb() -> None:
    assert verb_of("") == verb_of(" -- SELECT") == verb_of("'x'") == ""


def test_nothing_to_read() -> None:
    assert parse(" -- just a comment") == Unparsed(reason="nothing but comments")


def test_where_it_stopped_making_sense() -> None:
    node = parse("CREATE TABLE t (\n  a int b\n)")
    assert node == Unparsed(verb="CREATE TABLE", reason="unexpected 'b'", start=25)


# Offsets


def test_offsets_point_at_the_part() -> None:
    sql = 'CREATE TABLE t (a int, /* x */ "B" text, CONSTRAINT c CHECK (a > 0), UNIQUE INDEX (a))'
    node = parse(sql)
    assert isinstance(node, CreateTable)
    assert [sql[column.start :].split()[0] for column in node.columns] == ["a", '"B"']
    assert sql[node.constraints[0].start :].startswith("CONSTRAINT c")
    assert sql[node.indexes[0].start :].startswith("UNIQUE INDEX")
    assert sql[node.indexes[0].columns[0].start :] == "a))"

    sql = "ALTER TABLE t ADD a int,\n  DROP b, -- x\n  RENAME TO c"
    altered = parse(sql)
    assert isinstance(altered, AlterTable)
    starts = [sql[action.start :].split()[0] for action in altered.actions]
    assert starts == ["ADD", "DROP", "RENAME"]

    index = parse(" CREATE INDEX i ON t (a)")
    assert isinstance(index, CreateIndex)
    assert index.start == 1


# Functions


@pytest.mark.parametrize(
    ("sql", "functions"),
    [
        ("SELECT 1", []),
        ("SELECT Now(), pg_catalog.SetVal('s', 1), \"F\"(2)", ["f", "now", "setval"]),
        ("SELECT a FROM t WHERE a IN (1) AND (b) OR EXISTS (SELECT f(1))", ["f"]),
        ("INSERT INTO s.t (a) VALUES (nextval('s'))", ["nextval"]),
        ("CREATE TABLE s.t (a varchar(3) DEFAULT f(g(1)), PRIMARY KEY (a))", ["f", "g"]),
        ("CREATE TABLE IF NOT EXISTS t (a int REFERENCES s.o (id))", []),
        ("CREATE INDEX i ON s.t USING gin (lower(a))", ["lower"]),
        ("CREATE FUNCTION s.f(a int) RETURNS int RETURN g(a)", ["g"]),
        ("CREATE TRIGGER tr BEFORE INSERT ON t EXECUTE FUNCTION s.f()", ["f"]),
        ("ALTER TABLE t ALTER a SET DEFAULT gen_random_uuid()", ["gen_random_uuid"]),
        ("ALTER TABLE t ADD a numeric(3)", []),
        ("UPDATE t SET a = pg_advisory_lock(1)", ["pg_advisory_lock"]),
        ("EXPLAIN (ANALYZE) SELECT f(1)", ["f"]),
    ],
)
def test_functions(sql: str, functions: list[str]) -> None:
    assert sorted(parse(sql).functions) == functions


# Tables


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("CREATE TABLE s.t (a int)", "s.t"),
        ("CREATE INDEX i ON t (a)", "t"),
        ("CREATE VIEW v AS SELECT 1", "v"),
        ("CREATE TRIGGER tr AFTER INSERT ON s.t EXECUTE FUNCTION f()", "s.t"),
        ("CREATE SCHEMA s", ""),
        ("CREATE TYPE t AS ENUM ()", ""),
        ("ALTER TABLE t DROP a", "t"),
        ("ALTER SEQUENCE s RESTART", "s"),
        ("ALTER INDEX t@i NOT VISIBLE", "t"),
        ("ALTER INDEX i NOT VISIBLE", ""),
        ("ALTER INDEX t@i RENAME TO j", "t"),
        ("ALTER TYPE a RENAME TO b", ""),
        ("DROP TABLE t, s.u", "t s.u"),
        ("DROP INDEX t@i, t@j, u@k", "t u"),
        ("DROP INDEX i", ""),
        ("DROP TRIGGER tr ON t", "t"),
        ("DROP SCHEMA s", ""),
        ("TRUNCATE t, u", "t u"),
        ("INSERT INTO t VALUES (1)", "t"),
        ("COPY t FROM STDIN", "t"),
        ("COPY t TO STDOUT", ""),
        ("SELECT * FROM t", ""),
        ("REFRESH MATERIALIZED VIEW v", "v"),
        ("REINDEX INDEX i", ""),
        ("BEGIN", ""),
    ],
)
def test_node_tables(sql: str, tables: str) -> None:
    assert " ".join(map(str, tables_of(parse(sql)))) == tables


@pytest.mark.parametrize(
    ("parts", "sql"),
    [
        (("t",), "t"),
        (("s", "t"), "s.t"),
        (("S", "a b"), '"S"."a b"'),
        (("user",), '"user"'),
        (('a"b',), '"a""b"'),
        (("1a",), '"1a"'),
        (("",), '""'),
        (("a$1é",), "a$1é"),
    ],
)
def test_names_as_sql(parts: tuple[str, ...], sql: str) -> None:
    assert str(QName(parts)) == sql
    assert (QName(parts).name, QName(parts).schema) == (
        parts[-1],
        parts[-2] if len(parts) > 1 else None,
    )


# Laws

blanks = st.sampled_from(
    [" ", "\n", "\t\r\n", " -- it's; \"x\n", "/* /* ' */ \" */", "/*/*/*/*/**/*/*/*/*/"]
)
MARKS = st.sampled_from(["", " ", "(", ")", ",", "'", '"', "$$"])


@settings(max_examples=300)
@given(st.sampled_from(UNDERSTOOD), st.data())
def test_blanks_and_comments_change_nothing(sql: str, data: st.DataObject) -> None:
    gaps: list[str] = []
    last = 0
    for token in tokens(sql):
        if token.start > last:
            gaps.append(data.draw(blanks))
        gaps.append(sql[token.start : token.end])
        last = token.end
    node, other = parse(sql), parse("".join(gaps))
    if "body=" not in brief(node):  # a body keeps its own blanks
        assert brief(other) == brief(node)
    assert other.functions == node.functions


@settings(max_examples=400)
@given(st.sampled_from(STATEMENTS), st.sampled_from(STATEMENTS), st.data())
def test_parse_never_raises(sql: str, other: str, data: st.DataObject) -> None:
    """Two statements spliced at any two places."""
    cut = data.draw(st.integers(0, len(sql)))
    paste = data.draw(st.integers(0, len(other)))
    text = sql[:cut] + data.draw(MARKS) + other[paste:]
    node = parse(text)
    assert isinstance(node, Node)
    assert isinstance(verb_of(text), str)
    tables_of(node)
    if isinstance(node, Unparsed):
        assert node.reason
        assert 0 <= node.start <= len(text)


@settings(max_examples=200)
@given(st.text(max_size=40), st.sampled_from(sorted({sql.split()[0] for sql in STATEMENTS})))
def test_parse_never_raises_on_noise(noise: str, word: str) -> None:
    assert isinstance(parse(f"{word} {noise}"), Node)


# Long statements


def _read(sql: str) -> tuple[Node, int]:
    """A statement read, and the calls that this took once all that is done once is done."""
    node = parse(sql)
    return node, calls(lambda: parse(sql))


# The calls that reading a long statement of data may take, however long it is.
AS_IF_SHORT = 1_000


def test_long_seed_data_costs_no_more_than_its_head() -> None:
    rows = ",\n".join(f"({i}, 'some ''text'' (; {i}', now())" for i in range(100_000))
    node, work = _read(f"INSERT INTO s.t (a, b, c) VALUES {rows} ON CONFLICT DO NOTHING")
    assert isinstance(node, Dml)
    assert (str(node.table), node.rows, node.on_conflict) == ("s.t", None, None)
    assert work < AS_IF_SHORT


def test_long_changes_are_read_outside_their_parentheses() -> None:
    keys = ", ".join(map(str, range(200_000)))
    node, work = _read(f"UPDATE t SET a = lower(b) WHERE id IN ({keys}) RETURNING a")
    assert isinstance(node, Dml)
    assert (node.has_where, node.has_limit, node.returning) == (True, False, True)
    assert node.functions == {"lower"}
    assert work < AS_IF_SHORT

    selected, _ = _read(f"SELECT * FROM t WHERE id IN ({keys}) FOR UPDATE")
    assert isinstance(selected, Query)
    assert (selected.selects_star, selected.locks) == (True, True)

    inserted, _ = _read(f"INSERT INTO t (a) SELECT a FROM u WHERE id IN ({keys}) RETURNING a")
    assert isinstance(inserted, Dml)
    assert (inserted.rows, inserted.on_conflict, inserted.returning) == (None, False, True)


def test_a_long_statement_of_another_kind_is_read_whole() -> None:
    columns = ", ".join(f"column_{i} text DEFAULT 'x'" for i in range(5_000))
    node = parse(f"CREATE TABLE t ({columns})")
    assert isinstance(node, CreateTable)
    assert len(node.columns) == 5_000


@pytest.mark.parametrize(
    "piece", ["(", "((a))", "a,", "+", "'x'", "CASE ", "a.b ", "WITH x AS ", "[1]", "$1", "@", "/*"]
)
@pytest.mark.parametrize(
    "head", ["SELECT ", "CREATE TABLE t (a int DEFAULT ", "ALTER TABLE t ADD "]
)
@pytest.mark.clock
def test_time_grows_with_length(head: str, piece: str) -> None:
    """In calls, and in seconds of the processor for what expressions do inside of one."""

    def cost(size: int) -> tuple[float, int]:
        sql = head + piece * (size // len(piece))
        times = []
        for _ in range(3):
            began = time.process_time()
            parse(sql)
            times.append(time.process_time() - began)
        return min(times), calls(lambda: parse(sql))

    (small, few), (large, many) = cost(10_000), cost(40_000)
    assert many < 4 * few * 1.1 + 500
    assert large < 4 * small * 2.5 + 0.05


# Seed data

SEEDS = [
    "INSERT INTO t VALUES (1)",
    "insert into s.t (a, b) values (1, 'it''s ('), (-2.5, NULL) , (DEFAULT, E'\\')') ",
    "UPSERT INTO d.s.t(a)VALUES(true)",
    "INSERT INTO t VALUES (1); ",
    "INSERT INTO select VALUES (1)",
    "INSERT INTO t VALUES (1, f(2))",
    "INSERT INTO t VALUES (1, (2))",
    "INSERT INTO t VALUES (ARRAY[1])",
    "INSERT INTO t VALUES (1) RETURNING a",
    "INSERT INTO t VALUES (1 -- )\n)",
    "INSERT INTO t VALUES (1), (2",
    "INSERT INTO t VALUES (1) (2)",
    "INSERT INTO t VALUES ()",
    "INSERT INTO t VALUES ('a'::jsonb, $1, \"b\")",
    "INSERT INTO É VALUES (1)",
    "INSERT INTO t x VALUES (1)",
]


@pytest.mark.parametrize("sql", SEEDS)
def test_the_short_road_for_rows_leads_to_the_same_model(sql: str) -> None:
    assert brief(parse(sql)) == brief(_long_road(sql))


# Plain tables

PLAIN = [
    "CREATE TABLE t (a int)",
    "create  table if not\texists s.t(\n  a INT8 primary key , B VARCHAR ( 10 ) not null\n)\n",
    "CREATE TABLE d.s.select (id UUID PRIMARY KEY DEFAULT gen_random_uuid(), n NUMERIC(10 , 2))",
    "CREATE TABLE t (a text DEFAULT 'x  --(' NOT NULL UNIQUE, b timestamptz NULL DEFAULT NOW())",
    "CREATE TABLE t (a int DEFAULT -1, b float DEFAULT 0.5 NOT NULL, c bool DEFAULT true)",
    "CREATE TABLE if (a int UNIQUE NOT NULL DEFAULT null UNIQUE)",
    "DROP TABLE t",
    "drop table IF  EXISTS s.t  CASCADE\n",
    "DROP TABLE if RESTRICT",
]
NOT_PLAIN = [
    "CREATE TABLE t ()",
    "CREATE TABLE t (a int,)",
    "CREATE TABLE t (a int) WITH (x = 1)",
    "CREATE TABLE t (a int);",
    "CREATE TABLE user (a int)",
    "CREATE TABLE a.b.c.d.e (a int)",
    "CREATE TABLE t (check int)",
    "CREATE TABLE t (index int)",
    "CREATE TABLE t (a mood)",
    "CREATE TABLE t (a vector(3))",
    "CREATE TABLE t (a double precision)",
    "CREATE TABLE t (a int[])",
    "CREATE TABLE t (a int DEFAULT 1e5)",
    "CREATE TABLE t (a int DEFAULT 1 + 1)",
    "CREATE TABLE t (a text DEFAULT 'it''s')",
    "CREATE TABLE t (a text DEFAULT 'a' 'b')",
    "CREATE TABLE t (a text DEFAULT 'x'::text)",
    "CREATE TABLE t (a int DEFAULT user())",
    "CREATE TABLE t (a int DEFAULT row())",
    "CREATE TABLE t (a int NOT NULLX)",
    "CREATE TABLE t (a int REFERENCES u)",
    "CREATE TABLE t (a int, PRIMARY KEY (a))",
    "CREATE TABLE t (a int -- b int\n)",
    "CREATE TABLE t\x0b\x1c(a int)",
    "CREATE TABLE \u212a (a int)",
    "DROP TABLE if exists",
    "DROP TABLE a, b",
    "DROP TABLE all",
    "DROP TABLE t;",
    "DROP TABLE t CASCADED",
]


def _plain(sql: str) -> Node | None:
    return plain_table(sql) if sql[:1] in "cC" else plain_drop(sql)


def _long_road(sql: str) -> Node:
    # A comment at its end sends a statement there.
    return parse(f"{sql} /* */")


@pytest.mark.parametrize("sql", PLAIN)
def test_the_short_road_for_plain_tables_leads_to_the_same_model(sql: str) -> None:
    assert _plain(sql) == _long_road(sql)


@pytest.mark.parametrize("sql", NOT_PLAIN)
def test_what_is_more_than_a_plain_table_takes_the_long_road(sql: str) -> None:
    assert _plain(sql) is None
    assert parse(sql) == _long_road(sql)


@pytest.mark.parametrize("sql", [s for s in STATEMENTS if s[:1] in "cCdD"])
def test_the_short_road_takes_no_other_statement(sql: str) -> None:
    assert _plain(sql) in (None, _long_road(sql))


WORDS = sorted(
    KEYWORDS | RESERVED | BUILT_IN_TYPES | NOT_CALLED | {"a", "_b2", "exclude", "now", "c$", "é"}
)
gap = st.sampled_from([" ", " ", "\n", " \t ", ""])
word = st.sampled_from(WORDS) | st.sampled_from(["a", "INT", "varchar"])
default = st.sampled_from(
    ["0", "-1", "1.5", "'x'", "''", "'a;(\\n--'", "true", "NULL", "now()", "current_timestamp"]
) | word.map("{}()".format)
flag = st.sampled_from(["NOT NULL", "null", "PRIMARY KEY", "unique", "not  null", "UNIQUE"])


@st.composite
def columns(draw: st.DrawFn) -> str:
    types = st.sampled_from(sorted(BUILT_IN_TYPES)) | st.sampled_from(["INT", "text", "varchar"])
    parts = [draw(word), draw(types | types | word)]
    parts[-1] += draw(st.sampled_from(["", "", "", "(3)", " ( 4 , 2 )", "(a)"]))
    parts += draw(st.lists(flag, max_size=3))
    if draw(st.booleans()):
        parts += ["DEFAULT", draw(default), *draw(st.lists(flag | flag | word, max_size=2))]
    return "".join(f"{part}{draw(gap) or ' '}" for part in parts).strip()


@settings(max_examples=600)
@given(word, st.lists(columns(), min_size=1, max_size=3), gap, gap)
def test_both_roads_for_tables_agree(name: str, parts: list[str], one: str, two: str) -> None:
    sql = f"CREATE TABLE {name}{one}({two}{f'{one},{two}'.join(parts)}{one})"
    assert _plain(sql) in (None, _long_road(sql))
    drop = f"DROP{one or ' '}TABLE {name}{one}{parts[0]}"
    assert _plain(drop) in (None, _long_road(drop))


@pytest.mark.parametrize(
    "template",
    [
        "CREATE TABLE {} (a int)",
        "CREATE TABLE a.{} (a int)",
        "CREATE TABLE a ({} int)",
        "CREATE TABLE a (a {})",
        "CREATE TABLE a (a {} (3))",
        "CREATE TABLE a (a int {})",
        "CREATE TABLE a (a int DEFAULT {})",
        "CREATE TABLE a (a int DEFAULT {}())",
        "CREATE TABLE a (a int DEFAULT 1 {})",
        "CREATE TABLE a (a int) {}",
        "DROP TABLE {}",
        "DROP TABLE a.{}",
        "DROP TABLE a {}",
    ],
)
def test_both_roads_for_tables_agree_on_every_word(template: str) -> None:
    for sql in map(template.format, WORDS):
        assert _plain(sql) in (None, _long_road(sql)), sql


def test_a_dollar_quote_that_does_not_end_is_no_crash():
    for text in ("DO $x", "DO $x$ BEGIN", "SELECT $a", "CREATE FUNCTION f() AS $body"):
        assert parse(text) is not None


def test_deferrable_after_the_condition_of_an_exclusion():
    found = parse(
        "ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING gist (a WITH =) INCLUDE (b)"
        " WITH (fillfactor = 50) WHERE (a > 0) DEFERRABLE INITIALLY DEFERRED"
    )
    (action,) = found.actions
    assert action.constraint.deferrable and action.constraint.columns == ("a",)


@pytest.mark.parametrize("sql", ["DO $tag$ BEGIN; END $tag$", "SELECT $a$b$a$, $_1$ $$ $_1$"])
def test_a_tag_without_an_end_is_no_crash(sql: str) -> None:
    for end in range(len(sql)):
        node = parse(sql[:end])
        if sql[:end].endswith(("$tag$ BEGIN", "$a$b")):
            assert isinstance(node, Unparsed) and "dollar quote" in node.reason
