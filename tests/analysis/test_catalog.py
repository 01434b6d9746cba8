"""The simulated catalog: what is known of tables when a statement's turn comes."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.analysis.catalog import (
    Catalog,
    KnownTable,
    SimulatedCatalog,
    Size,
    default_name,
)
from manticore_cockroachdb.parser.nodes import Column, Constraint, QName

from .reading import after

T = QName(("t",))
MADE = "CREATE TABLE t (id INT8 PRIMARY KEY, a INT4 NOT NULL, b TEXT UNIQUE)"
SERVER = Catalog(
    ("app", "public"),
    {
        ("public", "t"): KnownTable(
            "public",
            "t",
            5,
            8192,
            {"a": Column(name="a", type="integer")},
            checks=("CHECK ((a > 0))",),
        ),
        ("app", "u"): KnownTable("app", "u", 7, 9),
        ("public", "u"): KnownTable("public", "u", 0, 0),
        ("public", "bare"): KnownTable("public", "bare"),
    },
    {("public", "t_a"): "t"},
)


def name(text: str) -> QName:
    return QName(tuple(text.split(".")))


def columns(catalog: SimulatedCatalog, table: QName = T) -> str:
    found = catalog.table(table)
    if found is None:
        return "no table"
    return ", ".join(
        f"{name} {one.type}{' NOT NULL' if one.not_null else ''}"
        for name, one in found.columns.items()
    )


@pytest.mark.parametrize(
    ("actions", "left"),
    [
        ((), "id INT8, a INT4 NOT NULL, b TEXT"),
        (("ADD c INT2 NOT NULL",), "id INT8, a INT4 NOT NULL, b TEXT, c INT2 NOT NULL"),
        (("DROP b",), "id INT8, a INT4 NOT NULL"),
        (("DROP z",), "id INT8, a INT4 NOT NULL, b TEXT"),
        (("ALTER a TYPE INT8",), "id INT8, a INT8 NOT NULL, b TEXT"),
        (("ALTER z TYPE INT8",), "id INT8, a INT4 NOT NULL, b TEXT, z INT8"),
        (("RENAME b TO c",), "id INT8, a INT4 NOT NULL, c TEXT"),
        (("ALTER a DROP NOT NULL",), "id INT8, a INT4, b TEXT"),
        (("ALTER b SET NOT NULL",), "id INT8, a INT4 NOT NULL, b TEXT NOT NULL"),
        (("ALTER z SET NOT NULL",), "id INT8, a INT4 NOT NULL, b TEXT"),
        (("ADD c INT2, DROP b", "DROP a"), "id INT8, c INT2"),
        (("VALIDATE CONSTRAINT z",), "id INT8, a INT4 NOT NULL, b TEXT"),
        (("RENAME TO u",), "no table"),
        (("SET SCHEMA app",), "no table"),
    ],
)
def test_the_columns_of_a_table_that_was_altered(actions: tuple[str, ...], left: str) -> None:
    assert columns(after(MADE, *(f"ALTER TABLE t {action}" for action in actions))) == left


def test_a_question_is_answered_as_of_its_statement() -> None:
    catalog = after(MADE, "ALTER TABLE t ALTER a TYPE INT8", "DROP TABLE t", server=SERVER)
    types = [catalog.column(T, "a", at) for at in (1, 2, 3, 4, None)]
    assert [one and one.type for one in types] == ["integer", "INT4", "INT8", "integer", "integer"]
    assert catalog.stamp == 4 and catalog.type_of(T, "a") == "integer"
    assert [str(catalog.key(T, at)) for at in (1, 2)] == ["('public', 't')", "('app', 't')"]


def test_a_column_that_no_statement_gives_a_type_has_none() -> None:
    catalog = after("ALTER TABLE t RENAME a TO b", "ALTER TABLE t ALTER c TYPE INT8")
    assert catalog.column(T, "b") is None and catalog.type_of(T, "b") is None
    assert catalog.type_of(T, "c") == "INT8" and catalog.type_of(T, "d") is None
    assert catalog.type_of(name("u"), "c") is None


def test_columns_that_were_added_and_renamed() -> None:
    catalog = after(MADE, "ALTER TABLE t ADD c INT8", "ALTER TABLE t RENAME c TO d")
    table = catalog.table(T)
    assert table is not None and table.made == 1 and table.not_null == {"a"}
    assert (dict(table.added), dict(table.renamed)) == ({"d": 2}, {"d": "c"})
    dropped = after(MADE, "ALTER TABLE t ADD c INT8", "ALTER TABLE t DROP c").table(T)
    assert dropped is not None and not dropped.added
    old = after(MADE, "ALTER TABLE t RENAME b TO c").table(T)
    assert old is not None and not old.added


@pytest.mark.parametrize(
    ("statements", "table", "size"),
    [
        ((), "t", Size("t", 5, 8192)),
        ((), "u", Size("u", 7, 9)),  # that of the first schema of the search path
        ((), "public.u", Size("public.u", 0, 0)),
        ((), "nobody", None),
        (("ALTER TABLE nobody ADD a INT8",), "nobody", None),  # whoever it is, it was there
        (("CREATE TABLE v (a INT8)",), "v", Size("v", 0, 0, new=True)),
        (("CREATE TABLE v AS SELECT 1 AS a",), "v", Size("v", None, None, new=True)),
        (("ALTER TABLE t RENAME TO v",), "v", Size("v", 5, 8192)),
        (("ALTER TABLE bare RENAME TO v",), "v", Size("v", None, None)),
        (("ALTER TABLE bare RENAME TO v",), "bare", None),
        (("ALTER TABLE nobody RENAME TO v",), "v", None),
        (("ALTER TABLE u SET SCHEMA s",), "s.u", Size("s.u", 7, 9)),
        (("DROP TABLE t",), "t", None),
        (("DROP TABLE app.u",), "u", Size("u", 0, 0)),
        (("CREATE TABLE IF NOT EXISTS t (a INT8)",), "t", Size("t", 5, 8192)),
        (("CREATE TABLE IF NOT EXISTS v (a INT8)",), "v", Size("v", 0, 0, new=True)),
        (("CREATE TABLE t (a INT8)",), "t", Size("t", 0, 0, new=True)),
        (("CREATE TABLE t (a INT8)",), "public.t", Size("public.t", 5, 8192)),
        (("CREATE TABLE m (a INT8)", "DROP MATERIALIZED VIEW m"), "m", None),
        (("ALTER VIEW t RENAME TO v",), "t", Size("t", 5, 8192)),
    ],
)
def test_how_big_a_table_is(statements: tuple[str, ...], table: str, size: Size | None) -> None:
    catalog = after(*statements, server=SERVER)
    assert catalog.size(name(table)) == size
    assert catalog.is_new(name(table)) is (size is not None and size.new)
    assert catalog.size(None) is None
    found = catalog.table(name(table))
    assert found is None or (found.schema, found.name) == catalog.key(name(table))


def test_a_table_that_statements_only_speak_of_is_hearsay() -> None:
    catalog = after("ALTER TABLE nobody ADD a INT8", "ALTER TABLE t ADD b INT8", server=SERVER)
    spoken, told = catalog.table(name("nobody")), catalog.table(T)
    assert spoken is not None and spoken.hearsay and not spoken.new
    assert told is not None and not told.hearsay
    constrained = after("ALTER TABLE nobody ADD CONSTRAINT c UNIQUE (a)").table(name("nobody"))
    assert constrained is not None and constrained.hearsay
    assert after("ALTER TABLE nobody RENAME TO v").table(name("v")) is None


KEY = "t_b_key unique (b)"


@pytest.mark.parametrize(
    ("actions", "constraints"),
    [
        ((), KEY),
        (("ADD CONSTRAINT c CHECK (a > 0)",), f"{KEY}; c check ()"),
        (("ADD CHECK (a > 0)",), f"{KEY}; t_check check ()"),
        (("ADD UNIQUE (a, b)",), f"{KEY}; t_a_b_key unique (a, b)"),
        (("ADD c INT8 UNIQUE",), f"{KEY}; t_c_key unique (c)"),
        (("ADD c INT8",), KEY),
        (("DROP CONSTRAINT t_b_key",), ""),
        (("DROP CONSTRAINT z",), KEY),
        (("RENAME CONSTRAINT t_b_key TO c",), "c unique (b)"),
        (("RENAME CONSTRAINT z TO c",), KEY),
        (("ADD CONSTRAINT c CHECK (a > 0) NOT VALID",), f"{KEY}; c check () not valid"),
        (("ADD CONSTRAINT c CHECK (a > 0) NOT VALID", "VALIDATE CONSTRAINT c"),
         f"{KEY}; c check ()"),
        (("ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u NOT VALID", "VALIDATE CONSTRAINT c"),
         f"{KEY}; c foreign key (a)"),
    ],
)  # fmt: skip
def test_the_constraints_of_a_table(actions: tuple[str, ...], constraints: str) -> None:
    catalog = after(MADE, *(f"ALTER TABLE t {action}" for action in actions))
    table = catalog.table(T)
    assert table is not None
    shown = [
        f"{name} {one.kind} ({', '.join(one.columns)}){' not valid' * one.not_valid}"
        for name, one in table.constraints.items()
    ]
    assert shown[0] == "t_pkey primary key (id)" and "; ".join(shown[1:]) == constraints
    holds = [one for one in table.constraints.values() if one.kind == "check" and not one.not_valid]
    assert list(table.checks) == [f"CHECK ({one.expression})" for one in holds]
    assert catalog.constraint(T, "t_pkey") == table.constraints["t_pkey"]
    assert catalog.constraint(name("nobody"), "t_pkey") is None


def test_the_constraints_that_a_table_is_made_with() -> None:
    catalog = after("CREATE TABLE app.t (a INT8, b INT8, CONSTRAINT c UNIQUE (a), CHECK (b > 0))")
    table = catalog.table(name("app.t"))
    assert table is not None and list(table.constraints) == ["c", "t_check"]
    assert catalog.is_of_constraint(name("app.c"))
    assert str(catalog.table_of_index(name("app.c"))) == "app.t"


@pytest.mark.parametrize(
    ("sql", "index", "table", "of_constraint"),
    [
        ("SELECT 1", "t_a", "t", False),
        ("SELECT 1", "public.t_a", "public.t", False),
        ("SELECT 1", "app.t_a", None, False),
        ("CREATE INDEX i ON t (a)", "i", "t", False),
        ("CREATE INDEX i ON t (a)", "public.i", "public.t", False),
        ("CREATE INDEX ON t (a)", "t_a_idx", None, False),
        ("CREATE INDEX i ON s.v (a)", "s.i", "s.v", False),
        ("CREATE INDEX i ON s.v (a)", "i", None, False),
        ("DROP INDEX public.t_a", "t_a", None, False),
        ("DROP INDEX app.t_a", "t_a", "t", False),
        ("DROP INDEX t_a", "t_a", None, False),
        ("CREATE INDEX i ON nobody (a)", "app.i", "app.nobody", False),
        ("CREATE TABLE v (a INT8 UNIQUE)", "v_a_key", "v", True),
        ("CREATE TABLE v (a INT8 PRIMARY KEY)", "v_pkey", None, False),
        ("CREATE TABLE v (a INT8, UNIQUE WITHOUT INDEX (a))", "v_a_key", None, False),
        ("ALTER TABLE u ADD CONSTRAINT c UNIQUE (a)", "c", "u", True),
        ("ALTER TABLE u ADD CONSTRAINT c UNIQUE (a)", "app.c", "app.u", True),
        ("ALTER TABLE public.u ADD CONSTRAINT c UNIQUE (a)", "c", "u", True),
        ("ALTER TABLE u ADD CONSTRAINT c CHECK (a > 0)", "c", None, False),
    ],
)
def test_the_table_of_an_index(
    sql: str, index: str, table: str | None, of_constraint: bool
) -> None:
    catalog = after(sql, server=SERVER)
    found = catalog.table_of_index(name(index))
    assert (found and str(found)) == table
    assert catalog.is_of_constraint(name(index)) is of_constraint
    assert not catalog.is_of_constraint(name(index), 1)


def test_an_index_that_was_dropped_is_no_more() -> None:
    catalog = after("CREATE TABLE t (a INT8 UNIQUE)", "DROP INDEX t_a_key CASCADE")
    assert catalog.is_of_constraint(name("t_a_key"), 2)
    assert str(catalog.table_of_index(name("t_a_key"), 2)) == "t"
    assert not catalog.is_of_constraint(name("t_a_key"))
    assert catalog.table_of_index(name("t_a_key")) is None


@pytest.mark.parametrize(
    ("statements", "proof"),
    [
        (("CREATE TABLE t (a INT8)",), None),
        (("CREATE TABLE t (a INT8 NOT NULL)",), "column"),
        (("CREATE TABLE t (a INT8 CHECK (a IS NOT NULL))",), "check"),
        (("CREATE TABLE t (a INT8, CHECK (a IS NOT NULL))",), "check"),
        (('CREATE TABLE t (a INT8, CHECK (("a") is not null))',), "check"),
        (("CREATE TABLE t (a INT8, b INT8, CHECK (b IS NOT NULL))",), None),
        (("CREATE TABLE t (a INT8, CHECK (a IS NOT NULL OR true))",), None),
        (("CREATE TABLE t (a INT8, CONSTRAINT c UNIQUE (a))",), None),
        ((), None),
    ],
)
def test_what_proves_not_null(statements: tuple[str, ...], proof: str | None) -> None:
    assert after(*statements).proof_of_not_null(T, "a") == proof


@pytest.mark.parametrize(
    ("dropped", "proven"),
    [("named", "b c"), ("other", "a b c"), ("t_b_check", "a c"), ("z", "a c")],
)
def test_a_check_that_was_dropped_proves_nothing(dropped: str, proven: str) -> None:
    """Where nobody told its name it may be any of those that have none."""
    catalog = after(
        "CREATE TABLE t (a INT8, b INT8 CHECK (b IS NOT NULL), c INT8,"
        " CONSTRAINT named CHECK (a IS NOT NULL), CONSTRAINT other CHECK (a > 0))",
        "ALTER TABLE t ADD CONSTRAINT more CHECK (c IS NOT NULL)",
        f"ALTER TABLE t DROP CONSTRAINT {dropped}",
    )
    found = [column for column in "abc" if catalog.proof_of_not_null(T, column)]
    assert found == proven.split()
    assert catalog.proof_of_not_null(T, "a", 3) == "check"


def test_the_objects_that_were_created_before() -> None:
    again = MADE.replace("TABLE", "TABLE IF NOT EXISTS")
    made = ("VIEW v AS SELECT 1", "SEQUENCE s", "TYPE m AS ENUM ('a')", "SCHEMA app")
    catalog = after(
        MADE, *(f"CREATE {one}" for one in made), "CREATE INDEX i ON t (a)", MADE, again
    )
    assert [catalog.objects(at) for at in range(1, 10)] == [0, 1, 2, 3, 4, 5, 5, 6, 6]


@pytest.mark.parametrize(
    ("constraint", "given"),
    [
        (Constraint(kind="primary key", columns=("a",)), "t_pkey"),
        (Constraint(kind="unique", columns=("a", "b")), "t_a_b_key"),
        (Constraint(kind="foreign key", columns=("a",)), "t_a_fkey"),
        (Constraint(kind="exclude", columns=("a",)), "t_a_excl"),
        (Constraint(kind="not null", columns=("a",)), "t_a_not_null"),
        (Constraint(kind="check"), "t_check"),
    ],
)
def test_the_name_that_a_server_gives(constraint: Constraint, given: str) -> None:
    assert default_name("t", constraint) == given
