"""What newer versions of CockroachDB print, read without one: texts in, a catalog out."""

from __future__ import annotations

import pytest

from manticore_cockroachdb.schema import cockroach_queries
from manticore_cockroachdb.schema import model as m
from manticore_cockroachdb.schema.cockroach import build, without_database
from manticore_cockroachdb.schema.cockroach_queries import followed_up, queries
from manticore_cockroachdb.schema.cockroach_table import sequence_of
from manticore_cockroachdb.schema.render import render

from .halves import read_schema, run


def catalog(*creates, **more):
    answers = {
        "database": [("shop",)],
        "creates": [(text,) for text in creates],
        "namespaces": [("public", None), ("app", None)],
        "relations": [],
        "unvalidated": [],
        "columns": [],
        "enums": [],
        "owners": [],
    }
    answers.update(more)
    return build(answers)


def table(text, **more):
    (found,) = catalog(text, **more).tables
    return found


def test_a_table_without_a_key_has_no_rowid():
    found = table(
        "CREATE TABLE public.t (\n\ta INT8 NULL,\n"
        "\trowid INT8 NOT VISIBLE NOT NULL DEFAULT unique_rowid(),\n"
        "\tCONSTRAINT t_pkey PRIMARY KEY (rowid ASC),\n\tFAMILY f1 (a, rowid)\n"
        ") WITH (schema_locked = true);"
    )
    assert found == m.Table("public", "t", (m.Column("a", "INT8"),))


def test_a_key_put_in_the_place_of_rowid_leaves_no_trace_of_it():
    found = table(
        "CREATE TABLE public.t (\n\ta INT8 NOT NULL,\n"
        "\trowid INT8 NOT VISIBLE NOT NULL DEFAULT unique_rowid(),\n"
        "\tCONSTRAINT t_pkey PRIMARY KEY (a ASC),\n"
        "\tUNIQUE INDEX t_rowid_key (rowid ASC)\n)"
    )
    assert [c.name for c in found.columns] == ["a"]
    assert found.primary_key == m.Constraint("t_pkey", "primary key", "PRIMARY KEY (a)", ("a",))
    assert found.indexes == ()


@pytest.mark.parametrize("buckets", ["WITH (bucket_count=8)", "WITH BUCKET_COUNT = 8"])
def test_hash_sharded_indexes_are_spelled_one_way(buckets):
    found = table(
        "CREATE TABLE public.t (\n\tid INT8 NOT NULL,\n\tat TIMESTAMPTZ NULL,\n"
        "\tcrdb_internal_id_shard_8 INT8 NOT VISIBLE NOT NULL AS"
        " (mod(fnv32(md5(crdb_internal.datums_to_bytes(id))), 8:::INT8)) VIRTUAL,\n"
        f"\tCONSTRAINT t_pkey PRIMARY KEY (id ASC) USING HASH {buckets},\n"
        f"\tINDEX by_time (at DESC) USING HASH {buckets} STORING (id) WHERE at IS NOT NULL\n)"
    )
    assert [c.name for c in found.columns] == ["id", "at"]
    assert found.constraints[0].definition == ("PRIMARY KEY (id) USING HASH WITH BUCKET_COUNT = 8")
    assert found.indexes == (
        m.Index("by_time", ("at DESC",), storing=("id",), where="at IS NOT NULL", buckets=8),
    )


def test_columns_in_all_their_forms():
    found = table(
        "CREATE TABLE app.t (\n"
        "\tid INT8 NOT NULL GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5),\n"
        "\tname STRING NOT NULL DEFAULT 'a NOT NULL b':::STRING,\n"
        "\tupper STRING NULL AS (upper(name)) VIRTUAL,\n"
        "\tsum INT8 NULL AS (id + 1:::INT8) STORED,\n"
        "\tat TIMESTAMPTZ NULL DEFAULT now():::TIMESTAMPTZ ON UPDATE now():::TIMESTAMPTZ,\n"
        "\tcard VARCHAR(20) NOT VISIBLE NULL,\n"
        '\tspoken STRING COLLATE "en-US" NULL,\n'
        '\t"index" DECIMAL(10,2)[] NULL,\n'
        "\tinverted BOOL NULL,\n"
        "\tmood public.mood NULL DEFAULT 'ok':::public.mood,\n"
        "\tvector VECTOR(3) NULL,\n"
        "\tCONSTRAINT t_pkey PRIMARY KEY (id ASC)\n)"
    )
    assert found.columns == (
        m.Column("id", "INT8", nullable=False, identity="ALWAYS (INCREMENT BY 5 START WITH 100)"),
        m.Column("name", "TEXT", nullable=False, default="'a NOT NULL b':::STRING"),
        m.Column("upper", "TEXT", generated="upper(name)", stored=False),
        m.Column("sum", "INT8", generated="id + 1:::INT8"),
        m.Column(
            "at", "TIMESTAMPTZ", default="now():::TIMESTAMPTZ", on_update="now():::TIMESTAMPTZ"
        ),
        m.Column("card", "VARCHAR(20)", visible=False),
        m.Column("spoken", "TEXT", collation='"en-US"'),
        m.Column("index", "NUMERIC(10,2)[]"),
        m.Column("inverted", "BOOL"),
        m.Column("mood", "public.mood", default="'ok':::public.mood"),
        m.Column("vector", "VECTOR(3)"),
    )


def test_indexes_in_all_their_forms():
    found = table(
        "CREATE TABLE public.t (\n\ta INT8 NOT NULL,\n\tb JSONB NULL,\n\tv VECTOR(3) NULL,\n"
        "\tCONSTRAINT t_pkey PRIMARY KEY (a ASC),\n"
        "\tINVERTED INDEX i1 (b jsonb_path_ops),\n"
        "\tVECTOR INDEX i2 (v),\n"
        "\tUNIQUE INDEX i3 (lower(b->>'x':::STRING) ASC, a DESC) NOT VISIBLE,\n"
        "\tCONSTRAINT u UNIQUE WITHOUT INDEX (a)\n)"
    )
    assert found.indexes == (
        m.Index("i1", ("b jsonb_path_ops",), method="gin"),
        m.Index("i2", ("v",), method="vector"),
        m.Index("i3", ("lower(b->>'x':::STRING)", "a DESC"), unique=True, visible=False),
    )
    assert found.constraints[-1] == m.Constraint("u", "unique", "UNIQUE WITHOUT INDEX (a)", ("a",))


def test_foreign_keys_come_after_the_tables_and_say_whether_they_were_validated():
    found = catalog(
        "CREATE TABLE public.a (\n\tid INT8 NOT NULL,\n\tCONSTRAINT a_pkey PRIMARY KEY (id ASC)\n)",
        "CREATE TABLE public.b (\n\ta INT8 NULL,\n\tc INT8 NULL,\n"
        "\tCONSTRAINT positive CHECK (a > 0:::INT8) NOT VALID\n)",
        "ALTER TABLE public.b ADD CONSTRAINT b_a_fkey FOREIGN KEY (a) REFERENCES public.a(id)"
        " MATCH FULL ON DELETE CASCADE;",
        "ALTER TABLE public.b ADD CONSTRAINT late FOREIGN KEY (c) REFERENCES public.a(id)"
        " NOT VALID;",
        "-- Validate foreign key constraints.",
        "ALTER TABLE public.b VALIDATE CONSTRAINT b_a_fkey;",
        unvalidated=[("public", "b", "late")],
    )
    constraints = found.table("b").constraints
    assert [(c.name, c.validated) for c in constraints] == [
        ("b_a_fkey", True),
        ("late", False),
        ("positive", False),
    ]
    assert constraints[0] == m.Constraint(
        "b_a_fkey",
        "foreign key",
        "FOREIGN KEY (a) REFERENCES public.a(id) MATCH FULL ON DELETE CASCADE",
        ("a",),
        ("public", "a"),
        ("id",),
    )


def test_regions_row_level_ttl_and_zones():
    found = catalog(
        "CREATE TABLE public.t (\n\tid INT8 NOT NULL,\n\tat TIMESTAMPTZ NULL,\n"
        "\tcrdb_region public.crdb_internal_region NOT VISIBLE NOT NULL DEFAULT"
        " default_to_database_primary_region(gateway_region())::public.crdb_internal_region,\n"
        "\tCONSTRAINT t_pkey PRIMARY KEY (id ASC)\n"
        ") WITH (ttl = 'on', ttl_expiration_expression = 'at', schema_locked = true)"
        " LOCALITY REGIONAL BY ROW;\n"
        "ALTER TABLE shop.public.t CONFIGURE ZONE USING\n\tgc.ttlseconds = 600;",
        enums=[("public", "crdb_internal_region", ["a", "b"], None)],
    )
    (only,) = found.tables
    assert [c.name for c in only.columns] == ["id", "at"]
    assert only.locality == "REGIONAL BY ROW"
    assert only.options == (("ttl", "on"), ("ttl_expiration_expression", "at"))
    assert found.enums == ()
    assert "WITH (ttl = 'on', ttl_expiration_expression = 'at') LOCALITY" in render(found)


def test_views_have_no_database_in_their_names():
    found = catalog(
        "CREATE VIEW public.v (a, b) AS SELECT a, shop.public.t.b FROM shop.public.t"
        " WHERE a = 'shop.public.t'",
        "CREATE MATERIALIZED VIEW app.m (n, rowid) AS SELECT count(*) AS n FROM shop.app.x;\n"
        "CREATE INDEX m_n ON app.m (n ASC);\nCOMMENT ON TABLE app.m IS 'counted';",
        columns=[
            ("public", "v", "a", "STRING", False),
            ("public", "v", "b", "INT8", False),
            ("app", "m", "n", "INT8", False),
            ("app", "m", "rowid", "INT8", True),
        ],
    )
    counted, view = found.views
    assert view.definition == "SELECT a, public.t.b FROM public.t WHERE a = 'shop.public.t'"
    assert [c.type for c in view.columns] == ["TEXT", "INT8"]
    assert counted.materialized
    assert [c.name for c in counted.columns] == ["n"]
    assert counted.indexes == (m.Index("m_n", ("n",)),)
    assert counted.comment == "counted"


def test_routines_triggers_policies_and_types():
    found = catalog(
        "CREATE TABLE public.t (\n\ta INT8 NOT NULL,\n\tCONSTRAINT t_pkey PRIMARY KEY (a ASC)\n);\n"
        "ALTER TABLE public.t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;\n"
        "CREATE POLICY mine ON shop.public.t AS PERMISSIVE FOR ALL TO public USING (a > 0);",
        types=[("CREATE TYPE app.pair AS (a INT8, b STRING);",)],
        routines=[
            (
                "CREATE FUNCTION public.f(x INT8, y DECIMAL(10,2) DEFAULT 1)\n\tRETURNS INT8\n"
                "\tLANGUAGE SQL\n\tAS $$\n\tSELECT count(*) FROM shop.public.t;\n$$;",
            ),
            ("CREATE PROCEDURE app.p()\n\tLANGUAGE SQL\n\tAS $$\n\tSELECT 1;\n$$;",),
        ],
        triggers=[
            (
                "CREATE TRIGGER tr BEFORE UPDATE ON shop.public.t FOR EACH ROW"
                " EXECUTE FUNCTION shop.public.f();",
            )
        ],
    )
    assert found.table("t").row_security == "forced"
    kinds = {p.kind: p for p in found.objects}
    assert kinds["function"].name == "f(x INT8, y DECIMAL(10,2) DEFAULT 1)"
    assert "FROM public.t;" in kinds["function"].definition
    assert kinds["procedure"].drop == "PROCEDURE app.p()"
    assert kinds["trigger"].definition.endswith(
        "ON public.t FOR EACH ROW EXECUTE FUNCTION public.f()"
    )
    assert kinds["policy"].key == ("public", "t.mine")
    assert kinds["type"].definition == "CREATE TYPE app.pair AS (a INT8, b STRING)"


def test_comments():
    found = catalog(
        "CREATE TABLE public.t (\n\ta INT8 NOT NULL,\n\tCONSTRAINT t_pkey PRIMARY KEY (a ASC),\n"
        "\tINDEX i (a ASC)\n);\n"
        "COMMENT ON TABLE public.t IS e'it\\'s';\n"
        "COMMENT ON COLUMN public.t.a IS 'col';\n"
        "COMMENT ON INDEX public.t@i IS 'ind';\n"
        "COMMENT ON CONSTRAINT t_pkey ON public.t IS 'con'",
        enums=[("public", "mood", ["x"], "how")],
        namespaces=[("app", "ours"), ("public", None)],
    )
    only = found.table("t")
    assert (only.comment, only.columns[0].comment) == ("it's", "col")
    assert (only.indexes[0].comment, only.constraints[0].comment) == ("ind", "con")
    assert found.enums[0].comment == "how"
    assert found.namespaces == (m.Namespace("app", "ours"),)
    assert "COMMENT ON INDEX public.t@i IS 'ind'" in render(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "CREATE SEQUENCE public.s MINVALUE 1 MAXVALUE 9223372036854775807 INCREMENT 1 START 1",
            "",
        ),
        (
            "CREATE SEQUENCE public.s AS INT4 MINVALUE -2147483648 MAXVALUE -1 INCREMENT -2"
            " START -1 CACHE 10",
            "INCREMENT BY -2 CACHE 10",
        ),
        ("CREATE SEQUENCE public.s MINVALUE 5 INCREMENT BY 2 START WITH 7", None),
    ],
)
def test_sequences(text, expected):
    found = sequence_of(text)
    assert found.options == (
        "INCREMENT BY 2 MINVALUE 5 START WITH 7" if expected is None else expected
    )


def test_sequences_of_identity_columns_and_owners():
    found = catalog(
        "CREATE SEQUENCE public.t_id_seq MINVALUE 1 INCREMENT 1 START 1",
        "CREATE SEQUENCE public.own MINVALUE 1 INCREMENT 1 START 1",
        "CREATE TABLE public.t (\n\tid INT8 NOT NULL GENERATED BY DEFAULT AS IDENTITY\n)",
        owners=[("public", "own", "public", "t", "id")],
    )
    assert [(s.name, s.owned_by) for s in found.sequences] == [("own", ("public", "t", "id"))]
    assert found.tables[0].columns[0].identity == "BY DEFAULT"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT shop.public.t.a", "SELECT public.t.a"),
        ('SELECT "shop".app.t', "SELECT app.t"),
        ("SELECT x.shop.public.t", "SELECT x.shop.public.t"),
        ("SELECT shop.t.a", "SELECT shop.t.a"),
        ("SELECT 'shop.public.t'", "SELECT 'shop.public.t'"),
        ("nextval('shop.public.s'::REGCLASS)", "nextval('public.s'::REGCLASS)"),
        ("AS $x$ SELECT shop.app.f() $x$", "AS $x$ SELECT app.f() $x$"),
    ],
)
def test_names_lose_their_database(text, expected):
    assert without_database(text, "shop", ["public", "app"]) == expected


def test_what_is_asked_depends_on_the_version():
    assert "crdb_internal" in queries((20, 2))["creates"]
    for version in ((21, 1), (23, 2), (25, 4), (26, 3)):
        asked = queries(version)
        assert asked["creates"] == "SHOW CREATE ALL TABLES"
        assert not any("crdb_internal." in query for query in asked.values())
    assert "routine names" in queries((24, 1))
    assert "triggers" in queries((26, 1))
    asked = followed_up((24, 3), [("app", "f", "f"), ("app", "p", "p")], [("app", "t")])
    assert asked == [
        "SHOW CREATE FUNCTION app.f",
        "SHOW CREATE PROCEDURE app.p",
        "SHOW TRIGGERS FROM app.t",
    ]
    assert followed_up((26, 1), [], [("app", "t")]) == []


@pytest.mark.engine("cockroachdb", because="CockroachDB's own")
async def test_what_a_version_does_not_tell_is_named(colour, db, monkeypatch):
    """A question that PostgreSQL does not understand would be a mistake of ours."""

    def with_unknown(version):
        return {**queries(version), "owners": "SELECT nothing FROM pg_catalog.pg_nowhere"}

    monkeypatch.setattr(cockroach_queries, "queries", with_unknown)
    await run(db, "CREATE TABLE t (a INT8 PRIMARY KEY)")
    schema = await read_schema(colour, db)
    assert [t.name for t in schema.tables] == ["t"]
    assert schema.left_out == ("whatever this version does not tell of: owners",)
