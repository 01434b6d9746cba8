"""Data destroyed and dangers, without a server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from manticore_cockroachdb.analysis.catalog import Catalog, KnownTable, Size
from manticore_cockroachdb.analysis.cost import LOCKS, NOTHING, Cost, Work, blocks
from manticore_cockroachdb.analysis.costs import LARGE, LARGE_BYTES, cost_of, dangers, is_large
from manticore_cockroachdb.analysis.types import is_free, is_sequential, loss
from manticore_cockroachdb.parser.nodes import Column, QName
from manticore_cockroachdb.parser.parse import parse

from .reading import after

TYPES = {"a": "integer", "n": "numeric(10,2)", "x": "text"}
COLUMNS = {name: Column(name=name, type=type_) for name, type_ in TYPES.items()}
TABLE = KnownTable("public", "t", 5, 8192, COLUMNS)
SERVER = Catalog(tables={("public", "t"): TABLE})
POINT = "what is behind the decimal point"


def cost(sql: str, *, cockroachdb: bool = False):
    server = Catalog(
        tables={("public", "t"): TABLE},
        indexes={("public", "t_a"): "t"},
        volatile=frozenset({"gen_random_uuid"}),
    )
    catalog = after("CREATE TABLE new (a INT8, b INT8)", server=server)
    return cost_of(parse(sql), sql, catalog, cockroachdb=cockroachdb)


@pytest.mark.parametrize(
    ("sql", "lost"),
    [
        ("DROP TABLE t", "all rows of t"),
        ("DROP TABLE t, u CASCADE", "all rows of t, u, and what CASCADE takes with it"),
        ("DROP TABLE new", None),
        ("DROP TABLE new CASCADE", None),
        ("DROP TABLE new, t", "all rows of t"),
        ("TRUNCATE t", "all rows of t"),
        ("TRUNCATE t CASCADE", "all rows of t, and of every table that refers to it"),
        ("TRUNCATE new CASCADE", None),
        ("DELETE FROM new", None),
        ("ALTER TABLE new DROP COLUMN a", None),
        ("MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE", "rows of t"),
        ("MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET a = 1", None),
        (
            "WITH gone AS (DELETE FROM t RETURNING a) SELECT a FROM gone",
            "the rows that its DELETE names",
        ),
        ("WITH set AS (UPDATE t SET a = 1 RETURNING a) SELECT a FROM set", None),
        ("DELETE FROM t", "all rows of t"),
        ("DELETE FROM t WHERE a = 1", "rows of t"),
        (
            "WITH gone AS (DELETE FROM t RETURNING a) INSERT INTO u SELECT a FROM gone",
            "the rows that its DELETE names",
        ),
        ("ALTER TABLE t DROP COLUMN a", "the column t.a"),
        ("ALTER TABLE t DROP a, DROP n", "the column t.a; the column t.n"),
        ("ALTER TABLE t DROP a CASCADE", "the column t.a, and what CASCADE takes with it"),
        ("ALTER TABLE t SET (ttl_expire_after = '1 day')", "rows of t, as they expire"),
        ("ALTER TABLE t SET (fillfactor = 70)", None),
        ("ALTER TABLE t ALTER COLUMN n TYPE INT8", f"of t.n {POINT}"),
        ("ALTER TABLE t ALTER n TYPE INT8 USING n::INT8", f"of t.n {POINT}"),
        ("ALTER TABLE t ALTER COLUMN x TYPE INT8 USING x::INT8", None),
        (
            "ALTER TABLE t ALTER COLUMN x TYPE INT8 USING length(x)",
            "of t.x whatever its USING expression leaves out",
        ),
        ("ALTER TABLE t ALTER COLUMN a TYPE INT8", None),
        ("DROP SCHEMA app CASCADE", "everything in the schema app"),
        ("DROP SCHEMA app", None),
        ("DROP DATABASE d", "everything in the database d"),
        ("DROP EXTENSION e CASCADE", "everything in the extension e"),
        ("DROP EXTENSION e", None),
        ("DROP TYPE m CASCADE", "every column of the type m"),
        ("DROP DOMAIN m CASCADE", "every column of the type m"),
        ("DROP TYPE m", None),
        ("DROP SEQUENCE s", "the position of the sequence s"),
        ("DROP INDEX i", None),
        ("DROP VIEW v", None),
        ("DO $$ BEGIN TRUNCATE t; END $$", "whatever the TRUNCATE in its body is about"),
        ("DO $$ BEGIN PERFORM 1; END $$", None),
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
        ("ALTER TABLE t ADD UNIQUE (a)", {Work.BACKFILL, Work.VALIDATE}),
        ("ALTER TABLE t ADD UNIQUE WITHOUT INDEX (a)", {Work.VALIDATE}),
        ("ALTER TABLE t SET LOCALITY REGIONAL BY ROW", {Work.REWRITE}),
        ("ALTER TABLE t SET LOCALITY GLOBAL", set()),
        ("ALTER TABLE t ALTER PRIMARY KEY USING COLUMNS (a)", {Work.REWRITE}),
        ("ALTER TABLE t SET (ttl_expire_after = '1 day')", {Work.REWRITE}),
        ("ALTER TABLE t RENAME TO u", set()),
        ("TRUNCATE t", set()),
    ],
)
def test_work_on_cockroachdb_and_no_locks(sql, work):
    found = cost(sql, cockroachdb=True)
    assert (set(found.work), found.lock) == (work, None)


@pytest.mark.parametrize(
    ("sql", "lock", "on", "works"),
    [
        ("CREATE INDEX i ON t (a)", "SHARE", "t", "backfill"),
        ("CREATE INDEX i ON new (a)", None, None, ""),
        ("ALTER TABLE new ADD UNIQUE (a)", None, None, ""),
        ("ALTER TABLE new DROP a", None, None, ""),
        ("CREATE TABLE v (a INT8 REFERENCES new)", None, None, ""),
        ("CREATE TABLE v (a INT8 REFERENCES t)", "SHARE ROW EXCLUSIVE", "t", ""),
        ("CREATE TABLE v (a INT8 REFERENCES t, b INT8 REFERENCES u)",
         "SHARE ROW EXCLUSIVE", "t", ""),
        ("CREATE TABLE v (a INT8 REFERENCES v)", None, None, ""),
        ("CREATE TABLE v PARTITION OF t DEFAULT", "ACCESS EXCLUSIVE", "t", ""),
        ("ALTER TABLE t ADD b INT8 REFERENCES u", "ACCESS EXCLUSIVE", "t", ""),
        ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u", "SHARE ROW EXCLUSIVE", "t", "validate"),
        ("ALTER TABLE t ATTACH PARTITION p DEFAULT", "ACCESS EXCLUSIVE", "p", "validate"),
        ("ALTER TABLE t ATTACH PARTITION new DEFAULT", "SHARE UPDATE EXCLUSIVE", "t", ""),
        ("ALTER TABLE t DETACH PARTITION p", "ACCESS EXCLUSIVE", "t", ""),
        ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", "SHARE UPDATE EXCLUSIVE", "t", ""),
        ("ALTER TABLE t VALIDATE CONSTRAINT c, DROP a", "ACCESS EXCLUSIVE", "t", "validate"),
        ("ALTER TABLE t SET (fillfactor = 70)", "SHARE UPDATE EXCLUSIVE", "t", ""),
        ("ALTER TABLE t SET (user_catalog_table = true)", "ACCESS EXCLUSIVE", "t", ""),
        ("ALTER TABLE t RESET (fillfactor)", "SHARE UPDATE EXCLUSIVE", "t", ""),
        ("ALTER TABLE t ALTER a SET STATISTICS 9", "SHARE UPDATE EXCLUSIVE", "t", ""),
        ("ALTER TABLE t DISABLE TRIGGER g", "SHARE ROW EXCLUSIVE", "t", ""),
        ("ALTER TABLE t SET LOGGED", "ACCESS EXCLUSIVE", "t", "rewrite"),
        ("ALTER INDEX t_a SET (fillfactor = 70)", "SHARE UPDATE EXCLUSIVE", "t", ""),
        ("ALTER INDEX t_a RENAME TO b", None, None, ""),
        ("DROP INDEX t_a", "ACCESS EXCLUSIVE", "t", ""),
        ("DROP INDEX z", "ACCESS EXCLUSIVE", None, ""),
        ("DROP TRIGGER g ON t", "ACCESS EXCLUSIVE", "t", ""),
        ("DROP VIEW v", "ACCESS EXCLUSIVE", None, ""),
        ("CREATE POLICY p ON t", "ACCESS EXCLUSIVE", "t", ""),
        ("CREATE VIEW v AS SELECT 1", None, None, ""),
        ("ALTER SEQUENCE s RENAME TO z", None, None, ""),
        ("COMMENT ON TABLE t IS 'x'", "SHARE UPDATE EXCLUSIVE", "t", ""),
        ("COMMENT ON VIEW v IS 'x'", None, None, ""),
        ("SELECT a FROM t FOR UPDATE", "ROW SHARE", None, ""),
        ("SELECT a FROM t", None, None, ""),
        ("LOCK TABLE t", "ACCESS EXCLUSIVE", "t", ""),
        ("VACUUM t", "SHARE UPDATE EXCLUSIVE", "t", ""),
        ("VACUUM (FULL) t", "ACCESS EXCLUSIVE", "t", "rewrite"),
        ("CLUSTER t USING t_a", "ACCESS EXCLUSIVE", "t", "rewrite"),
        ("ANALYZE t", "SHARE UPDATE EXCLUSIVE", "t", ""),
        ("REINDEX TABLE CONCURRENTLY t", "SHARE UPDATE EXCLUSIVE", "t", "backfill"),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY m", "EXCLUSIVE", "m", "backfill"),
        ("CHECKPOINT", None, None, ""),
    ],
)  # fmt: skip
def test_locks_on_postgresql(sql: str, lock: str | None, on: str | None, works: str) -> None:
    found = cost(sql)
    where = found.lock_on and str(found.lock_on)
    assert (found.lock, where, " ".join(sorted(found.work))) == (lock, on, works)


@pytest.mark.parametrize("lock", LOCKS)
def test_costs_add_up_to_the_stronger_lock(lock: str) -> None:
    weak, strong = Cost(lock=lock, lock_on=QName(("a",))), Cost(lock="ACCESS EXCLUSIVE")
    assert (NOTHING + weak).lock == (weak + NOTHING).lock == lock
    assert (weak + strong).lock == (strong + weak).lock == "ACCESS EXCLUSIVE"
    assert str((weak + Cost(lock=lock)).lock_on) == "a", "of two alike the first"
    waiting = {"ACCESS EXCLUSIVE": "reads and writes"}
    weaker = LOCKS.index(lock) < LOCKS.index("SHARE")
    assert blocks(lock) == waiting.get(lock, None if weaker else "writes")
    assert blocks(None) is None


def test_a_sum_keeps_what_either_says() -> None:
    one = Cost(source="s", unknown="u", destroys="d", why=("w",))
    assert one + NOTHING == NOTHING + one == one
    assert one + one == replace(one, destroys="d; d")
    assert cost("ALTER TABLE t ALTER a SET NOT NULL").source == (
        "PostgreSQL: ALTER TABLE, SET NOT NULL"
    )


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DROP TABLE t", ("destroys all rows of t",)),
        ("CREATE INDEX i ON t (a)", ("blocks writes of t for as long as the work takes",)),
        ("ALTER TABLE t ALTER x TYPE INT8 USING length(x)",
         ("destroys of t.x whatever its USING expression leaves out",
          "blocks reads and writes of t for as long as the work takes")),
        ("CLUSTER", ("blocks reads and writes for as long as the work takes",)),
        ("ALTER TABLE t ADD b INT8", ()),
        ("CREATE INDEX i ON new (a)", ()),
    ],
)  # fmt: skip
def test_what_is_dangerous(sql: str, said: tuple[str, ...]) -> None:
    assert dangers(cost(sql), Size("t", None, None)) == said


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


DIGITS = "digits behind the decimal point"
MANY = "digits of numbers that have many"
DAY, DATE, ZONE = "the time of day", "the date", "the time zone"
FRACTIONS = "fractions of seconds"
KEYS = "the order of keys and repeated keys"
BLANKS = "trailing blanks"

# A type on PostgreSQL, what it becomes, whether no row is looked at, and what is lost.
RETYPED = [
    ("character varying(10)", "TEXT", True, None),
    ("character varying(10)", "VARCHAR", True, None),
    ("character varying(10)", "VARCHAR(20)", True, None),
    ("character varying(10)", "VARCHAR(10)", True, None),
    ("character varying(10)", "VARCHAR(5)", False, None),
    ("text", "VARCHAR(5)", False, None),
    ("text", "VARCHAR", True, None),
    ("text", "INT8", False, None),
    ("text", "DATE", False, None),
    ("text", "TIME", False, None),
    ("text", "CHAR(10)", False, BLANKS),
    ("character(10)", "CHAR(5)", False, None),
    ("uuid", "CHAR(36)", False, None),
    ("uuid", "UUID", True, None),
    ("integer", "BIGINT", False, None),
    ("integer", "INTEGER", True, None),
    ("numeric", "NUMERIC(10)", False, DIGITS),
    ("numeric", "INT8", False, POINT),
    ("numeric(10)", "INT8", False, None),
    ("numeric(10)", "NUMERIC(12)", True, None),
    ("numeric(10)", "NUMERIC(10,0)", True, None),
    ("numeric(10,1)", "INT8", False, POINT),
    ("numeric(10,2)", "INT8", False, POINT),
    ("numeric(10,2)", "TEXT", False, None),
    ("numeric(10,2)", "NUMERIC", True, None),
    ("numeric(10,2)", "NUMERIC(12,2)", True, None),
    ("numeric(10,2)", "NUMERIC(8,2)", False, None),
    ("numeric(10,2)", "NUMERIC(10,1)", False, DIGITS),
    ("numeric(10,2)", "NUMERIC(12,4)", False, None),
    ("numeric(10,2)", "FLOAT8", False, MANY),
    ("double precision", "INT8", False, POINT),
    ("double precision", "FLOAT4", False, MANY),
    ("double precision", "FLOAT8", True, None),
    ("double precision", "TEXT", False, None),
    ("real", "INT4", False, POINT),
    ("real", "FLOAT8", False, None),
    ("timestamp with time zone", "DATE", False, DAY),
    ("timestamp without time zone", "TIME", False, DATE),
    ("timestamp with time zone", "TIMETZ", False, DATE),
    ("timestamp without time zone", "TEXT", False, None),
    ("time with time zone", "TIME", False, ZONE),
    ("time with time zone", "TIMETZ", True, None),
    ("time without time zone", "TIME", True, None),
    ("timestamp(6) without time zone", "TIMESTAMP(3)", False, FRACTIONS),
    ("timestamp(6) without time zone", "TIMESTAMP", True, None),
    ("timestamp(3) without time zone", "TIMESTAMP(3)", True, None),
    ("timestamp(3) without time zone", "TIMESTAMP(6)", True, None),
    ("timestamp(3) without time zone", "TIMESTAMP", True, None),
    ("timestamp without time zone", "TIMESTAMP(6)", True, None),
    ("timestamp without time zone", "TIMESTAMP(5)", False, FRACTIONS),
    ("json", "JSONB", False, KEYS),
    ("json", "TEXT", False, None),
    ("jsonb", "JSON", False, None),
    ("cidr", "INET", True, None),
    ("inet", "CIDR", False, None),
    ("bit varying(8)", "VARBIT(8)", True, None),
    ("bit varying(8)", "VARBIT(9)", True, None),
    ("bit varying(8)", "VARBIT", True, None),
    ("bit varying(8)", "VARBIT(7)", False, None),
    ("bit varying", "VARBIT(8)", False, None),
    ("bit varying(8)", "TEXT", False, None),
]


@pytest.mark.parametrize(("old", "new", "free", "lost"), RETYPED)
def test_changes_of_type(old: str, new: str, free: bool, lost: str | None) -> None:
    assert is_free(old, new, cockroachdb=False) == free
    assert loss(old, new, cockroachdb=False) == lost


@pytest.mark.parametrize(
    ("old", "new", "postgresql", "cockroachdb"),
    [
        ("bigint", "INT8", True, True),
        ("smallint", "INT8", False, True),
        ("bigint", "INT4", False, False),
        ("integer", "INTEGER", True, True),
        ("INTEGER", "INT4", True, False),
        ("INT", "INT8", False, True),
        ("INTEGER[]", "INT8[]", False, True),
        ("INTEGER[]", "INT4[]", True, False),
        ("json", "JSONB", False, True),  # CockroachDB has one of them
        ("text", "STRING", True, True),
        ("text", "INT8", False, False),
    ],
)
def test_changes_of_type_that_differ_by_engine(
    old: str, new: str, postgresql: bool, cockroachdb: bool
) -> None:
    assert is_free(old, new, cockroachdb=False) == postgresql
    assert is_free(old, new, cockroachdb=True) == cockroachdb
    assert not cockroachdb or loss(old, new, cockroachdb=True) is None


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
    verbs = ("VALIDATE CONSTRAINT c" if one == "VALIDATE c" else f"ADD {one}" for one in before)
    catalog = after(*(f"ALTER TABLE t {verb}" for verb in verbs), server=SERVER)
    sql = "ALTER TABLE t ALTER a SET NOT NULL"
    found = cost_of(parse(sql), sql, catalog, cockroachdb=False)
    assert "; ".join(found.why) == why
    assert found.work == (frozenset() if why else {Work.VALIDATE})


def test_an_index_that_was_made_before_is_one_of_its_table() -> None:
    index = QName(("i",))
    assert after(server=SERVER).table_of_index(index) is None
    catalog = after("CREATE INDEX i ON t (a)", server=SERVER)
    assert str(catalog.table_of_index(index)) == "t"


def test_a_table_that_was_renamed_or_moved_is_called_what_it_is_now() -> None:
    catalog = after("ALTER TABLE t RENAME TO u", "ALTER TABLE u SET SCHEMA s", server=SERVER)
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


@pytest.mark.parametrize(
    ("column", "answer"),
    [
        (Column(name="a", type="BIGSERIAL"), True),
        (Column(name="a", type="INT8", identity="always"), True),
        (Column(name="a", type="INT8", default="unique_rowid()"), True),
        (Column(name="a", type="TEXT", default="'now()'"), False),
        (Column(name="a", type="INT8"), False),
    ],
)
def test_a_column_that_counts_is_sequential(column: Column, answer: bool) -> None:
    assert is_sequential(column) is answer
