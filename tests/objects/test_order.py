"""The order of repeatable files, from what their SQL says; nothing here needs a server."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.analysis.references import made, mentions, removal
from manticore_cockroachdb.errors import FileError
from manticore_cockroachdb.migrations.objects import (
    Objects,
    RecordedFile,
    arranged,
    merged,
    statuses,
)
from manticore_cockroachdb.migrations.repeatable import Repeatable, parse_repeatable
from manticore_cockroachdb.parser.parse import parse

from ..support.work import calls


def files(**texts: str) -> list[Repeatable]:
    """Repeatable files by name, without their endings."""
    return [parse_repeatable(f"{n}.sql", text, f"r/{n}.sql") for n, text in texts.items()]


def order(**texts: str) -> list[str]:
    return [file.name.removesuffix(".sql") for file in arranged(files(**texts)).files]


def relations(sql: str) -> set[str]:
    return {name for _, name in mentions(sql, parse(sql)).relations}


def routines(sql: str) -> set[str]:
    return {name for _, name in mentions(sql, parse(sql)).routines}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SELECT v FROM t", {"t"}),  # a column called like a view is none
        ("SELECT a.v, v.x FROM t AS v", {"t"}),
        ("SELECT 1 FROM a, b x JOIN c ON a.i = c.i, d WHERE e = 1", {"a", "b", "c", "d"}),
        ("SELECT 1 FROM (a JOIN b USING (i)) NATURAL JOIN c", {"a", "b", "c"}),
        ("SELECT 1 FROM (SELECT x, y FROM a) AS z, LATERAL (SELECT 1 FROM b) AS w", {"a", "b"}),
        ("SELECT extract(year FROM at), trim(both FROM n) FROM t", {"t"}),
        ("SELECT a IS DISTINCT FROM v FROM t", {"t"}),
        ("SELECT (SELECT max(i) FROM a), b FROM c WHERE i IN (SELECT i FROM d)", {"a", "c", "d"}),
        ("SELECT 1 FROM a UNION SELECT 2 FROM b ORDER BY c, d", {"a", "b"}),
        ("TABLE a", {"a"}),
        ('SELECT 1 FROM "A b", s.c', {"A b", "c"}),
        ("SELECT 'x FROM v' -- FROM v\n FROM t /* JOIN v */", {"t"}),
        ("SELECT x::totals FROM t", {"totals", "t"}),
        ("SELECT 1 FROM ONLY a, generate_series(1, 2) g", {"a"}),
        ("WITH w AS (SELECT 1 FROM a) SELECT 1 FROM w, s.w", {"a", "w"}),
    ],
)
def test_relations_are_found_by_their_place(query: str, found: set[str]) -> None:
    assert relations(f"CREATE VIEW x AS {query}") == found


def test_a_name_that_with_hides_is_only_possible() -> None:
    sql = "CREATE VIEW x AS WITH w (i) AS NOT MATERIALIZED (SELECT i FROM w) SELECT i FROM w"
    found = mentions(sql, parse(sql))
    assert (found.relations, found.possible) == (set(), {(None, "w")})


def test_routines_are_what_is_called() -> None:
    assert routines("CREATE VIEW x AS SELECT f(g(a)), s.h (1), count(*) FROM t") == {
        *("f", "g", "h", "count")
    }


def test_a_body_is_looked_into() -> None:
    sql = "CREATE FUNCTION f(a totals) RETURNS SETOF w LANGUAGE sql AS $$ SELECT i FROM v $$"
    assert relations(sql) >= {"totals", "w", "v"}
    sql = sql.replace("LANGUAGE sql", "LANGUAGE plpgsql")
    found = mentions(sql, parse(sql))
    assert (None, "v") in found.possible
    assert (None, "v") not in found.relations


def test_a_trigger_needs_its_table_and_its_function() -> None:
    sql = "CREATE TRIGGER t INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f()"
    found = mentions(sql, parse(sql))
    assert (None, "v") in found.relations
    assert (None, "f") in found.routines


@pytest.mark.parametrize(
    ("sql", "key", "drop"),
    [
        ("CREATE VIEW s.v AS SELECT 1", "view s.v", "DROP VIEW IF EXISTS s.v"),
        (
            "CREATE MATERIALIZED VIEW m AS SELECT 1",
            "view m",
            "DROP MATERIALIZED VIEW IF EXISTS m",
        ),
        (
            "CREATE FUNCTION f(a INT DEFAULT g(1, 2), b numeric(1,2) = 3, OUT c text) RETURNS"
            " record LANGUAGE sql AS 'SELECT 1'",
            "function f(a int, b numeric(1,2), out c text)",
            "DROP FUNCTION IF EXISTS f(a INT, b numeric(1,2), OUT c text)",
        ),
        (
            "CREATE TRIGGER t BEFORE INSERT ON s.x EXECUTE FUNCTION f()",
            "trigger t on s.x",
            "DROP TRIGGER IF EXISTS t ON s.x",
        ),
        (
            'CREATE POLICY "P" ON x USING (true)',
            'policy "P" on x',
            'DROP POLICY IF EXISTS "P" ON x',
        ),
    ],
)
def test_what_is_made_can_be_dropped(sql: str, key: str, drop: str) -> None:
    found = made(sql, parse(sql))
    assert found is not None
    assert (found.key, found.drop) == (key, drop)


def test_a_removal_speaks_of_the_same_object() -> None:
    assert removal("view s.v") == ("view s.v", "DROP VIEW IF EXISTS s.v")
    assert removal("trigger t on x") == ("trigger t on x", "DROP TRIGGER IF EXISTS t on x")
    assert removal("function f(int)") == ("function f(int)", "DROP FUNCTION IF EXISTS f(int)")
    assert removal("table t") is None  # its rows would be gone
    assert removal("view a, b") is None
    assert removal("") is None


def test_the_order_is_that_of_what_they_need() -> None:
    assert order(
        a="CREATE VIEW a AS SELECT 1 FROM b;",
        b="CREATE VIEW b AS SELECT f() FROM c, c2;",
        c="CREATE VIEW c AS SELECT 1 FROM t; CREATE VIEW c2 AS SELECT 1 FROM c;",
        f="CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
        grants="GRANT SELECT ON ALL TABLES IN SCHEMA public TO x;",
    ) == ["c", "f", "b", "a", "grants"]
    assert order(b="SELECT 1", a="SELECT 1", c="SELECT 1") == ["a", "b", "c"]


def test_schemas_tell_namesakes_apart() -> None:
    texts = {
        "a": "CREATE VIEW one.v AS SELECT 1 FROM two.v;",
        "b": "CREATE VIEW two.v AS SELECT 1 FROM three.v;",
    }
    assert order(**texts) == ["b", "a"]


def test_a_circle_is_named() -> None:
    with pytest.raises(FileError) as caught:
        order(
            a="CREATE VIEW a AS SELECT 1 FROM b;",
            b="CREATE VIEW b AS SELECT 1 FROM c;",
            c="CREATE VIEW c AS SELECT 1 FROM a;",
            d="CREATE VIEW d AS SELECT 1 FROM a;",
        )
    assert "a.sql needs the view b of b.sql; b.sql needs the view c of c.sql;" in str(caught.value)
    assert "c.sql needs the view a of a.sql" in str(caught.value)
    assert "d.sql" not in str(caught.value)


def test_what_is_only_possible_gives_way() -> None:
    """Two functions that call each other are no circle: a body is looked up when it runs."""
    body = "CREATE FUNCTION {}() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN {}(); END $$;"
    assert order(a=body.format("a", "b"), b=body.format("b", "a")) == ["a", "b"]
    with_ = "CREATE VIEW a AS WITH b AS (SELECT 1) SELECT * FROM b;"
    assert order(a=with_, b="CREATE VIEW b AS SELECT 1 FROM a;") == ["a", "b"]
    assert order(a=with_, b="CREATE VIEW b AS SELECT 1;") == ["b", "a"]


def test_one_object_in_two_files_is_an_error() -> None:
    with pytest.raises(FileError, match=r"view v is made by two files, a\.sql and b\.sql"):
        order(a="CREATE VIEW v AS SELECT 1;", b="CREATE OR REPLACE VIEW v AS SELECT 2;")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CREATE TABLE t (i INT8);", "CREATE TABLE fails when it runs again"),
        ("CREATE TYPE e AS ENUM ('a');", "CREATE TYPE fails when it runs again"),
        ("CREATE INDEX i ON t (a);", "CREATE INDEX fails when it runs again"),
    ],
)
def test_what_runs_once_is_refused(text: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        order(a=text)


def test_the_index_of_a_materialized_view_goes_with_it() -> None:
    assert order(a="CREATE MATERIALIZED VIEW m AS SELECT 1 AS i; CREATE INDEX i ON m (i);") == ["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("-- only a comment", "is empty"),
        ("SELECT 1;\n-- @UNDO\nSELECT 2;", "no undo part"),
        ("-- @dorp view v\nSELECT 1;", r"Unknown directive -- @dorp"),
        ("-- @drop\nSELECT 1;", "does not say what to drop"),
        ("SELECT 'open", "Unterminated string"),
    ],
)
def test_a_bad_file_is_an_error(text: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        order(a=text)


# --- what a change takes along -----------------------------------------------------------------

CHAIN = {
    "a": "CREATE VIEW a AS SELECT 1 AS i;",
    "b": "CREATE VIEW b AS SELECT i FROM a;",
    "c": "CREATE VIEW c AS SELECT i FROM b;",
    "other": "CREATE VIEW other AS SELECT 1 AS i;",
}


def as_recorded(objects: Objects) -> dict[str, RecordedFile]:
    return {f.name: RecordedFile(f.checksum, f.objects) for f in objects.files}


def names(objects: Objects, numbers: object) -> list[str]:
    return [objects.files[i].name.removesuffix(".sql") for i in numbers]  # type: ignore[attr-defined]


def test_a_change_runs_the_object_and_what_depends_on_it() -> None:
    ran = as_recorded(arranged(files(**CHAIN)))
    now = arranged(files(**{**CHAIN, "b": "CREATE VIEW b AS SELECT i, 2 AS j FROM a;"}))
    due = now.due(ran)
    assert names(now, due.files) == ["b", "c"]
    script = now.round(due, ran, {"view c": ["GRANT x"]}).script
    assert script.text.split(";\n") == [
        "DROP VIEW IF EXISTS c, b",
        "CREATE VIEW b AS SELECT i, 2 AS j FROM a",
        "CREATE VIEW c AS SELECT i FROM b",
        "GRANT x",
    ]


def test_nothing_is_dropped_that_we_did_not_make() -> None:
    now = arranged(files(**CHAIN))
    assert "DROP" not in now.round(now.due({}), {}, {}).script.text


def test_a_changed_body_is_replaced_in_place() -> None:
    head = "CREATE OR REPLACE FUNCTION f() RETURNS {} LANGUAGE sql AS 'SELECT {}';"
    texts = {"f": head.format("int", 1), "v": "CREATE VIEW v AS SELECT f() AS i;"}
    ran = as_recorded(arranged(files(**texts)))
    body = arranged(files(**{**texts, "f": head.format("int", 2)}))
    assert names(body, body.due(ran).files) == ["f"]
    assert "DROP" not in body.round(body.due(ran), ran, {}).script.text
    kind = arranged(files(**{**texts, "f": head.format("bigint", 1)}))
    assert names(kind, kind.due(ran).files) == ["f", "v"]
    assert kind.round(kind.due(ran), ran, {}).script.text.startswith(
        "DROP VIEW IF EXISTS v;\nDROP FUNCTION IF EXISTS f()"
    )


def test_only_drop_removes() -> None:
    ran = as_recorded(arranged(files(**CHAIN)))
    without = {name: text for name, text in CHAIN.items() if name != "other"}
    now = arranged(files(**without))
    assert now.due(ran).files == ()
    rows = [("repeatable", n, r.checksum, "", '[["view other", ""]]') for n, r in ran.items()]
    gone = [one for one in statuses(files(**without), rows) if one.state == "missing"]
    assert [one.name for one in gone] == ["other.sql"]
    assert "view other stays" in gone[0].reason
    dropping = arranged(files(**{**without, "z": "-- @drop view other\n"}))
    one = dropping.round(dropping.due(ran), ran, {})
    assert one.script.text == "DROP VIEW IF EXISTS other"
    assert one.gone == ("other.sql",)


def test_neighbouring_views_are_dropped_together() -> None:
    view, function = "DROP VIEW IF EXISTS {}", "DROP FUNCTION IF EXISTS f()"
    given = [view.format("a"), view.format("b"), function, view.format("c"), view.format("a")]
    assert merged(given) == ["DROP VIEW IF EXISTS a, b", function, view.format("c")]


def test_a_thousand_views_are_ordered_at_once() -> None:
    """Counted work: ten times the views are ten times the calls, so no pair is ever compared.

    In seconds: 0.4 of processor time for 1,000 on the machine that the benchmarks name.
    """

    def some(count: int) -> list[Repeatable]:
        return [
            parse_repeatable(
                f"{i * 37 % count}.sql",
                f"CREATE VIEW v{i} AS SELECT 1 FROM t"
                + "".join(f", v{j}" for j in {i // 2, i // 3, i - 1} if 0 <= j < i),
                "p",
            )
            for i in range(count)
        ]

    few, many = some(100), some(1000)
    small = calls(lambda: arranged(few))
    large = calls(lambda: arranged(many))
    assert large < 12 * small
    assert large < 1_500_000
