"""Many tenants: schemas of one database, and databases of one server.

*Nothing to do* is the whole process, `manticore migrate --fleet`, over schemas and over databases
that have everything; what a single `migrate` takes that has nothing to do is taken off as start-up.
*Three migrations* goes over empty schemas, 20 ms away, beside a loop of single runs, a loop over
Alembic, and django-tenants' own `migrate_schemas`. The loops are a process for each tenant, so what
they take grows with the number of tenants: of a loop a sample is run, and its time a tenant stands
for all. *CockroachDB* is three more migrations in databases that have one already, so that each has
its history, beside plain programs that send the same three statements to as many databases at once
(1, 4, 8, 16) and keep no history, no lease and no journal; the best of them counts. Since a server
with more behind it is slower, ours and the best run first and last, and both together count.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from manticore_cockroachdb.parser.quoting import quote

from .. import work
from ..bench import Bench
from ..clock import Command, CommandFailed, Run, run
from ..findings import Bar, Section, Table, megabytes, seconds
from ..peers import Alembic, environment
from ..servers import SHORT, Place, Server, server
from ..tools import manticore

DELAY = 20.0
PARALLEL = 16
SAMPLE = 10
_BARE = """
import sys, threading, psycopg
url, names, files, parallel = sys.argv[1], sys.argv[2].split(","), sys.argv[3:-1], int(sys.argv[-1])
texts = [open(file).read().partition("-- @UNDO")[0] for file in files]
left, errors = list(names), []
def work():
    while left:
        try:
            name = left.pop()
        except IndexError:
            return
        with psycopg.connect(url, dbname=name, autocommit=True) as connection:
            for text in texts:
                connection.execute(text)
def guarded():
    try:
        work()
    except BaseException as error:
        errors.append(error)
threads = [threading.Thread(target=guarded) for _ in range(parallel)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
sys.exit(repr(errors[0]) if errors else 0)
"""


def measure(bench: Bench) -> Section:
    """Measure what is there to be measured on each engine."""
    bars: list[Bar] = []
    tables: list[Table] = []
    notes: list[str] = []
    for engine in bench.engines:
        with server(engine) as here:
            bench.versions[engine] = here.version()
            if engine == "postgresql":
                tables.append(_nothing(bench, here, bars))
                tables.append(_three(bench, here, bars, notes))
            else:
                tables.append(_on_cockroachdb(bench, here, bars))
    return Section(
        "fleet", "Fleets of tenants", f"{__doc__}", tuple(bars), tuple(tables), notes=tuple(notes)
    )


def _fleet(bench: Bench, name: str, names: Sequence[str], count: int, **keys: object) -> Path:
    """A directory with a configuration of a fleet, and ``count`` migrations."""
    directory = bench.space / f"fleet-{name}"
    if not directory.exists():
        work.write_ours(directory / "migrations", count)
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    text = "\n".join(["[fleets.all]", f"names = {json.dumps(list(names))}", *lines])
    (directory / "manticore.toml").write_text(text + "\n")
    return directory


def _ours(directory: Path, place: Place, *words: str) -> Command:
    argv = (manticore(), "migrate", "--fleet", "all", "--json", *words)
    return Command(argv, cwd=directory, env={"DATABASE_URL": place.url(sslmode="disable")})


def _report(found: Run, expected: str, number: int) -> None:
    """Raise unless the report says that so many targets are in a state."""
    last = found.out[found.out.index('{"fleet"') :].splitlines()[0]
    report = json.loads(last)
    if report[expected] != number or report["targets"] != number:
        raise CommandFailed(f"{number} should be {expected}: {last[:400]}")


# --- nothing to do -------------------------------------------------------------------------------


def _nothing(bench: Bench, here: Server, bars: list[Bar]) -> Table:
    many = 100 if bench.quick else 1000
    rounds = 3 if bench.quick else 5
    rows = []
    for kind in ("schema", "database"):
        with here.database() as place:
            prefix = f"{place.database}_"
            names = [f"{number:04}" for number in range(many)]
            pattern = "tenant_{name}" if kind == "schema" else f"{prefix}{{name}}"
            directory = _fleet(bench, f"nothing-{kind}", names, 3, **{kind: pattern})
            single = Command(
                (manticore(), "migrate"),
                cwd=directory,
                env={"DATABASE_URL": place.url(sslmode="disable")},
            )
            run(single)  # its own tables are those that a database below is a copy of
            if kind == "schema":
                _report(run(_ours(directory, place, "--create", "--parallel", "8")), "done", many)
            else:  # they go with the server: to drop each takes a checkpoint
                _copies(here, place, [prefix + name for name in names])
            command = _ours(directory, place, "--parallel", str(PARALLEL))
            _report(run(command), "nothing_to_do", many)
            runs = [run(command) for _ in range(rounds)]
            start = statistics.median(run(single).seconds for _ in range(rounds))
        whole = statistics.median(one.seconds for one in runs)
        peak = max(one.peak for one in runs)
        limit = (1.0 if kind == "schema" else 5.0) * many / 1000
        bars.append(
            Bar(f"{many:,} {kind}s, nothing to do, after start-up", whole - start, limit, "s")
        )
        bars.append(Bar(f"{many:,} {kind}s, nothing to do: memory", peak, 150e6, "bytes"))
        rows.append((f"{many:,} {kind}s", seconds(whole), seconds(start), megabytes(peak)))
        bench.say(f"  {many:,} {kind}s: {whole:.2f} s, of it start-up {start:.2f} s")
    heading = ("PostgreSQL, nothing to do", "whole process", "of it start-up", "memory")
    return Table(heading, tuple(rows))


def _copies(here: Server, place: Place, names: Sequence[str]) -> None:
    """Make databases that have what this one has."""
    with here.place.connect() as connection:
        for name in names:
            text = f"CREATE DATABASE {quote(name)} TEMPLATE {quote(place.database)}"
            connection.execute(text.encode())


# --- three migrations ----------------------------------------------------------------------------


def _three(bench: Bench, here: Server, bars: list[Bar], notes: list[str]) -> Table:
    many = 60 if bench.quick else 1000
    names = [f"{number:04}" for number in range(many)]
    rows: list[tuple[str, str, str, str]] = []
    times: dict[str, float] = {}

    def found(name: str, each: float, how: str) -> None:
        times[name] = each
        bench.say(f"  {name}: {each * 1000:.0f} ms a tenant ({how})")

    with here.database() as place, here.proxy(DELAY) as proxy:
        _schemas(place, names)
        directory = _fleet(bench, "three", names, 3, schema="tenant_{name}")
        whole = run(_ours(directory, place.through(proxy), "--parallel", str(PARALLEL)))
        _report(whole, "done", many)
        found("manticore --fleet", whole.seconds / many, f"all {many:,}, {PARALLEL} at once")
    sample = names[: 3 if bench.quick else SAMPLE]
    alembic = next(t for t in bench.tools if isinstance(t, Alembic) and not t.single)
    with here.database() as place, here.proxy(DELAY) as proxy:
        _schemas(place, names)
        way = place.through(proxy)
        for tool in (bench.ours, alembic):
            files = bench.files(tool, 3)
            took = 0.0
            for name in sample:
                command = tool.migrate(files, way)
                path = {"PGOPTIONS": f"-csearch_path=tenant_{name}"}
                took += run(Command(command.argv, command.cwd, {**command.env, **path})).seconds
            label = "a loop of single runs" if tool is bench.ours else f"a loop over {tool.name}"
            found(label, took / len(sample), f"a sample of {len(sample)}")
            with place.connect() as connection:
                for name in sample:
                    connection.execute(f"DROP SCHEMA tenant_{name} CASCADE".encode())
                    connection.execute(f"CREATE SCHEMA tenant_{name}".encode())
    try:
        _django_tenants(bench, here, 6 if bench.quick else 50, found)
    except CommandFailed as error:
        notes.append(f"django-tenants could not be measured: {str(error)[:300]}")
    ours = times["manticore --fleet"]
    for name, each in times.items():
        rows.append((name, seconds(each), seconds(each * many), f"{each / ours:.1f} ×"))
    rows.sort(key=lambda row: float(row[3].split()[0]))
    best = times["a loop of single runs"] / ours
    what = f"{many:,} schemas × 3 at {DELAY:.0f} ms: times as quick as a loop of single runs"
    bars.append(Bar(what, best, 10, "times", at_least=True))
    return Table(
        (f"3 migrations at {DELAY:.0f} ms", "a tenant", f"{many:,} tenants", ""), tuple(rows)
    )


def _schemas(place: Place, names: Sequence[str]) -> None:
    with place.connect() as connection:
        for name in names:
            connection.execute(f"CREATE SCHEMA tenant_{name}".encode())


_TENANTS_SETTINGS = """
import os
SECRET_KEY = "benchmark"
SHARED_APPS = ["django_tenants", "django.contrib.contenttypes", "customers"]
TENANT_APPS = ["shop"]
INSTALLED_APPS = [*SHARED_APPS, "shop"]
TENANT_MODEL = "customers.Client"
TENANT_DOMAIN_MODEL = "customers.Domain"
DATABASE_ROUTERS = ("django_tenants.routers.TenantSyncRouter",)
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {
    "ENGINE": "django_tenants.postgresql_backend", "HOST": os.environ["HOST"],
    "PORT": os.environ["PORT"], "USER": os.environ["DBUSER"], "NAME": os.environ["NAME"],
    "OPTIONS": {"sslmode": "disable"},
}}
"""
_CUSTOMERS = """
from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Client(TenantMixin):
    auto_create_schema = False


class Domain(DomainMixin):
    pass
"""
_MAKE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
from customers.models import Client
Client.objects.bulk_create([Client(schema_name=f"tenant_{i:04}") for i in range(int(sys.argv[1]))])
"""


def _django_tenants(bench: Bench, here: Server, many: int, found: object) -> None:
    """Its own command over many tenants, one after the other and in parallel."""
    from ..peers import Django, cache

    python = environment(cache(), Path(__file__).parents[1] / "tenants.txt")
    django = next(t for t in bench.tools if isinstance(t, Django))
    for executor in ("standard", "multiprocessing"):
        directory = bench.space / f"django-tenants-{executor}"
        directory.mkdir(exist_ok=True)
        django.write(directory, 3)
        (directory / "settings.py").write_text(_TENANTS_SETTINGS)
        (directory / "make.py").write_text(_MAKE)
        customers = directory / "customers"
        customers.mkdir(exist_ok=True)
        (customers / "__init__.py").touch()
        (customers / "models.py").write_text(_CUSTOMERS)
        with here.database() as place, here.proxy(DELAY) as proxy:
            names = [f"{number:04}" for number in range(many)]
            _schemas(place, names)

            def command(at: Place, *words: str, cwd: Path = directory) -> Command:
                env = {"HOST": at.host, "PORT": str(at.port), "DBUSER": at.user}
                return Command(
                    (str(python), *words),
                    cwd=cwd,
                    env={**env, "NAME": at.database, "PYTHONPATH": "."},
                )

            run(command(place, "manage.py", "makemigrations", "customers"))
            run(command(place, "manage.py", "migrate_schemas", "--shared"))
            run(command(place, "make.py", str(many)))
            words = ("manage.py", "migrate_schemas", "--tenant", f"--executor={executor}")
            took = run(command(place.through(proxy), *words))
            with place.connect() as connection:
                (made,) = connection.execute(
                    "SELECT count(*) FROM information_schema.tables"
                    " WHERE table_schema LIKE 'tenant%' AND table_name = 't00003'"
                ).fetchone() or (0,)
            if made != many:
                raise CommandFailed(f"django-tenants made {made} of {many}: {took.out[-300:]}")
        assert callable(found)
        found(f"django-tenants, {executor}", took.seconds / many, f"all of {many}")


# --- CockroachDB ---------------------------------------------------------------------------------


def _on_cockroachdb(bench: Bench, here: Server, bars: list[Bar]) -> Table:
    many = 8 if bench.quick else 100
    rows = []
    times: dict[str, list[float]] = {}
    ours, bare = "manticore --fleet", "bare loop"
    others = [(bare, size) for size in ((1,) if bench.quick else (8, 4, 1))]
    # The server gets slower with what it has seen, so the two that matter come first and last.
    two = [(ours, PARALLEL), (bare, PARALLEL)]
    with here.database() as place:
        for turn, (who, size) in enumerate([*two, *others, (ours, 8), *reversed(two)]):
            label = f"{who}, {size} at once"
            prefix = f"f{os.getpid()}_{turn}_"
            names = [f"{prefix}{number:03}" for number in range(many)]
            first = _fleet(bench, f"crdb-{turn}", names, 1, database="{name}")
            with here.place.connect() as connection:
                for name in names:
                    connection.execute(f"CREATE DATABASE {name}".encode())
            try:
                _report(run(_ours(first, place)), "done", many)
                work.write_ours(first / "migrations", 4)
                if who == ours:
                    found = run(_ours(first, place, "--parallel", str(size)))
                    _report(found, "done", many)
                else:
                    files = sorted(map(str, (first / "migrations").iterdir()))[1:]
                    url = place.url(sslmode="disable")
                    argv = (sys.executable, "-c", _BARE, url, ",".join(names), *files, str(size))
                    found = run(Command(argv))
                times.setdefault(label, []).append(found.seconds)
                bench.say(f"  {label}: {found.seconds:.2f} s")
            finally:
                with here.place.connect() as connection:
                    for name in names:
                        connection.execute(f"DROP DATABASE {name} CASCADE".encode())
    taken = {name: statistics.mean(found) for name, found in times.items()}
    best = min(whole for name, whole in taken.items() if name.startswith(bare))
    what = f"{many} databases × 3: of the best bare loop"
    bars.append(Bar(what, taken[f"{ours}, {PARALLEL} at once"] / best, 1.15, "times"))
    for name, whole in sorted(taken.items(), key=lambda pair: pair[1]):
        rows.append((name, seconds(whole), f"{whole / best:.2f} ×"))
    heading = (f"{SHORT[here.engine]}, 3 migrations in {many} databases", "all", "of the best loop")
    return Table(heading, tuple(rows))
