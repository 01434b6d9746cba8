"""Alembic and Django: SQL from the project's own tool, history and proof."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from ..cli.conftest import Manticore
from .conftest import Tree

pytestmark = pytest.mark.engine("postgresql", because="one engine")
"""What the tools print is PostgreSQL's here; the rest is the same on both."""

ENV = """
    from alembic import context
    from sqlalchemy import create_engine

    url = context.config.get_main_option("sqlalchemy.url")
    if context.is_offline_mode():
        context.configure(url=url)
        with context.begin_transaction():
            context.run_migrations()
    else:
        with create_engine(url).connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()
    """


def run(root: Path, *arguments: str) -> None:
    """Run a program of the project's."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def revision(name: str, down: object, up: str, back: str = "pass", doc: str = "a change") -> str:
    """A revision's file."""
    indent = "\n    "
    return (
        f'"""{doc}"""\nfrom alembic import op\nimport sqlalchemy as sa\n\n'
        f"revision = {name!r}\ndown_revision = {down!r}\n\n\n"
        f"def upgrade():\n    {up.replace(chr(10), indent)}\n\n\n"
        f"def downgrade():\n    {back.replace(chr(10), indent)}\n"
    )


def sqlalchemy_url(url: str) -> str:
    """The test's database for SQLAlchemy's psycopg."""
    with psycopg.connect(url) as connection:
        info = connection.info
        return f"postgresql+psycopg://{info.user}@/{info.dbname}?host={info.host}&port={info.port}"


REVISIONS = {
    "a": revision(
        "a1",
        None,
        'op.create_table("users", sa.Column("id", sa.Integer, primary_key=True),'
        ' sa.Column("note", sa.String(20), server_default="50%"))\n'
        "op.execute(\"COMMENT ON TABLE users IS '-- Running upgrade a1 -> b2'\")",
        'op.drop_table("users")',
        "The users: first!",
    ),
    "b": revision(
        "b2",
        "a1",
        'op.add_column("users", sa.Column("b", sa.Text))',
        'op.drop_column("users", "b")',
    ),
    "c": revision(
        "c3",
        "a1",
        'op.add_column("users", sa.Column("c", sa.Text))',
        'op.drop_column("users", "c")',
    ),
    "m": revision("m4", ("b2", "c3"), "pass"),
    "i": revision(
        "i5",
        "m4",
        "with op.get_context().autocommit_block():\n"
        '    op.create_index("users_b", "users", ["b"], postgresql_concurrently=True)',
        "raise NotImplementedError",
    ),
}


def project(tree: Tree, url: str, revisions: dict[str, str]) -> Path:
    """A project with Alembic."""
    ini = "[alembic]\nscript_location = %(here)s/scripts\nsqlalchemy.url = "
    ini += sqlalchemy_url(url).replace("%", "%%") + "\n"
    files: dict[str, str | bytes] = {"alembic.ini": ini, "scripts/env.py": ENV}
    files |= {f"scripts/versions/{name}_x.py": text.encode() for name, text in revisions.items()}
    return tree(files)


def test_alembic(on: Manticore, url: str, tree: Tree) -> None:
    root = project(tree, url, REVISIONS)
    run(root, "-m", "alembic", "upgrade", "heads")
    found = on("import", "alembic", str(root), "--url", url, "--json").json
    assert found["history"]["identical"] is True, found
    assert [one["was"] for one in found["migrations"]][0::4] == ["a1", "i5"]
    assert found["history"]["applied"] == [1, 2, 3, 4, 5]
    first = Path("migrations/1_the_users_first.sql").read_text()
    assert first.startswith("-- revision a1: The users: first!\nCREATE TABLE users")
    assert "'50%'" in first and "alembic_version" not in first and "BEGIN" not in first
    assert first.endswith("-- @UNDO\n\nDROP TABLE users;\n")
    index = Path("migrations/5_a_change.sql").read_text()
    assert "-- @transaction off" in index and "COMMIT" not in index and "@UNDO" not in index
    assert on("import", "alembic", str(root), "--url", url, "--json").json["written"] == 0
    on("migrate")
    out = on("verify", "--newest", "0", "--json").json
    assert out["ok"] is True


def test_alembic_s_types(on: Manticore, url: str, tree: Tree) -> None:
    """CREATE TYPE is written by a dialect alone."""
    up = (
        'op.create_table("users", sa.Column("id", sa.Integer, primary_key=True),'
        ' sa.Column("mood", sa.Enum("well", "ill", name="mood")))'
    )
    back = 'op.drop_table("users")\nop.execute("DROP TYPE mood")'
    root = project(tree, url, {"a": revision("a1", None, up, back)})
    run(root, "-m", "alembic", "upgrade", "heads")
    found = on("import", "alembic", str(root), "--url", url, "--json").json
    assert found["history"]["identical"] is True, found
    assert "CREATE TYPE mood" in Path("migrations/1_a_change.sql").read_text()


def test_alembic_half_way(on: Manticore, url: str, tree: Tree) -> None:
    """One branch of two is applied."""
    root = project(tree, url, REVISIONS)
    run(root, "-m", "alembic", "upgrade", "c3")
    found = on("import", "alembic", str(root), "--url", url, "--json").json
    applied = {
        one["was"] for one in found["migrations"] if one["version"] in found["history"]["applied"]
    }
    assert applied == {"a1", "c3"} and found["history"]["identical"] is True


def test_alembic_refuses_what_reads(manticore: Manticore, url: str, tree: Tree) -> None:
    root = project(
        tree,
        url,
        {
            "a": revision("a1", None, "op.get_bind().execute(sa.text('SELECT 1')).scalar()"),
            "b": revision(
                "b2",
                "a1",
                "for row in op.get_bind().execute(sa.text('SELECT 1')) or ():"
                "\n    op.execute('SELECT 2')",
            ),
            "c": revision(
                "c3", "b2", "if not op.get_context().as_sql:\n    op.execute('SELECT 3')"
            ),
            "d": revision("d4", "c3", "op.execute(\"COMMENT ON SCHEMA public IS 'a\\tb'\")"),
        },
    )
    found = manticore("import", "alembic", str(root), "--json", code=1).json
    said = [(one["name"], one["line"], one["message"]) for one in found["refused"]]
    names = [f"scripts/versions/{name}_x.py" for name in "abcd"]
    assert {name for name, _, _ in said} == set(names)
    assert any(n == names[0] and line == 10 and "no SQL" in m for n, line, m in said), said
    assert any(n == names[1] and "reads the database" in m for n, _, m in said)
    assert any(n == names[2] and line == 10 and "no database" in m for n, line, m in said)
    assert any(n == names[3] and "tab" in m for n, _, m in said)


def test_alembic_with_two_heads(manticore: Manticore, url: str, tree: Tree) -> None:
    root = project(tree, url, {key: REVISIONS[key] for key in "abc"})
    found = manticore("import", "alembic", str(root), "--json", code=1).json
    assert "2 heads: b2, c3" in found["refused"][0]["message"]
    found = manticore("import", "alembic", str(root), "--linearize", "--json").json
    assert len(found["migrations"]) == 3


def test_without_the_tool(manticore: Manticore, tree: Tree, tmp_path: Path, url: str) -> None:
    root = project(tree, url, REVISIONS)
    err = manticore("import", "alembic", str(root), "--python", "/nowhere/python", code=2).err
    assert "--python" in err
    err = manticore("import", "alembic", str(tree({"x.sql": ""}, "other")), code=2).err
    assert "no alembic.ini" in err


SETTINGS = """
    DATABASES = {{"default": {{"ENGINE": "django.db.backends.postgresql",
        "HOST": {host!r}, "PORT": {port!r}, "NAME": {dbname!r}, "USER": {user!r}}}}}
    INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "shop"]
    DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
    USE_TZ = True
    """
FIRST = """
    from django.conf import settings
    from django.db import migrations, models

    class Migration(migrations.Migration):
        initial = True
        dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
        operations = [
            migrations.CreateModel(
                name="Order",
                fields=[
                    ("id", models.BigAutoField(primary_key=True, serialize=False)),
                    ("who", models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)),
                    ("state", models.CharField(max_length=10, default="new", db_index=True)),
                ],
            ),
        ]
    """
PYTHON = """
    from django.db import migrations

    def forward(apps, editor):
        apps.get_model("shop", "Order").objects.update(state="old")

    class Migration(migrations.Migration):
        dependencies = [("shop", "0001_initial")]
        operations = [migrations.RunPython(forward)]
    """


def django_project(tree: Tree, url: str, **more: str) -> Path:
    """A project with Django and one app."""
    with psycopg.connect(url) as connection:
        info = connection.info
        settings = SETTINGS.format(
            host=info.host, port=str(info.port), dbname=info.dbname, user=info.user
        )
    manage = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")\n'
    manage += "from django.core.management import execute_from_command_line\nimport sys\n"
    manage += "execute_from_command_line(sys.argv)\n"
    return tree(
        {
            "manage.py": manage,
            "site1/__init__.py": "",
            "site1/settings.py": settings,
            "shop/__init__.py": "",
            "shop/migrations/__init__.py": "",
            "shop/migrations/0001_initial.py": FIRST,
            **{f"shop/migrations/{name}.py": text for name, text in more.items()},
        }
    )


def test_django(on: Manticore, url: str, tree: Tree) -> None:
    root = django_project(tree, url)
    run(root, "manage.py", "migrate")
    found = on("import", "django", str(root), "--url", url, "--json").json
    assert found["history"]["identical"] is True, found
    assert len(found["history"]["applied"]) == len(found["migrations"]) > 10
    assert any("Django's own" in one["message"] for one in found["notes"])
    made = next(one for one in found["migrations"] if one["was"] == "shop.0001_initial")
    text = (Path("migrations") / made["file"]).read_text()
    assert 'CREATE TABLE "shop_order"' in text and 'DROP TABLE "shop_order"' in text
    with psycopg.connect(url) as connection:
        same = connection.execute(
            "SELECT count(*) FROM django_migrations d"
            " JOIN _migrations m ON d.applied = m.applied_at"
        ).fetchone()
        assert same is not None and same[0] == len(found["migrations"])
    on("migrate")


def test_django_refuses_python(manticore: Manticore, url: str, tree: Tree) -> None:
    root = django_project(tree, url, **{"0002_old": PYTHON})
    found = manticore("import", "django", str(root), "--json", code=1).json
    (one,) = found["refused"]
    assert one["name"] == "shop/migrations/0002_old.py" and "cannot be written" in one["message"]
