"""Pairs of models that differ in one thing each; see `model_changes`.

A model is a few lines of SQLAlchemy in the names of `metadata`; `table` makes the usual one. Where
Django can say the same, there is a pair for it, fields of one class in its names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """``before`` and ``after`` are code, ``renames`` what --rename is told, ``django`` a pair of
    the fields of a class, or of a whole class."""

    name: str
    before: str
    after: str
    django: tuple[str, str] | None = None
    renames: tuple[str, ...] = ()


def metadata(code: str) -> Any:
    """The tables that some code makes."""
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql as pg

    meta = sa.MetaData()

    def table(*parts: Any, name: str = "t", **options: Any) -> sa.Table:
        return sa.Table(
            name, meta, sa.Column("id", sa.BigInteger, primary_key=True), *parts, **options
        )

    def ddl(create: str) -> None:
        sa.event.listen(meta, "after_create", sa.DDL(create.replace("%", "%%")))

    def first(create: str) -> None:
        sa.event.listen(meta, "before_create", sa.DDL(create.replace("%", "%%")))

    names = {
        "sa": sa,
        "pg": pg,
        "meta": meta,
        "C": sa.Column,
        "table": table,
        "ddl": ddl,
        "first": first,
        "text": sa.text,
    }
    exec(code, names)
    return meta


def django_models(code: str) -> Any:
    """The state of an app with the models that some code makes."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=["django.contrib.postgres"],
            DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "x"}},
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
        django.setup()
    from django.apps.registry import Apps
    from django.contrib.postgres import fields as pgf
    from django.contrib.postgres import indexes as pgi
    from django.db import models
    from django.db.migrations.state import ProjectState
    from django.db.models import F, Q
    from django.db.models.functions import Lower, Now

    apps = Apps()
    meta = type("Meta", (), {"apps": apps, "app_label": "shop"})
    names: dict[str, Any] = {
        "models": models,
        "pgf": pgf,
        "pgi": pgi,
        "Q": Q,
        "F": F,
        "Now": Now,
        "Lower": Lower,
        "__name__": "shop.models",
    }

    def model(name: str = "T", options: dict[str, Any] | None = None, **fields: Any) -> Any:
        inner = type("Meta", (meta,), {"apps": apps, "app_label": "shop", **(options or {})})
        return type(name, (models.Model,), {"__module__": "shop.models", "Meta": inner, **fields})

    names["model"] = model
    exec(code, names)
    return ProjectState.from_apps(apps)


def _column(before: str, after: str) -> tuple[str, str]:
    return f"table(C('c', {before}))", f"table(C('c', {after}))"


def _field(before: str, after: str) -> tuple[str, str]:
    return f"model(c=models.{before})", f"model(c=models.{after})"


def _type(name: str, before: str, after: str, django: tuple[str, str] | None = None) -> Case:
    return Case(f"type: {name}", *_column(before, after), django and _field(*django))


AB = "C('a', sa.Integer), C('b', sa.Integer)"
D_AB = "a=models.IntegerField(null=True), b=models.IntegerField(null=True)"


def _with(more: str, less: str = "") -> tuple[str, str]:
    """The table with columns a and b, and something more."""
    before = f"table({AB}{', ' + less if less else ''})"
    return before, f"table({AB}, {more})"


def _options(more: str, less: str = "") -> tuple[str, str]:
    """The same as a model of Django's, with options of its Meta."""
    before = f"model({D_AB}, options=dict({less}))"
    return before, f"model({D_AB}, options=dict({more}))"


def _index(more: str) -> str:
    return f"indexes=[models.Index({more})]"


def _check(more: str) -> str:
    return f"constraints=[models.CheckConstraint(condition={more}, name='ck')]"


def _unique(more: str) -> str:
    return f"constraints=[models.UniqueConstraint({more}, name='uq')]"


OTHER = "table(name='o'); "
D_OTHER = "O = model(name='O'); "
FK = "C('o', sa.BigInteger, sa.ForeignKey('o.id'{}))"
ENUM = "C('c', sa.Enum({}, name='mood'))"
VIEW = "table(C('a', sa.Integer)); ddl('CREATE VIEW v AS SELECT {} FROM t')"
CHOSEN = "C('a', sa.Integer)"

CASES: tuple[Case, ...] = (
    # --- types
    _type(
        "VARCHAR(20) to VARCHAR(50)",
        "sa.String(20)",
        "sa.String(50)",
        ("CharField(max_length=20)", "CharField(max_length=50)"),
    ),
    _type(
        "VARCHAR(50) to VARCHAR(20)",
        "sa.String(50)",
        "sa.String(20)",
        ("CharField(max_length=50)", "CharField(max_length=20)"),
    ),
    _type(
        "VARCHAR(20) to TEXT",
        "sa.String(20)",
        "sa.Text",
        ("CharField(max_length=20)", "TextField()"),
    ),
    _type(
        "INTEGER to BIGINT", "sa.Integer", "sa.BigInteger", ("IntegerField()", "BigIntegerField()")
    ),
    _type(
        "SMALLINT to INTEGER",
        "sa.SmallInteger",
        "sa.Integer",
        ("SmallIntegerField()", "IntegerField()"),
    ),
    _type(
        "INTEGER to NUMERIC(10, 2)",
        "sa.Integer",
        "sa.Numeric(10, 2)",
        ("IntegerField()", "DecimalField(max_digits=10, decimal_places=2)"),
    ),
    _type(
        "NUMERIC(10, 2) to NUMERIC(12, 4)",
        "sa.Numeric(10, 2)",
        "sa.Numeric(12, 4)",
        (
            "DecimalField(max_digits=10, decimal_places=2)",
            "DecimalField(max_digits=12, decimal_places=4)",
        ),
    ),
    _type("REAL to DOUBLE PRECISION", "sa.REAL", "sa.Double"),
    _type("TIMESTAMP to TIMESTAMPTZ", "sa.DateTime", "sa.DateTime(timezone=True)"),
    _type("DATE to TIMESTAMP", "sa.Date", "sa.DateTime"),
    _type("TIMESTAMP(0) to TIMESTAMP(3)", "pg.TIMESTAMP(precision=0)", "pg.TIMESTAMP(precision=3)"),
    _type("JSON to JSONB", "sa.JSON", "pg.JSONB"),
    _type("TEXT to UUID", "sa.Text", "sa.Uuid", ("TextField()", "UUIDField()")),
    _type("INTEGER[] to BIGINT[]", "pg.ARRAY(sa.Integer)", "pg.ARRAY(sa.BigInteger)"),
    _type("CHAR(2) to CHAR(3)", "sa.CHAR(2)", "sa.CHAR(3)"),
    _type(
        "a collation",
        "sa.String(20)",
        "sa.String(20, collation='C')",
        ("CharField(max_length=20)", "CharField(max_length=20, db_collation='C')"),
    ),
    _type(
        "a domain in place of TEXT",
        "sa.Text",
        "pg.DOMAIN('mail', sa.Text, check=text(\"VALUE LIKE '%@%'\"))",
    ),
    # --- null and default
    Case(
        "NOT NULL added",
        *_column("sa.Integer", "sa.Integer, nullable=False"),
        ("model(c=models.IntegerField(null=True))", "model(c=models.IntegerField(default=1))"),
    ),
    Case(
        "NOT NULL taken away",
        *_column("sa.Integer, nullable=False", "sa.Integer"),
        _field("IntegerField()", "IntegerField(null=True)"),
    ),
    Case(
        "default added",
        *_column("sa.Integer", "sa.Integer, server_default='1'"),
        _field("IntegerField()", "IntegerField(db_default=1)"),
    ),
    Case(
        "default taken away",
        *_column("sa.Integer, server_default='1'", "sa.Integer"),
        _field("IntegerField(db_default=1)", "IntegerField()"),
    ),
    Case(
        "default changed",
        *_column("sa.Text, server_default='a'", "sa.Text, server_default='b'"),
        _field("TextField(db_default='a')", "TextField(db_default='b')"),
    ),
    Case(
        "default: an expression",
        *_column("sa.DateTime", "sa.DateTime, server_default=text('now()')"),
        _field("DateTimeField()", "DateTimeField(db_default=Now())"),
    ),
    Case("default: a cast", *_column("pg.JSONB", "pg.JSONB, server_default=text(\"'{}'::jsonb\")")),
    Case(
        "default: an empty text",
        *_column("sa.Text, server_default='x'", "sa.Text, server_default=''"),
        _field("TextField(db_default='x')", "TextField(db_default='')"),
    ),
    # --- columns
    Case(
        "column added",
        "table()",
        "table(C('c', sa.Text))",
        ("model()", "model(c=models.TextField(null=True))"),
    ),
    Case(
        "column added, NOT NULL with a default",
        "table()",
        "table(C('c', sa.Text, nullable=False, server_default='x'))",
        ("model()", "model(c=models.TextField(db_default='x'))"),
    ),
    Case(
        "column added, UNIQUE",
        "table()",
        "table(C('c', sa.Text, unique=True))",
        ("model()", "model(c=models.TextField(null=True, unique=True))"),
    ),
    Case(
        "column dropped",
        "table(C('c', sa.Text))",
        "table()",
        ("model(c=models.TextField(null=True))", "model()"),
    ),
    Case(
        "column renamed",
        "table(C('c', sa.Text, unique=True))",
        "table(C('d', sa.Text, unique=True))",
        ("model(c=models.TextField(unique=True))", "model(d=models.TextField(unique=True))"),
        ("t.c=d",),
    ),
    Case(
        "computed column added",
        f"table({AB})",
        f"table({AB}, C('c', sa.Integer, sa.Computed('a + b', persisted=True)))",
        (
            f"model({D_AB})",
            f"model({D_AB}, c=models.GeneratedField(expression=F('a') + F('b'),"
            " output_field=models.IntegerField(), db_persist=True))",
        ),
    ),
    Case(
        "computed column: another expression",
        f"table({AB}, C('c', sa.Integer, sa.Computed('a + b', persisted=True)))",
        f"table({AB}, C('c', sa.Integer, sa.Computed('a * b', persisted=True)))",
    ),
    Case(
        "computed column becomes an ordinary one",
        f"table({AB}, C('c', sa.Integer, sa.Computed('a + b', persisted=True)))",
        f"table({AB}, C('c', sa.Integer))",
    ),
    Case("identity added", *_column("sa.Integer, nullable=False", "sa.Integer, sa.Identity()")),
    Case(
        "identity: ALWAYS",
        *_column("sa.Integer, sa.Identity()", "sa.Integer, sa.Identity(always=True)"),
    ),
    Case(
        "identity: another increment",
        *_column("sa.Integer, sa.Identity()", "sa.Integer, sa.Identity(increment=10)"),
    ),
    # --- comments
    Case(
        "comment of a column added",
        *_column("sa.Text", "sa.Text, comment='it''s %'"),
        _field("TextField()", "TextField(db_comment='it''s %')"),
    ),
    Case(
        "comment of a column changed",
        *_column("sa.Text, comment='a'", "sa.Text, comment='b'"),
        _field("TextField(db_comment='a')", "TextField(db_comment='b')"),
    ),
    Case(
        "comment of a column taken away",
        *_column("sa.Text, comment='a'", "sa.Text"),
        _field("TextField(db_comment='a')", "TextField()"),
    ),
    Case(
        "comment of a table",
        "table()",
        "table(comment='what')",
        ("model()", "model(options=dict(db_table_comment='what'))"),
    ),
    Case(
        "comment of a constraint",
        *_with(
            "sa.CheckConstraint('a > 0', name='ck', comment='x')",
            "sa.CheckConstraint('a > 0', name='ck')",
        ),
    ),
    # --- constraints
    Case(
        "CHECK added",
        *_with("sa.CheckConstraint('a > 0', name='ck')"),
        _options(_check("Q(a__gt=0)")),
    ),
    Case(
        "CHECK dropped",
        *reversed(_with("sa.CheckConstraint('a > 0', name='ck')")),
        _options("", _check("Q(a__gt=0)")),
    ),
    Case(
        "CHECK changed",
        *_with("sa.CheckConstraint('a > 1', name='ck')", "sa.CheckConstraint('a > 0', name='ck')"),
        _options(_check("Q(a__gt=1)"), _check("Q(a__gt=0)")),
    ),
    Case(
        "UNIQUE added",
        *_with("sa.UniqueConstraint('a', 'b', name='uq')"),
        _options(_unique("fields=['a', 'b']")),
    ),
    Case(
        "UNIQUE dropped",
        *reversed(_with("sa.UniqueConstraint('a', 'b', name='uq')")),
        _options("", _unique("fields=['a', 'b']")),
    ),
    Case(
        "UNIQUE: other columns",
        *_with("sa.UniqueConstraint('a', 'b', name='uq')", "sa.UniqueConstraint('a', name='uq')"),
        _options(_unique("fields=['a', 'b']"), _unique("fields=['a']")),
    ),
    Case(
        "UNIQUE: NULLS NOT DISTINCT",
        *_with(
            "sa.UniqueConstraint('a', name='uq', postgresql_nulls_not_distinct=True)",
            "sa.UniqueConstraint('a', name='uq')",
        ),
        _options(_unique("fields=['a'], nulls_distinct=False"), _unique("fields=['a']")),
    ),
    Case(
        "UNIQUE: DEFERRABLE",
        *_with(
            "sa.UniqueConstraint('a', name='uq', deferrable=True)",
            "sa.UniqueConstraint('a', name='uq')",
        ),
    ),
    Case("EXCLUDE added", *_with("pg.ExcludeConstraint(('a', '='), name='ex', using='btree')")),
    Case(
        "primary key of two columns in place of one",
        "sa.Table('t', meta, C('a', sa.Integer, primary_key=True, autoincrement=False),"
        " C('b', sa.Integer, nullable=False))",
        "sa.Table('t', meta, C('a', sa.Integer, primary_key=True, autoincrement=False),"
        " C('b', sa.Integer, primary_key=True, autoincrement=False))",
    ),
    Case(
        "foreign key added",
        f"{OTHER}table(C('o', sa.BigInteger))",
        OTHER + f"table({FK})".replace("{}", ""),
        (
            f"{D_OTHER}model(o_id=models.BigIntegerField(null=True))",
            f"{D_OTHER}model(o=models.ForeignKey(O, models.DO_NOTHING, null=True, db_index=False))",
        ),
    ),
    Case(
        "foreign key dropped",
        OTHER + f"table({FK})".replace("{}", ""),
        f"{OTHER}table(C('o', sa.BigInteger))",
    ),
    Case(
        "foreign key: ON DELETE",
        OTHER + f"table({FK})".replace("{}", ""),
        OTHER + f"table({FK})".replace("{}", ", ondelete='CASCADE'"),
    ),
    Case(
        "foreign key: ON UPDATE",
        OTHER + f"table({FK})".replace("{}", ""),
        OTHER + f"table({FK})".replace("{}", ", onupdate='SET NULL'"),
    ),
    Case(
        "foreign key: DEFERRABLE",
        OTHER + f"table({FK})".replace("{}", ""),
        OTHER + f"table({FK})".replace("{}", ", deferrable=True, initially='DEFERRED'"),
    ),
    Case(
        "foreign key of two columns",
        f"table({AB}, sa.UniqueConstraint('a', 'b')); table({AB}, name='u')",
        f"table({AB}, sa.UniqueConstraint('a', 'b')); table({AB},"
        " sa.ForeignKeyConstraint(['a', 'b'], ['t.a', 't.b'], name='fk'), name='u')",
    ),
    Case(
        "foreign key to the table itself",
        f"table({AB})",
        f"table({AB}, C('up', sa.BigInteger, sa.ForeignKey('t.id')))",
        (
            f"model({D_AB})",
            f"model({D_AB}, up=models.ForeignKey('self', models.CASCADE, null=True))",
        ),
    ),
    # --- indexes
    Case("index added", *_with("sa.Index('ix', 'a')"), _options(_index("fields=['a'], name='ix'"))),
    Case(
        "index dropped",
        *reversed(_with("sa.Index('ix', 'a')")),
        _options("", _index("fields=['a'], name='ix'")),
    ),
    Case("index: UNIQUE", *_with("sa.Index('ix', 'a', unique=True)", "sa.Index('ix', 'a')")),
    Case(
        "index: order of columns",
        *_with("sa.Index('ix', 'b', 'a')", "sa.Index('ix', 'a', 'b')"),
        _options(_index("fields=['b', 'a'], name='ix'"), _index("fields=['a', 'b'], name='ix'")),
    ),
    Case(
        "index: DESC",
        *_with("sa.Index('ix', text('a DESC'))", "sa.Index('ix', 'a')"),
        _options(_index("fields=['-a'], name='ix'"), _index("fields=['a'], name='ix'")),
    ),
    Case(
        "index: NULLS FIRST",
        *_with("sa.Index('ix', text('a NULLS FIRST'))", "sa.Index('ix', 'a')"),
        _options(
            _index("F('a').asc(nulls_first=True), name='ix'"), _index("fields=['a'], name='ix'")
        ),
    ),
    Case(
        "index on an expression",
        "table(C('c', sa.Text))",
        "table(C('c', sa.Text), sa.Index('ix', text('lower(c)')))",
        (
            "model(c=models.TextField())",
            "model(c=models.TextField(), options=dict(indexes=[models.Index(Lower('c'),"
            " name='ix')]))",
        ),
    ),
    Case(
        "index: another expression",
        "table(C('c', sa.Text), sa.Index('ix', text('lower(c)')))",
        "table(C('c', sa.Text), sa.Index('ix', text('upper(c)')))",
    ),
    Case(
        "partial index",
        *_with("sa.Index('ix', 'a', postgresql_where=text('b > 0'))"),
        _options(_index("fields=['a'], condition=Q(b__gt=0), name='ix'")),
    ),
    Case(
        "partial index: another condition",
        *_with(
            "sa.Index('ix', 'a', postgresql_where=text('b > 1'))",
            "sa.Index('ix', 'a', postgresql_where=text('b > 0'))",
        ),
        _options(
            _index("fields=['a'], condition=Q(b__gt=1), name='ix'"),
            _index("fields=['a'], condition=Q(b__gt=0), name='ix'"),
        ),
    ),
    Case(
        "index: INCLUDE",
        *_with("sa.Index('ix', 'a', postgresql_include=['b'])", "sa.Index('ix', 'a')"),
        _options(
            _index("fields=['a'], include=['b'], name='ix'"), _index("fields=['a'], name='ix'")
        ),
    ),
    Case(
        "index: GIN",
        "table(C('c', pg.JSONB))",
        "table(C('c', pg.JSONB), sa.Index('ix', 'c', postgresql_using='gin'))",
        (
            "model(c=models.JSONField())",
            "model(c=models.JSONField(), options=dict(indexes=[pgi.GinIndex(fields=['c'],"
            " name='ix')]))",
        ),
    ),
    Case(
        "index: HASH in place of BTREE",
        *_with("sa.Index('ix', 'a', postgresql_using='hash')", "sa.Index('ix', 'a')"),
        _options(
            "indexes=[pgi.HashIndex(fields=['a'], name='ix')]", _index("fields=['a'], name='ix'")
        ),
    ),
    Case(
        "index: an operator class",
        "table(C('c', sa.Text), sa.Index('ix', 'c'))",
        "table(C('c', sa.Text), sa.Index('ix', 'c', postgresql_ops={'c': 'text_pattern_ops'}))",
        (
            "model(c=models.TextField(), options=dict(indexes=[models.Index(fields=['c'],"
            " name='ix')]))",
            "model(c=models.TextField(), options=dict(indexes=[models.Index(fields=['c'],"
            " name='ix', opclasses=['text_pattern_ops'])]))",
        ),
    ),
    Case(
        "index: WITH",
        *_with("sa.Index('ix', 'a', postgresql_with={'fillfactor': 50})", "sa.Index('ix', 'a')"),
        _options(
            "indexes=[pgi.BTreeIndex(fields=['a'], name='ix', fillfactor=50)]",
            "indexes=[pgi.BTreeIndex(fields=['a'], name='ix')]",
        ),
    ),
    # --- enums
    Case("enum added with its column", "table()", "table(C('c', sa.Enum('a', 'b', name='mood')))"),
    Case(
        "enum: a value at the end",
        f"table({ENUM})".replace("{}", "'a', 'b'"),
        f"table({ENUM})".replace("{}", "'a', 'b', 'c'"),
    ),
    Case(
        "enum: a value in the middle",
        f"table({ENUM})".replace("{}", "'a', 'b'"),
        f"table({ENUM})".replace("{}", "'a', 'x', 'b'"),
    ),
    Case(
        "enum: a value less",
        f"table({ENUM})".replace("{}", "'a', 'b', 'c'"),
        f"table({ENUM})".replace("{}", "'a', 'b'"),
    ),
    Case(
        "enum dropped with its column", "table(C('c', sa.Enum('a', 'b', name='mood')))", "table()"
    ),
    Case(
        "enum renamed",
        f"table({ENUM})".replace("{}", "'a', 'b'"),
        "table(C('c', sa.Enum('a', 'b', name='temper')))",
        None,
        ("mood=temper",),
    ),
    # --- tables, sequences, schemas
    Case(
        "table added",
        "table()",
        "table(); table(C('c', sa.Text, index=True), name='u')",
        ("model()", "model(); model(name='U', c=models.TextField(db_index=True))"),
    ),
    Case(
        "table dropped",
        "table(); table(C('c', sa.Text, index=True), name='u')",
        "table()",
        ("model(); model(name='U', c=models.TextField(db_index=True))", "model()"),
    ),
    Case(
        "table renamed",
        "table(C('c', sa.Text, unique=True, index=True))",
        "table(C('c', sa.Text, unique=True, index=True), name='u')",
        (
            "model(c=models.TextField(unique=True))",
            "model(name='U', c=models.TextField(unique=True))",
        ),
        ("t=u",),
    ),
    Case(
        "table in a schema of its own",
        "table()",
        "table(); table(C('c', sa.Text), name='u', schema='app')",
    ),
    Case(
        "two tables that point to each other",
        "table()",
        "table(); table(C('v', sa.BigInteger, sa.ForeignKey('v.id', name='a')), name='u');"
        " table(C('u', sa.BigInteger, sa.ForeignKey('u.id', name='b', use_alter=True)), name='v')",
    ),
    Case("UNLOGGED", "table()", "table(prefixes=['UNLOGGED'])"),
    Case("storage parameter of a table", "table()", "table(postgresql_with={'fillfactor': 50})"),
    Case(
        "partitioned table added",
        "table()",
        "table(); sa.Table('p', meta, C('a', sa.Integer), postgresql_partition_by='RANGE (a)')",
    ),
    Case("sequence added", "table()", "table(); sa.Sequence('s', metadata=meta)"),
    Case("sequence dropped", "table(); sa.Sequence('s', metadata=meta)", "table()"),
    Case(
        "sequence: another increment",
        "sa.Sequence('s', metadata=meta)",
        "sa.Sequence('s', metadata=meta, increment=10)",
    ),
    # --- what SQLAlchemy makes by DDL events
    Case("view added", f"table({CHOSEN})", VIEW.replace("{}", "a")),
    Case("view changed", VIEW.replace("{}", "a"), VIEW.replace("{}", "a, id")),
    Case("view dropped", VIEW.replace("{}", "a"), f"table({CHOSEN})"),
    Case(
        "column's type changed under a view",
        VIEW.replace("{}", "a"),
        VIEW.replace("{}", "a").replace("sa.Integer", "sa.BigInteger"),
    ),
    Case(
        "materialized view",
        f"table({CHOSEN})",
        VIEW.replace("{}", "a").replace("VIEW", "MATERIALIZED VIEW"),
    ),
    Case(
        "function changed",
        "table(); ddl('CREATE FUNCTION f() RETURNS INT LANGUAGE sql AS $$ SELECT 1 $$')",
        "table(); ddl('CREATE FUNCTION f() RETURNS INT LANGUAGE sql AS $$ SELECT 2 $$')",
    ),
    Case(
        "trigger added",
        "table(); ddl('CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN new; END $$')",
        "table(); ddl('CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN new; END $$; CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW"
        " EXECUTE FUNCTION f()')",
    ),
    Case(
        "row security with a policy",
        f"table({CHOSEN})",
        f"table({CHOSEN}); ddl('ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t"
        " USING (a > 0)')",
    ),
)
