"""Drafted migrations: applied they make the other schema, undone the first one again."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manticore_cockroachdb.database import Database
from manticore_cockroachdb.errors import SchemaError
from manticore_cockroachdb.migration import Migration
from manticore_cockroachdb.parser.split import split
from manticore_cockroachdb.schema import model as m
from manticore_cockroachdb.schema.alter import alter
from manticore_cockroachdb.schema.changes import as_text
from manticore_cockroachdb.schema.diff import compare
from manticore_cockroachdb.schema.draft import draft
from manticore_cockroachdb.schema.read import read
from tests.support.differences import REASONS

from .cases import BASE, BOTH, COCKROACHDB, LIKE_OTHERS, POSTGRESQL


def run(database, sql):
    with database.dedicated() as connection:
        for start, end in split(sql):
            connection.execute(sql[start:end].encode())


def there_and_back(server, directory, before, after):
    """Draft a migration from one schema to the other, apply it, undo it."""
    with server.fresh_database() as one, server.fresh_database() as two:
        a, b = Database.from_url(one), Database.from_url(two)
        run(a, before)
        run(b, after)
        was, goal = read(a), read(b)
        if compare(was, goal) == ():
            return
        found = draft(was, goal)
        migration = Migration(a, directory)
        path = migration.create_migration("drafted", found.up, found.down)
        try:
            migration.migrate()
            assert as_text(compare(read(a), goal)) == ""
            migration.rollback()
            assert as_text(compare(read(a), was)) == ""
        except BaseException:
            print(open(path).read())  # noqa: PTH123, SIM115 - shown for a failure only
            raise
        finally:
            a.close()


@pytest.mark.parametrize("name", BOTH)
def test_there_and_back(server, tmp_path, name):
    if server.engine == "cockroachdb" and name in LIKE_OTHERS:
        pytest.skip(str(REASONS["quicker"]))  # five seconds each: every change is a job there
    before, after = BOTH[name]
    there_and_back(server, tmp_path, BASE + before, BASE + after)


@pytest.mark.engine("postgresql", because="PostgreSQL's rules")
@pytest.mark.parametrize("name", POSTGRESQL)
def test_there_and_back_on_postgresql(server, tmp_path, name):
    """What only PostgreSQL has, or may do."""
    before, after = POSTGRESQL[name]
    there_and_back(server, tmp_path, BASE + before, BASE + after)


@pytest.mark.engine("cockroachdb", because="CockroachDB's own")
@pytest.mark.parametrize("name", COCKROACHDB)
def test_there_and_back_on_cockroachdb(server, tmp_path, name):
    """What only CockroachDB has."""
    before, after = COCKROACHDB[name]
    there_and_back(server, tmp_path, BASE + before, BASE + after)


@pytest.mark.engine("postgresql", because="types in place")
def test_rows_live_through_changes_of_type(server, tmp_path):
    """On PostgreSQL, where types change in place on every version."""
    before = "CREATE TYPE m AS ENUM ('a', 'b'); CREATE TABLE t (k m, n INT4, x TEXT);"
    after = "CREATE TYPE m AS ENUM ('b', 'c', 'a'); CREATE TABLE t (k m, n TEXT, x INT8);"
    with server.fresh_database() as one, server.fresh_database() as two:
        a, b = Database.from_url(one), Database.from_url(two)
        run(a, before + "INSERT INTO t VALUES ('b', 7, '8');")
        run(b, after)
        found = draft(read(a), read(b))
        migration = Migration(a, tmp_path)
        migration.create_migration("drafted", found.up, found.down)
        migration.migrate()
        assert a.select("t") == [{"k": "b", "n": "7", "x": 8}]
        migration.rollback()
        assert a.select("t") == [{"k": "b", "n": 7, "x": "8"}]
        a.close()


# --- any small schema -----------------------------------------------------------------------

TYPES = {
    "INT4": ("1", "2"),
    "INT8": ("1", "-5"),
    "TEXT": ("'a'", "'it''s'"),
    "VARCHAR(20)": ("'a'",),
    "NUMERIC(8,2)": ("1.5",),
    "BOOL": ("true",),
    "mood": ("'sad'",),
}
NAMES = ["a", "b", "Odd c", "select"]


@st.composite
def tables(draw, name):
    columns = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    lines = []
    for column in columns:
        kind = draw(st.sampled_from(list(TYPES)))
        line = f'"{column}" {kind}'
        if draw(st.booleans()):
            line += f" DEFAULT {draw(st.sampled_from(TYPES[kind]))}"
        if draw(st.booleans()):
            line += " NOT NULL"
        lines.append(line)
    some = st.lists(st.sampled_from(columns), min_size=1, max_size=2, unique=True)
    quoted = some.map(lambda names: ", ".join(f'"{n}"' for n in names))
    if draw(st.booleans()):
        lines.append(f"PRIMARY KEY ({draw(quoted)})")
    if draw(st.booleans()):
        lines.append(f"CONSTRAINT {name}_once UNIQUE ({draw(quoted)})")
    if draw(st.booleans()):
        lines.append(f'CONSTRAINT {name}_check CHECK ("{columns[0]}" IS NOT NULL)')
    text = f"CREATE TABLE {name} ({', '.join(lines)});\n"
    for index in range(draw(st.integers(0, 2))):
        text += f"CREATE INDEX {name}_{index} ON {name} ({draw(quoted)});\n"
    if draw(st.booleans()):
        text += f"CREATE VIEW {name}_view AS SELECT {draw(quoted)} FROM {name};\n"
    return text


@st.composite
def schemas(draw):
    labels = draw(st.lists(st.sampled_from(["happy", "o''k", "mad"]), unique=True, max_size=3))
    position = draw(st.integers(0, len(labels)))
    labels.insert(position, "sad")
    listed = ", ".join(f"'{label}'" for label in labels)
    text = f"CREATE TYPE mood AS ENUM ({listed});\n"
    for name in draw(st.lists(st.sampled_from(["one", "two"]), unique=True)):
        text += draw(tables(name))
    return text


@pytest.mark.engine("postgresql", because="quicker")
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(before=schemas(), after=schemas())
def test_there_and_back_between_any_small_schemas(server, tmp_path_factory, before, after):
    """On PostgreSQL, where a database is made in no time."""
    there_and_back(server, tmp_path_factory.mktemp("any"), before, after)


# --- the text -------------------------------------------------------------------------------

USERS = m.Table("public", "users", (m.Column("id", "INT8"), m.Column("name", "TEXT")))
ONE = m.Schema("postgresql", tables=(USERS,))


def test_equal_schemas_make_no_migration():
    with pytest.raises(SchemaError, match="no difference"):
        draft(ONE, ONE)


def test_no_migration_leads_to_another_engine():
    with pytest.raises(SchemaError, match="from one engine to the other"):
        alter(ONE, m.Schema("cockroachdb"))


def test_what_needs_a_look_is_said_in_comments():
    other = m.Schema(
        "postgresql",
        tables=(
            m.Table(
                "public",
                "users",
                (m.Column("id", "INT8", nullable=False), m.Column("full\nname", "TEXT")),
            ),
        ),
    )
    found = draft(ONE, other)
    assert found.up.splitlines() == [
        "-- Review: this migration was written by comparing two schemas; read it before it runs.",
        "",
        "-- Review: fails while id is NULL in any row",
        "ALTER TABLE public.users ALTER COLUMN id SET NOT NULL;",
        "",
        "-- Review: if this is a rename: ALTER TABLE public.users RENAME COLUMN name TO"
        ' "full name"',
        'ALTER TABLE public.users ADD COLUMN "full',
        'name" TEXT;',
        "",
        "-- Review: destroys what name holds",
        "ALTER TABLE public.users DROP COLUMN name;",
    ]
    assert found.notes == 5


def test_what_only_a_person_can_change_is_said():
    def events(key):
        return m.Schema(
            "postgresql",
            tables=(m.Table("public", "t", (m.Column("a", "INT8"),), partition_by=key),),
        )

    (step,) = alter(events("RANGE (a)"), events("LIST (a)"))
    assert step.sql == ""
    assert step.notes == ("public.t changes the key of its partitions: make a new table",)
    with pytest.raises(SchemaError):
        draft(events("RANGE (a)"), events("LIST (a)"))


def test_labels_of_cockroachdb_are_added_and_dropped_in_place():
    """CockroachDB drops labels from v21.2 on."""

    def mood(*labels):
        return m.Schema("cockroachdb", enums=(m.Enum("public", "mood", labels),))

    up = [s.sql for s in alter(mood("b", "d"), mood("a", "b", "c", "d", "e"))]
    assert up == [
        "ALTER TYPE public.mood ADD VALUE 'a' BEFORE 'b'",
        "ALTER TYPE public.mood ADD VALUE 'c' AFTER 'b'",
        "ALTER TYPE public.mood ADD VALUE 'e'",
    ]
    down = alter(mood("a", "b"), mood("b"))
    assert [s.sql for s in down] == ["ALTER TYPE public.mood DROP VALUE 'a'"]
    (step,) = alter(mood("a", "b"), mood("b", "a"))
    assert step.sql == ""


def test_a_table_of_cockroachdb_cannot_lose_its_key():
    key = m.Constraint("t_pkey", "primary key", "PRIMARY KEY (a)", ("a",))
    table = m.Table("public", "t", (m.Column("a", "INT8", nullable=False),))
    keyed = m.Table("public", "t", table.columns, (key,))
    with_key = m.Schema("cockroachdb", tables=(keyed,))
    without = m.Schema("cockroachdb", tables=(table,))
    (step,) = alter(with_key, without)
    assert step.sql == ""
    (step,) = alter(without, with_key)
    assert step.sql == "ALTER TABLE public.t ADD CONSTRAINT t_pkey PRIMARY KEY (a)"
