"""Data destroyed and dangers, without a server."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.analysis.catalog import Catalog, KnownTable, SimulatedCatalog, Size
from manticore_cockroachdb.analysis.cost import Work
from manticore_cockroachdb.analysis.costs import LARGE, LARGE_BYTES, cost_of, dangers, is_large
from manticore_cockroachdb.analysis.types import is_free, is_sequential, loss
from manticore_cockroachdb.parser.nodes import Column, QName
from manticore_cockroachdb.parser.parse import parse

TYPES = {"a": "integer", "n": "numeric(10,2)", "x": "text"}
COLUMNS = {name: Column(name=name, type=type_) for name, type_ in TYPES.items()}
TABLE = KnownTable("public", "t", 5, 8192, COLUMNS)


def cost(sql: str, *, cockroachdb: bool = False):
    catalog = SimulatedCatalog(
        Catalog(tables={("public", "t"): TABLE}, volatile=frozenset({"gen_random_uuid"}))
    )
    return cost_of(parse(sql), sql, catalog, cockroachdb=cockroachdb)


@pytest.mark.parametrize(
    ("sql", "lost"),
    [
        ("DROP TABLE t", "all rows of t"),
        ("DROP TABLE t, u CASCADE", "all rows of t, u, and what CASCADE takes with it"),
        ("TRUNCATE t", "all rows of t"),
        ("DELETE FROM t", "all rows of t"),
        ("DELETE FROM t WHERE a = 1", "rows of t"),
        (
            "WITH gone AS (DELETE FROM t RETURNING a) INSERT INTO u SELECT a FROM gone",
            "the rows that its DELETE names",
        ),
        ("ALTER TABLE t DROP COLUMN a", "the column t.a"),
        ("ALTER TABLE t ALTER COLUMN n TYPE INT8", "of t.n what is behind the decimal point"),
        ("ALTER TABLE t ALTER COLUMN x TYPE INT8 USING x::INT8", None),
        (
            "ALTER TABLE t ALTER COLUMN x TYPE INT8 USING length(x)",
            "of t.x whatever its USING expression leaves out",
        ),
        ("ALTER TABLE t ALTER COLUMN a TYPE INT8", None),
        ("DROP SCHEMA app CASCADE", "everything in the schema app"),
        ("DROP SCHEMA app", None),
        ("DROP SEQUENCE s", "the position of the sequence s"),
        ("DROP INDEX i", None),
        ("DROP VIEW v", None),
        ("DO $$ BEGIN TRUNCATE t; END $$", "whatever the TRUNCATE in its body is about"),
        ("UPDATE t SET a = 1", None),
        ("INSERT INTO t VALUES (1)", None),
    ],
)
@pytest.mark.parametrize("cockroachdb", [False, True])
def test_what_is_destroyed(sql, lost, cockroachdb):
    assert cost(sql, cockroachdb=cockroachdb).destroys == lost


@pytest.mark.parametrize(
    ("sql", "work"),
    [
        ("CREATE INDEX i ON t (a)", {Work.BACKFILL}),
        ("CREATE UNIQUE INDEX i ON t (a)", {Work.BACKFILL, Work.VALIDATE}),
        ("ALTER TABLE t ADD COLUMN c INT8", set()),
        ("ALTER TABLE t ADD COLUMN c INT8 DEFAULT 1", {Work.BACKFILL}),
        ("ALTER TABLE t ADD COLUMN c INT8 UNIQUE", {Work.BACKFILL, Work.VALIDATE}),
        ("ALTER TABLE t DROP COLUMN a", {Work.BACKFILL}),
        ("ALTER TABLE t ALTER COLUMN a TYPE INT8", set()),
        ("ALTER TABLE t ALTER COLUMN a TYPE TEXT", {Work.REWRITE}),
        ("ALTER TABLE t ALTER COLUMN a SET NOT NULL", {Work.VALIDATE}),
        ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", {Work.VALIDATE}),
        ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID", set()),
        ("ALTER TABLE t ALTER PRIMARY KEY USING COLUMNS (a)", {Work.REWRITE}),
        ("ALTER TABLE t SET (ttl_expire_after = '1 day')", {Work.REWRITE}),
        ("ALTER TABLE t RENAME TO u", set()),
        ("TRUNCATE t", set()),
    ],
)
def test_work_on_cockroachdb_and_no_locks(sql, work):
    found = cost(sql, cockroachdb=True)
    assert (set(found.work), found.lock) == (work, None)


def test_what_nobody_understands_is_a_danger():
    sql = "ALTER TABLE t FROBNICATE ALL THE THINGS TWICE ("
    assert dangers(cost(sql), None) == ("it could not be parsed, so nothing says what it does",)


@pytest.mark.parametrize(
    ("size", "dangerous"),
    [
        (Size("t", 99_999, 10**9), False),
        (Size("t", 100_000, 1), True),
        (Size("t", None, None), True),
        (Size("t", None, 10**9), True),
        (Size("t", None, 10**6), False),
        (Size("t", 10**9, 10**9, new=True), False),
    ],
)
def test_waiting_is_a_danger_where_it_takes_long(size, dangerous):
    assert bool(dangers(cost("CREATE INDEX i ON t (a)"), size)) == dangerous
    assert not dangers(cost("CREATE INDEX CONCURRENTLY i ON t (a)"), size)


@pytest.mark.parametrize(
    ("old", "new", "free", "lost"),
    [
        ("character varying(10)", "TEXT", True, False),
        ("character varying(10)", "VARCHAR(10)", True, False),
        ("character varying(10)", "VARCHAR(5)", False, False),
        ("numeric(10,2)", "NUMERIC(10,1)", False, True),
        ("double precision", "INT8", False, True),
        ("timestamp with time zone", "DATE", False, True),
        ("timestamp(6) without time zone", "TIMESTAMP(3)", False, True),
        ("integer", "BIGINT", False, False),
        ("cidr", "INET", True, False),
        ("uuid", "UUID", True, False),
    ],
)
def test_changes_of_type(old, new, free, lost):
    assert is_free(old, new, cockroachdb=False) == free
    assert (loss(old, new, cockroachdb=False) is not None) == lost


@pytest.mark.parametrize(
    ("rows", "size", "large"),
    [
        (LARGE, 0, True),
        (LARGE - 1, LARGE_BYTES, False),  # the rows are known, and they are few
        (None, LARGE_BYTES, True),
        (None, LARGE_BYTES - 1, False),
        (0, None, False),
        (None, None, True),  # nobody knows
    ],
)
def test_a_table_is_large_by_its_rows_and_by_its_bytes_only_where_these_are_unknown(
    rows: int | None, size: int | None, large: bool
) -> None:
    assert (LARGE, LARGE_BYTES) == (100_000, 64_000_000)
    assert is_large(Size("t", rows, size)) is large
    assert not is_large(Size("t", rows, size, new=True)) and not is_large(None)


@pytest.mark.parametrize(
    "constraint", ["CHECK (a > 0)", "FOREIGN KEY (a) REFERENCES u", "CONSTRAINT n NOT NULL a"]
)
def test_a_constraint_that_is_not_validated_says_why_it_reads_no_row(constraint: str) -> None:
    later = cost(f"ALTER TABLE t ADD {constraint} NOT VALID")
    assert (later.work, later.why) == (frozenset(), ("NOT VALID: old rows are not looked at",))
    now = cost(f"ALTER TABLE t ADD {constraint}")
    assert (now.work, now.why) == (frozenset({Work.VALIDATE}), ())


CONCURRENTLY = "reads the table twice, without blocking anybody"
EVERY_ROW = "writes every row in one transaction"
QUERY = "runs its query and stores the rows"
LOCKED = "while the table is locked"

# A statement, and why it costs what it costs: on PostgreSQL, on CockroachDB.
WHYS = [
    ("CREATE INDEX i ON t (a)", "", ""),
    ("CREATE INDEX CONCURRENTLY i ON t (a)", CONCURRENTLY, ""),
    ("CREATE VECTOR INDEX i ON t (a)", "", "writes to the table wait meanwhile"),
    ("CREATE TABLE c AS SELECT * FROM t", QUERY, QUERY),
    ("CREATE MATERIALIZED VIEW v AS SELECT 1", QUERY, QUERY),
    ("UPDATE t SET a = 1", EVERY_ROW, EVERY_ROW),
    ("UPDATE t SET a = 1 WHERE a = 2", "", ""),
    ("DELETE FROM t", EVERY_ROW, EVERY_ROW),
    ("INSERT INTO t VALUES (1)", "", ""),
    ("DO $$ BEGIN END $$", *["what it does cannot be seen from outside"] * 2),
    ("ALTER TABLE t ADD b INT", "", ""),
    ("ALTER TABLE t ADD b INT DEFAULT NULL", "", ""),
    ("ALTER TABLE t ADD b INT DEFAULT 1", "", "every row gets the default"),
    ("ALTER TABLE t ADD b INT NOT NULL", "", "fails where there are rows"),
    (
        "ALTER TABLE t ADD b UUID DEFAULT gen_random_uuid()",
        "gen_random_uuid() gives another value for each row",
        "every row gets the default",
    ),
    (
        "ALTER TABLE t ADD b SERIAL",
        "each row gets a number of its own",
        "every row gets a number of its own",
    ),
    (
        "ALTER TABLE t ADD b INT GENERATED ALWAYS AS (a + 1) STORED",
        "the generated value is computed for each row",
        "every row gets the computed value",
    ),
    ("ALTER TABLE t ADD b INT UNIQUE", f"builds the unique index {LOCKED}", ""),
    ("ALTER TABLE t ADD b INT CHECK (b > 0)", *["every row is checked"] * 2),
    ("ALTER TABLE t ADD b INT REFERENCES u", "", ""),
    (
        "ALTER TABLE t ADD b INT DEFAULT 1 REFERENCES u",
        "every row is looked up in u",
        "every row gets the default; every row is looked up in u",
    ),
    ("ALTER TABLE t DROP a", "", "its values are taken out of every row"),
    (
        "ALTER TABLE t ALTER n TYPE NUMERIC(12,2)",
        "numeric(10,2) to NUMERIC(12,2) leaves the rows alone",
        "",
    ),
    ("ALTER TABLE t ALTER a TYPE TEXT", *["changes a from integer to TEXT in every row"] * 2),
    ("ALTER TABLE t ALTER z TYPE TEXT", *["changes z to TEXT in every row"] * 2),
    ("ALTER TABLE t ALTER a SET NOT NULL", "", ""),
    ("ALTER TABLE t ADD CHECK (a > 0) NOT VALID", *["NOT VALID: old rows are not looked at"] * 2),
    ("ALTER TABLE t ADD CHECK (a > 0)", "", ""),
    ("ALTER TABLE t ADD UNIQUE (a)", f"builds its index {LOCKED}", ""),
    ("ALTER TABLE t ADD UNIQUE USING INDEX i", "takes over an index that is there", ""),
    (
        "ALTER TABLE t ADD PRIMARY KEY (a)",
        f"builds its index {LOCKED}",
        "every index is built anew",
    ),
    (
        "ALTER TABLE t ATTACH PARTITION p FOR VALUES IN (1)",
        "reads p, unless a CHECK already says the same",
        "",
    ),
    ("ALTER TABLE t SET (ttl_expire_after = '1 day')", "", "every row gets a column"),
]


@pytest.mark.parametrize(("sql", "postgresql", "cockroachdb"), WHYS)
def test_a_cost_says_why(sql: str, postgresql: str, cockroachdb: str) -> None:
    assert "; ".join(cost(sql).why) == postgresql
    assert "; ".join(cost(sql, cockroachdb=True).why) == cockroachdb


PROVEN = "a valid CHECK already proves it, so no row is read"


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ((), ""),
        (("CHECK (a IS NOT NULL)",), PROVEN),
        (("CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID",), ""),
        (("CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID", "VALIDATE c"), PROVEN),
        (("CONSTRAINT c CHECK (n IS NOT NULL)",), ""),
        (("UNIQUE (a)",), ""),
    ],
)
def test_a_check_that_was_added_before_proves_not_null(before: tuple[str, ...], why: str) -> None:
    catalog = SimulatedCatalog(Catalog(tables={("public", "t"): TABLE}))
    for one in before:
        verb = "VALIDATE CONSTRAINT c" if one == "VALIDATE c" else f"ADD {one}"
        node = parse(f"ALTER TABLE t {verb}")
        assert node is not None
        catalog.take(node)
    sql = "ALTER TABLE t ALTER a SET NOT NULL"
    found = cost_of(parse(sql), sql, catalog, cockroachdb=False)
    assert "; ".join(found.why) == why
    assert found.work == (frozenset() if why else {Work.VALIDATE})


def test_an_index_that_was_made_before_is_one_of_its_table() -> None:
    catalog = SimulatedCatalog(Catalog(tables={("public", "t"): TABLE}))
    node, index = parse("CREATE INDEX i ON t (a)"), QName(("i",))
    assert node is not None and catalog.table_of_index(index) is None
    catalog.take(node)
    assert str(catalog.table_of_index(index)) == "t"


def test_a_table_that_was_renamed_or_moved_is_called_what_it_is_now() -> None:
    catalog = SimulatedCatalog(Catalog(tables={("public", "t"): TABLE}))
    for sql in ("ALTER TABLE t RENAME TO u", "ALTER TABLE u SET SCHEMA s"):
        node = parse(sql)
        assert node is not None
        catalog.take(node)
    found = catalog.table(QName(("s", "u")))
    assert found is not None and (found.schema, found.name) == ("s", "u")
    assert catalog.table(QName(("t",))) is None


@pytest.mark.parametrize(
    ("default", "answer"),
    [
        *((one, True) for one in ("current_timestamp", "CURRENT_DATE", "now()", "nextval('s')")),
        *((one, False) for one in ("1", "gen_random_uuid()", None)),
    ],
)
def test_what_comes_just_above_the_last_one(default: str | None, answer: bool) -> None:
    assert is_sequential(Column(name="a", type="x", default=default)) is answer
