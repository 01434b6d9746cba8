"""Which names a statement refers to, and what it makes; of their order `tests.objects` speaks."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.analysis.references import Made, Mentions, made, mentions, removal
from manticore_cockroachdb.parser.parse import parse

CASES = [
    # of a trigger neither the columns nor its event are relations
    ("CREATE TRIGGER g BEFORE UPDATE OF a, b ON v FOR EACH ROW EXECUTE FUNCTION f()", "v"),
    ("CREATE TRIGGER g AFTER INSERT OR UPDATE ON v FOR EACH ROW EXECUTE FUNCTION f()", "v"),
    ("CREATE TRIGGER g INSTEAD OF UPDATE ON s.v FOR EACH ROW EXECUTE FUNCTION f()", "s.v"),
    ("CREATE POLICY p ON t USING (a IN (SELECT b FROM u, w))", "t u w"),
    ("CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO u VALUES (1)", "t u"),
    ("CREATE VIEW x (a, b) AS SELECT c, d FROM t ORDER BY e, f", "t"),
    ("CREATE VIEW x AS SELECT a FROM t GROUP BY b, c HAVING d > e LIMIT f", "t"),
    ("CREATE VIEW x AS SELECT a FROM t WHERE b IN (c, d) AND e = f", "t"),
    ("CREATE VIEW x AS SELECT a FROM t JOIN u USING (b), w", "t u w"),
    ("CREATE VIEW x AS SELECT a FROM (t JOIN s.u ON t.b = u.b), w", "s.u t w"),
    ("CREATE VIEW x AS SELECT overlay(a PLACING b FROM c), d FROM t", "t"),
    ("CREATE VIEW x AS SELECT a.b, c::s.d FROM a", "a s.d"),
    ("CREATE VIEW x AS SELECT f(a, b), c FROM g(d), t", "t"),
    ("CREATE VIEW x AS SELECT a FROM t AS b, u AS c", "t u"),
    ("CREATE VIEW x AS SELECT a FROM ONLY t, LATERAL (SELECT b FROM u) c", "t u"),
    ('CREATE VIEW x AS SELECT a FROM "T u", "s".v', "T u s.v"),
    ("CREATE VIEW x AS SELECT E'from v' AS a FROM t", "t"),
    ("CREATE VIEW x AS SELECT a FROM t FOR UPDATE", "t"),
    ("INSERT INTO t (a, b) SELECT c, d FROM u ON CONFLICT (a) DO UPDATE SET b = 1, c = 2", "t u"),
    ("UPDATE t SET a = 1, b = c FROM u, w WHERE d = e", "t u w"),
    ("DELETE FROM t USING u, w WHERE a = b", "t u w"),
    ("CREATE TABLE n AS SELECT a, b FROM t", "n t"),
]


@pytest.mark.parametrize(("sql", "found"), CASES)
def test_relations_are_those_in_the_place_of_one(sql: str, found: str) -> None:
    seen = mentions(sql, parse(sql))
    shown = sorted(f"{schema}.{name}" if schema else name for schema, name in seen.relations)
    assert " ".join(shown) == found and not seen.possible


@pytest.mark.parametrize(
    ("sql", "there", "not_there"),
    [
        ("REFRESH MATERIALIZED VIEW s.v", {("s", "v")}, {(None, "v"), (None, "s")}),
        ("COMMENT ON VIEW v IS E'w'", {(None, "v")}, {(None, "e'w'"), (None, "w")}),
        ("GRANT SELECT ON s.v TO r", {("s", "v"), (None, "r")}, {(None, "v")}),
        ("GRANT SELECT ON s.* TO r", {(None, "s")}, {("s", "*")}),
        ('ALTER VIEW "V" OWNER TO r', {(None, "V")}, {(None, "v")}),
    ],
)
def test_of_any_other_statement_every_name_may_be_one(
    sql: str, there: set[tuple[str | None, str]], not_there: set[tuple[str | None, str]]
) -> None:
    found = mentions(sql, parse(sql))
    assert found.relations == found.routines
    assert found.relations >= there and not found.relations & not_there


FUNCTION = "CREATE OR REPLACE FUNCTION f(a totals) RETURNS INT LANGUAGE"


@pytest.mark.parametrize(
    ("body", "sure", "possible"),
    [
        ("sql BEGIN ATOMIC SELECT b FROM v, w; SELECT c, d FROM x; END", "v w x", ""),
        ("sql RETURN (SELECT b FROM v)", "v", ""),
        ("sql AS 'SELECT b FROM v; INSERT INTO w VALUES (c, d)'", "v w", ""),
        ("sql AS $$ SELECT ''b'' FROM v $$", "v", ""),
        ("plpgsql AS $$ BEGIN PERFORM b FROM v; RAISE NOTICE '%', w, x; END $$", "", "v"),
        ("plpgsql AS $$ BEGIN FOR b IN SELECT c FROM v LOOP d := e; END LOOP; END $$", "", "v"),
        ("plpgsql AS $$ DECLARE b v%ROWTYPE; BEGIN END $$", "", "v"),
        ("plpgsql AS 'it is ''not closed'", "", ""),
        ("sql AS ''", "", ""),
        ("sql AS 'SELECT b) FROM v'", "v", ""),
        ("sql AS 'WITH v (b'", "", ""),
        ("plpgsql AS $$ BEGIN PERFORM b FROM v. $$", "", "v"),
    ],
)
def test_a_body_is_read_for_relations(body: str, sure: str, possible: str) -> None:
    letters = set("bcdevwx")
    sql = f"{FUNCTION} {body}"
    found = mentions(sql, parse(sql))
    assert {name for _, name in found.relations} & letters == set(sure.split())
    assert {name for _, name in found.possible} == set(possible.split())
    assert {(None, "totals"), (None, "int")} <= found.relations & found.routines


def test_what_with_hides_may_still_be_a_view() -> None:
    sql = "CREATE VIEW x AS WITH a (i) AS (SELECT 1), b AS MATERIALIZED (SELECT 2 FROM c) SELECT"
    found = mentions(f"{sql} 3 FROM a, b, s.a", parse(f"{sql} 3 FROM a, b, s.a"))
    assert found.relations == {(None, "c"), ("s", "a")}
    assert found.possible == {(None, "a"), (None, "b")}
    do = "DO $$ BEGIN INSERT INTO t SELECT f(1) FROM v; END $$"
    assert mentions(do, parse(do)) == Mentions(possible={(None, name) for name in "tfv"})


@pytest.mark.parametrize(
    ("target", "schemas"),
    [
        ("ALL TABLES IN SCHEMA app", {"app"}),
        ('ALL FUNCTIONS IN SCHEMA tables, "App"', {"tables", "App"}),
        ("SCHEMA app", set()),
        ("TABLE t", set()),
    ],
)
@pytest.mark.parametrize("verb", ["GRANT ALL ON {} TO r", "REVOKE ALL ON {} FROM r"])
def test_rights_on_all_in_a_schema(verb: str, target: str, schemas: set[str]) -> None:
    sql = verb.format(target)
    assert mentions(sql, parse(sql)).schemas == schemas


def test_mentions_of_two_statements_together() -> None:
    both = Mentions()
    for one in "ab":
        both.add(Mentions({(None, one)}, {("s", one)}, {("p", one)}, {one}))
    every = [{(schema, one) for one in "ab"} for schema in (None, "s", "p")]
    assert [both.relations, both.routines, both.possible] == every
    assert both.schemas == {"a", "b"}


def head(body: str, start: str = FUNCTION) -> str:
    return of(f"{start} {body}").head


def of(sql: str) -> Made:
    found = made(sql, parse(sql))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "body",
    [
        "sql AS 'SELECT {}'",
        "sql AS E'SELECT {}'",
        "sql AS $$ SELECT {} $$",
        "sql AS $a$ SELECT {} $a$",
        "sql RETURN {}",
        "sql BEGIN ATOMIC SELECT {}; END",
    ],
)
def test_all_but_its_body_makes_a_routine_another(body: str) -> None:
    one = head(body.format(1))
    assert one == head(body.format(2)) != ""
    assert one != head(body.format(1), FUNCTION.replace("INT", "TEXT"))
    assert one != head(body.format(1), FUNCTION.replace("totals", "others"))
    assert head(body.format(1), FUNCTION.replace(" OR REPLACE", "")) == ""


@pytest.mark.parametrize(
    ("arguments", "taken"),
    [
        ("", ""),
        ("a INT", "a INT"),
        ("a INT, b TEXT", "a INT, b TEXT"),
        ("a INT DEFAULT 1, b TEXT = 'x'", "a INT, b TEXT"),
        (
            "a numeric(10, 2) DEFAULT g(1, 2), VARIADIC b INT[]",
            "a numeric(10, 2), VARIADIC b INT[]",
        ),
        ("a INT[] = ARRAY[1, 2]", "a INT[]"),
    ],
)
@pytest.mark.parametrize("kind", ["FUNCTION", "PROCEDURE"])
def test_a_routine_is_dropped_by_its_arguments(kind: str, arguments: str, taken: str) -> None:
    found = of(f"CREATE {kind} s.f({arguments}) LANGUAGE sql AS 'SELECT 1'")
    assert found.drop == f"DROP {kind} IF EXISTS s.f({taken})"
    assert found.key == f"{kind.lower()} s.f({taken.lower()})"


@pytest.mark.parametrize(
    ("words", "key", "drop"),
    [
        ("function f", "function f()", "f"),
        ("function if exists f(Int,  text)", "function f(int, text)", "f(Int,  text)"),
        ("procedure p();", "procedure p()", "p()"),
        ("materialized view m", "view m", "m"),
        ("VIEW IF EXISTS s.v ;", "view s.v", "s.v"),
        ("policy p on t", "policy p on t", "p on t"),
    ],
)
def test_what_a_removal_says(words: str, key: str, drop: str) -> None:
    found = removal(words)
    kind = "MATERIALIZED VIEW" if words.startswith("mat") else words.split()[0].upper()
    assert found == (key, f"DROP {kind} IF EXISTS {drop}")


@pytest.mark.parametrize("words", ["function f, g", "table t", "index i", "function", ""])
def test_what_no_removal_says(words: str) -> None:
    assert removal(words) is None


@pytest.mark.parametrize("sql", ["CREATE TABLE t (a INT8)", "CREATE SEQUENCE s", "SELECT 1"])
def test_what_is_not_made_again(sql: str) -> None:
    assert made(sql, parse(sql)) is None
