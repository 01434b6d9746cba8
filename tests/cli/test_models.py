"""Models as a schema: SQLAlchemy, SQLModel, Django, and files of CREATE statements."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Manticore, write

pytestmark = pytest.mark.engine("postgresql", because="one engine")
"""`test_sources` has the same on both engines; this is what is printed."""

MODELS = """
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    __table_args__ = (
        sa.CheckConstraint("age >= 0", name="users_age"),
        sa.Index("users_lower", sa.text("lower(name)"), postgresql_where=sa.text("age > 1")),
        {{"comment": "who 100% there is"}},
    )
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    {name}: Mapped[str] = mapped_column(sa.String(50), unique=True, comment="what")
    age: Mapped[int | None] = mapped_column(server_default="1")
    {more}
"""


def models(more: str = "", name: str = "name", module: str = "shop") -> None:
    """Write a module of models below the current directory."""
    text = MODELS.format(more=more, name=name).replace("lower(name)", f"lower({name})")
    Path(f"{module}.py").write_text(text, encoding="utf-8")


def test_a_project_from_its_first_migration_on(on: Manticore, url: str) -> None:
    models()
    source = "sqlalchemy:shop:Base"
    err = on("new", "first", "--from-diff", "history", source).err
    assert "of the linter in it" in err  # what it says of a sequence as a key
    on("migrate")
    assert on("diff", source).out == "No difference.\n"

    models(more="mail: Mapped[str | None]")
    found = on("diff", "--exit-code", "history", source, "--json", code=5).json
    assert [change["path"] for change in found["changes"]] == ["public.users.mail"]
    path = on("new", "add mail", "--from-diff", url, source).out.strip()
    text = Path(path).read_text()
    assert "ADD COLUMN mail" in text and "DROP COLUMN mail" in text.partition("-- @UNDO")[2]
    on("migrate")
    assert on("diff", source).out == "No difference.\n"
    assert on("verify", "--newest", "0", "--json").json["ok"] is True


def test_a_rename_is_said_not_guessed(on: Manticore, url: str) -> None:
    models()
    source = "sqlalchemy:shop:Base"
    write(1, "first", on("dump", source).out)
    on("migrate")
    models(name="full_name")
    out = on("diff", source, code=5).out
    assert "if that is a rename, say so: --rename users.name=full_name" in out
    answer = on("diff", source, "--rename", "users.nama=full_name", code=2)
    assert "did you mean users.name?" in answer.err
    found = on("diff", source, "--rename", "users.name=full_name", "--json", code=5).json
    assert found["changes"] == []
    assert found["renames"] == [
        "ALTER TABLE public.users RENAME COLUMN name TO full_name",
        "ALTER TABLE public.users RENAME CONSTRAINT users_name_key TO users_full_name_key",
    ]
    path = on(
        "new", "full name", "--from-diff", url, source, "--rename", "users.name=full_name"
    ).out.strip()
    assert "DROP" not in Path(path).read_text()
    on("migrate")
    on("rollback", "--yes")
    on("migrate")
    assert on("diff", source).out == "No difference.\n"


def test_a_table_that_is_renamed(on: Manticore, url: str) -> None:
    write(
        1,
        "one",
        "CREATE TABLE users (id SERIAL PRIMARY KEY, mail TEXT UNIQUE); CREATE INDEX users_x ON"
        " users (id, mail);",
    )
    Path("new.sql").write_text(
        "CREATE TABLE people (id SERIAL PRIMARY KEY, mail TEXT UNIQUE);"
        "CREATE INDEX people_x ON people (id, mail);"
    )
    on("migrate")
    assert "--rename users=people" in on("diff", "new.sql", code=5).out
    found = on("diff", "new.sql", "--rename", "users=people", "--json", code=5).json
    assert found["changes"] == [], found
    assert len(found["renames"]) == 5
    on("new", "people", "--from-diff", url, "new.sql", "--rename", "users=people")
    on("migrate")
    assert on("diff", "new.sql").out == "No difference.\n"
    on("rollback", "--yes")
    assert on("diff", "migrations/1_one.sql").out == "No difference.\n"


def test_sqlmodel_and_a_module_s_only_tables(on: Manticore) -> None:
    Path("heroes.py").write_text(
        "from sqlmodel import Field, SQLModel\n\n\n"
        "class Hero(SQLModel, table=True):\n"
        "    id: int | None = Field(default=None, primary_key=True)\n"
        "    name: str = Field(index=True)\n"
    )
    out = on("dump", "sqlalchemy:heroes:SQLModel").out
    assert "CREATE TABLE public.hero" in out and "ix_hero_name" in out
    assert "ix_hero_name" in on("docs", "sqlalchemy:heroes", "--format", "markdown").out


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("sqlalchemy:nowhere:Base", "No module named 'nowhere'"),
        ("sqlalchemy:shop:Bose", "no attribute 'Bose'"),
        ("sqlalchemy:shop:sa", "neither a MetaData nor a declarative base"),
        ("sqlalchemy:broken:Base", "ZeroDivisionError"),
        ("django:nowhere.settings", "No module named 'nowhere'"),
    ],
)
def test_what_is_no_model(on: Manticore, source: str, words: str) -> None:
    models()
    Path("broken.py").write_text("1 / 0\n")
    answer = on("dump", source, code=2)
    assert words in answer.err and "--python" in answer.err


def test_what_does_not_run(on: Manticore) -> None:
    models(more='where: Mapped[str] = mapped_column(sa.Text, server_default=sa.text("f()"))')
    err = on("dump", "sqlalchemy:shop:Base", code=1).err
    assert "function f() does not exist" in err and "CREATE TABLE users" in err


DJANGO = """
from django.db import models


class Tag(models.Model):
    label = models.CharField(max_length=20, unique=True)

    class Meta:
        app_label = "shop"


class Item(models.Model):
    tags = models.ManyToManyField(Tag)
    price = models.DecimalField(max_digits=9, decimal_places=2, db_default=0)
    {more}

    class Meta:
        app_label = "shop"
        constraints = [models.CheckConstraint(condition=models.Q(price__gte=0), name="price_ok")]
        indexes = [models.Index(fields=["-price"], name="by_price")]
"""


def test_django(on: Manticore, url: str) -> None:
    Path("shop").mkdir()
    Path("shop/__init__.py").touch()
    Path("shop/settings.py").write_text(
        'INSTALLED_APPS = ["shop"]\nDEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"\n'
        'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "x"}}\n'
    )
    Path("shop/models.py").write_text(DJANGO.format(more=""))
    source = "django:shop.settings"
    on("new", "first", "--from-diff", url, source)
    on("migrate")
    assert on("diff", source).out == "No difference.\n"
    text = on("dump").out
    assert "shop_item_tags" in text and "price_ok" in text and "by_price" in text
    Path("shop/models.py").write_text(DJANGO.format(more="note = models.TextField(null=True)"))
    found = on("diff", source, "--json", code=5).json
    assert [change["path"] for change in found["changes"]] == ["public.shop_item.note"]


def test_a_folder_of_statements_in_whatever_order(on: Manticore) -> None:
    folder = Path("schema/views")
    folder.mkdir(parents=True)
    (folder / "a.sql").write_text("CREATE VIEW v AS SELECT id FROM users;")
    Path("schema/tables.sql").write_text(
        "CREATE TABLE posts (id INT PRIMARY KEY, who INT REFERENCES users (id));\n"
        "CREATE TABLE users (id INT PRIMARY KEY);\n"
    )
    text = on("dump", "schema").out
    assert text.index("TABLE public.posts") < text.index("VIEW public.v")
    (folder / "b.sql").write_text("SELECT 1;\nCREATE VIEW w AS SELECT nothing FROM users;\n")
    err = on("dump", "schema", code=1).err
    assert "schema/views/b.sql:2:" in err and "nothing" in err


def test_a_database_against_models(on: Manticore, url: str) -> None:
    models()
    source = "sqlalchemy:shop:Base"
    on("new", "first", "--from-diff", "history", source)
    on("migrate")
    assert on("drift", source).out == f"No drift: the database is what {source} makes.\n"
    models(more="mail: Mapped[str | None]")
    found = on("drift", source, "--json", code=5).json
    # What the database lacks is "removed", as in drift from migrations.
    assert [(one["kind"], one["path"]) for one in found["changes"]] == [
        ("removed", "public.users.mail")
    ]
    assert found["versions"] == []
    assert on("drift", source, "--ignore", "public.users.mail").code == 0
    assert "- column mail" in on("drift", source, code=5).out.replace("  ", " ")
    Path("schema").mkdir()
    Path("schema/users.sql").write_text("CREATE TABLE people (id INT8 PRIMARY KEY);")
    found = on("drift", "schema", "--ignore", "*_seq", "--json", code=5).json["changes"]
    assert {one["path"] for one in found} == {"public.people", "public.users"}
