"""Every rule for PostgreSQL, held against what the server really does.

Each statement runs in a transaction on a table with rows. The lock is what pg_locks shows, a
rewrite is another file under the same table, a scan is one that the table's counter has seen.
"""

from __future__ import annotations

import psycopg
import pytest

from manticore_cockroachdb.analysis.catalog import Catalog, SimulatedCatalog
from manticore_cockroachdb.analysis.cost import LOCKS, Work
from manticore_cockroachdb.analysis.costs import cost_of
from manticore_cockroachdb.database import Database
from manticore_cockroachdb.parser.parse import parse
from manticore_cockroachdb.preview.build import Read, named
from manticore_cockroachdb.preview.facts import (
    checks,
    columns,
    sizes_postgresql,
    tables_of,
    volatile,
)

SETUP = """
CREATE TABLE other (id INT8 PRIMARY KEY);
INSERT INTO other SELECT g FROM generate_series(1, 50) g;
CREATE TABLE t (id INT8 PRIMARY KEY, a INT4 NOT NULL, b INT8, s VARCHAR(10), x TEXT,
    n NUMERIC(10, 2), ts TIMESTAMP(3), tz TIMESTAMPTZ, d INT4, CHECK (d IS NOT NULL));
INSERT INTO t SELECT g, g, g, 's', '7', 1.5, now(), now(), g FROM generate_series(1, 50) g;
ALTER TABLE t ADD CONSTRAINT later CHECK (a > 0) NOT VALID;
CREATE INDEX t_a ON t (a);
CREATE UNIQUE INDEX t_b ON t (b);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touch_it BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE whole (k INT8) PARTITION BY RANGE (k);
CREATE TABLE part (k INT8);
CREATE SEQUENCE counter;
ANALYZE t;
"""

STATEMENTS = (
    "CREATE INDEX i ON t (s)",
    "DROP INDEX t_a",
    "DROP TABLE t",
    "TRUNCATE t",
    "ALTER TABLE t ADD COLUMN c INT8",
    "ALTER TABLE t ADD COLUMN c INT8 DEFAULT 7",
    "ALTER TABLE t ADD COLUMN c INT8 NOT NULL DEFAULT 7",
    "ALTER TABLE t ADD COLUMN c TIMESTAMPTZ DEFAULT now()",
    "ALTER TABLE t ADD COLUMN c FLOAT8 DEFAULT random()",
    "ALTER TABLE t ADD COLUMN c UUID DEFAULT gen_random_uuid()",
    "ALTER TABLE t ADD COLUMN c TIMESTAMPTZ DEFAULT clock_timestamp()",
    "ALTER TABLE t ADD COLUMN c INT8 DEFAULT nextval('counter')",
    "ALTER TABLE t ADD COLUMN c BIGSERIAL",
    "ALTER TABLE t ADD COLUMN c INT8 GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE t ADD COLUMN c INT8 GENERATED ALWAYS AS (a + 1) STORED",
    "ALTER TABLE t ADD COLUMN c INT8 REFERENCES other (id)",
    "ALTER TABLE t ADD COLUMN c INT8 DEFAULT 1 REFERENCES other (id)",
    "ALTER TABLE t ADD COLUMN c INT8 CHECK (c > 0)",
    "ALTER TABLE t ADD COLUMN c INT8 UNIQUE",
    "ALTER TABLE t DROP COLUMN x",
    "ALTER TABLE t ALTER COLUMN a TYPE INT8",
    "ALTER TABLE t ALTER COLUMN s TYPE VARCHAR(20)",
    "ALTER TABLE t ALTER COLUMN s TYPE TEXT",
    "ALTER TABLE t ALTER COLUMN s TYPE VARCHAR(5)",
    "ALTER TABLE t ALTER COLUMN x TYPE VARCHAR",
    "ALTER TABLE t ALTER COLUMN x TYPE VARCHAR(20)",
    "ALTER TABLE t ALTER COLUMN x TYPE INT4 USING x::INT4",
    "ALTER TABLE t ALTER COLUMN n TYPE NUMERIC(12, 2)",
    "ALTER TABLE t ALTER COLUMN n TYPE NUMERIC",
    "ALTER TABLE t ALTER COLUMN n TYPE NUMERIC(12, 4)",
    "ALTER TABLE t ALTER COLUMN ts TYPE TIMESTAMP(6)",
    "ALTER TABLE t ALTER COLUMN ts TYPE TIMESTAMP",
    "ALTER TABLE t ALTER COLUMN ts TYPE TIMESTAMP(0)",
    "ALTER TABLE t ALTER COLUMN tz TYPE TIMESTAMPTZ(0)",
    "ALTER TABLE t ALTER COLUMN x SET NOT NULL",
    "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
    "ALTER TABLE t ALTER COLUMN d SET NOT NULL",
    "ALTER TABLE t ALTER COLUMN a DROP NOT NULL",
    "ALTER TABLE t ALTER COLUMN a SET DEFAULT 1",
    "ALTER TABLE t ALTER COLUMN a SET STATISTICS 100",
    "ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0)",
    "ALTER TABLE t ADD CONSTRAINT c CHECK (b > 0) NOT VALID",
    "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES other (id)",
    "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES other (id) NOT VALID",
    "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)",
    "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX t_b",
    "ALTER TABLE t VALIDATE CONSTRAINT later",
    "ALTER TABLE t DROP CONSTRAINT later",
    "ALTER TABLE t RENAME COLUMN x TO y",
    "ALTER TABLE t RENAME TO u",
    "ALTER TABLE t SET (fillfactor = 70)",
    "ALTER TABLE t SET (user_catalog_table = true)",
    "ALTER TABLE t SET UNLOGGED",
    "ALTER TABLE t DISABLE TRIGGER touch_it",
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
    "CREATE TRIGGER again BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION touch()",
    "DROP TRIGGER touch_it ON t",
    "CREATE POLICY everybody ON t USING (true)",
    "COMMENT ON TABLE t IS 'what it is for'",
    "INSERT INTO t (id, a, d) VALUES (1000, 1, 1)",
    "UPDATE t SET a = a",
    "DELETE FROM t WHERE id = 3",
    "REINDEX TABLE t",
    "ANALYZE t",
    "LOCK TABLE t",
    "CREATE TABLE new (id INT8 REFERENCES t (id))",
    "ALTER TABLE whole ATTACH PARTITION part FOR VALUES FROM (0) TO (9)",
)


@pytest.fixture(scope="module")
def connection(server):
    if server.engine != "postgresql":
        pytest.skip("the rules are PostgreSQL's")
    with server.fresh_database() as url, Database.from_url(url).dedicated() as found:
        found.execute(SETUP)
        yield found


def facts(connection, statement) -> Catalog:
    names, _, functions = named([Read(0, statement, parse(statement))])
    names |= {"t", "other", "part", "whole"}
    questions = (columns(names), sizes_postgresql(names), checks(names))
    found = tables_of(*(connection.execute(q.encode()).fetchall() for q in questions))
    differ = connection.execute(volatile(functions).encode()).fetchall()
    return Catalog(("public",), found, {("public", "t_a"): "t"}, frozenset(r[0] for r in differ))


def measured(connection, statement, table):
    """The lock on a table, whether it has another file now, how often all of it was read."""
    state = (
        "SELECT pg_catalog.pg_relation_filenode(oid), pg_catalog.pg_stat_get_xact_numscans(oid)"
        f" FROM pg_catalog.pg_class WHERE oid = {table}"
    )
    locks = f"SELECT mode FROM pg_locks WHERE relation = {table} AND pid = pg_backend_pid()"
    connection.execute("BEGIN")
    try:
        before = connection.execute(state).fetchone()
        connection.execute(statement.encode())
        after = connection.execute(state).fetchone() or before
        modes = [words(row[0]) for row in connection.execute(locks).fetchall()]
    finally:
        connection.execute("ROLLBACK")
    return max(modes, key=LOCKS.index), after[0] != before[0], after[1] - before[1]


def words(mode: str) -> str:
    """ACCESS EXCLUSIVE for AccessExclusiveLock."""
    return "".join(f" {c}" if c.isupper() else c for c in mode.removesuffix("Lock")).strip().upper()


@pytest.mark.engine("postgresql", because="PostgreSQL's rules")
@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_rule_says_what_the_server_does(connection, statement):
    """The rules are PostgreSQL's."""
    node = parse(statement)
    cost = cost_of(
        node, statement, SimulatedCatalog(facts(connection, statement)), cockroachdb=False
    )
    assert cost.lock is not None
    table = str(cost.lock_on)
    oid = connection.execute("SELECT %s::REGCLASS::OID::INT8", [table]).fetchone()[0]
    lock, rewritten, scans = measured(connection, statement, oid)
    assert cost.lock == lock
    if not statement.startswith(("UPDATE", "DELETE", "TRUNCATE", "DROP TABLE", "ANALYZE")):
        assert (Work.REWRITE in cost.work) == rewritten
        assert bool(cost.work) == bool(scans or rewritten)


@pytest.mark.engine("postgresql", because="PostgreSQL's rules")
@pytest.mark.parametrize(
    ("statement", "lock"),
    [
        ("CREATE INDEX CONCURRENTLY i ON t (s)", "SHARE UPDATE EXCLUSIVE"),
        ("DROP INDEX CONCURRENTLY t_a", "SHARE UPDATE EXCLUSIVE"),
        ("VACUUM t", "SHARE UPDATE EXCLUSIVE"),
        ("VACUUM FULL t", "ACCESS EXCLUSIVE"),
    ],
)
def test_what_no_transaction_holds_waits_where_the_rule_says(server, statement, lock):
    """Seen from a second connection that holds a lock: only a conflicting one makes it wait."""
    weaker = {"SHARE UPDATE EXCLUSIVE": "ROW EXCLUSIVE", "ACCESS EXCLUSIVE": "ACCESS SHARE"}[lock]
    with server.fresh_database() as url:
        database = Database.from_url(url)
        with database.dedicated() as one, database.dedicated() as two:
            one.execute(SETUP)
            cost = cost_of(
                parse(statement),
                statement,
                SimulatedCatalog(facts(one, statement)),
                cockroachdb=False,
            )
            assert cost.lock == lock
            one.execute(f"BEGIN; LOCK TABLE t IN {weaker} MODE")
            two.execute("SET lock_timeout = '300ms'; SET statement_timeout = '1s'")
            conflicts = lock == "ACCESS EXCLUSIVE"
            try:
                two.execute(statement.encode())
                assert not conflicts
            except psycopg.errors.LockNotAvailable as error:
                # CONCURRENTLY waits at its end for older transactions, but holds no such lock
                assert conflicts or "CONCURRENTLY" in statement, error
            one.execute("ROLLBACK")
