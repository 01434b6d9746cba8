"""Which changes of models are found and written right: by us, by Alembic, by makemigrations.

    python -m benchmarks.model_changes [WORD]     the table, in Markdown; cases with WORD in them

Each case is a pair of models. One database is made of the first, another of the second. A tool
writes what leads from one to the other, which is run on the first database. *Right* means that it
is then what the second one is, as our reader of schemas sees them: every type, default, index,
comment. *Back* means that the way back leads to where it began. For Django the names of
constraints and indexes do not count, since it calls them otherwise when it makes them later.

Needs the extra ``dev``, and a PostgreSQL (the embedded one, or MANTICORE_TEST_POSTGRES_URL).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from manticore_cockroachdb import local
from manticore_cockroachdb.database import Database
from manticore_cockroachdb.errors import SchemaError
from manticore_cockroachdb.interpreter.programs.sqlalchemy_ddl import compiled
from manticore_cockroachdb.parser.split import split
from manticore_cockroachdb.schema import model as m
from manticore_cockroachdb.schema.diff import compare
from manticore_cockroachdb.schema.draft import draft
from manticore_cockroachdb.schema.read import read
from manticore_cockroachdb.schema.rename import followers, rename

from .model_cases import CASES, Case, django_models, metadata

YES, NO = "yes", "–"
LEFT_OUT = "n/a"
EMPTY = "DROP SCHEMA IF EXISTS public, app CASCADE; CREATE SCHEMA public"


@dataclass(frozen=True)
class Verdict:
    """What came of a case with one tool. ``note`` says why not."""

    right: str
    back: str
    note: str = ""

    def __str__(self) -> str:
        if self.right == LEFT_OUT:
            return LEFT_OUT
        if self.right == self.back == YES:
            return YES
        word = "one way" if self.right == YES else "no"
        return f"{word} ({self.note})" if self.note else word


class Trial:
    """Two databases, the one of the models before and the one of those after."""

    def __init__(self, server: Database, prepare: Callable[[str], list[str]]) -> None:
        self.server = server
        self.prepare = prepare

    @contextmanager
    def made(self, code: str, name: str) -> Iterator[Database]:
        """Lend a database made of some models."""
        self.server.create_database(name)
        database = self.server.sibling(name)
        try:
            run(database, [EMPTY, *self.prepare(code)])
            yield database
        finally:
            database.close()


def written(code: str) -> list[str]:
    """The statements that make some models."""
    found = compiled(metadata(code), "postgresql")
    return [*(f"CREATE SCHEMA {name}" for name in found["schemas"]), *found["statements"]]


def run(database: Database, statements: list[str]) -> None:
    """Run statements, each on its own."""
    with database.dedicated() as connection:
        for text in statements:
            for start, end in split(text):
                connection.execute(text[start:end].encode())


def said(error: Exception) -> str:
    """The first line of an error."""
    return str(error).strip().split("\n")[0][:90].replace("|", "/")


# --- the three ----------------------------------------------------------------------------------


def ours(case: Case, server: Database) -> Verdict:
    """`manticore new --from-diff`, with --rename where the case says that something was renamed."""
    trial = Trial(server, written)
    with trial.made(case.before, "changes_a") as one, trial.made(case.after, "changes_b") as two:
        start, goal = read(one), read(two)
        done = [rename(start, wish) for wish in case.renames]
        now = start
        if done:
            with trial.made(case.before, "changes_c") as three:
                run(three, [step.sql for step in done])
                done += followers(read(three), goal, done)
                run(three, [step.sql for step in done if step not in done[: len(case.renames)]])
                now = read(three)
        try:
            found = draft(now, goal, done)
            run(one, [found.up])
        except (SchemaError, psycopg.Error) as error:
            return Verdict(NO, NO, said(error))
        if changes := compare(read(one), goal):
            return Verdict(NO, NO, f"{changes[0].what} {changes[0].aspect or changes[0].kind}")
        try:
            run(one, [found.down])
        except psycopg.Error as error:
            return Verdict(YES, NO, said(error))
        return Verdict(YES, NO if compare(read(one), start) else YES)


def alembic(case: Case, server: Database) -> Verdict:
    """`alembic revision --autogenerate`, comparing types and server defaults."""
    import sqlalchemy
    from alembic.autogenerate import produce_migrations, render_python_code
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from sqlalchemy import create_engine
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.pool import NullPool

    trial = Trial(server, written)
    with trial.made(case.before, "changes_a") as one, trial.made(case.after, "changes_b") as two:
        start, goal = read(one), read(two)
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: one.dedicated(), poolclass=NullPool
        )
        options = {"compare_type": True, "compare_server_default": True, "include_schemas": True}

        def revise(context: Any, ops: Any) -> None:
            """Run what stands in the revision's file, which is not quite what was found."""
            code = render_python_code(ops, migration_context=context)
            lines = ["def revision():", *(f"    {line}" for line in code.splitlines())]
            names = {"op": Operations(context), "sa": sqlalchemy, "postgresql": postgresql}
            exec("\n".join(lines), names)
            names["revision"]()

        try:
            with engine.connect() as connection:
                context = MigrationContext.configure(connection, opts=options)
                script = produce_migrations(context, metadata(case.after))
                revise(context, script.upgrade_ops)
                connection.commit()
        except Exception as error:  # noqa: BLE001 - whatever it is, it did not get there
            return Verdict(NO, NO, said(error))
        if changes := compare(read(one), goal):
            return Verdict(NO, NO, f"{changes[0].what} {changes[0].aspect or changes[0].kind}")
        try:
            with engine.connect() as connection:
                context = MigrationContext.configure(connection, opts=options)
                revise(context, script.downgrade_ops)
                connection.commit()
        except Exception as error:  # noqa: BLE001
            return Verdict(YES, NO, said(error))
        return Verdict(YES, NO if compare(read(one), start) else YES)


def django(case: Case, server: Database) -> Verdict:
    """`makemigrations`, which asks nobody."""
    if case.django is None:
        return Verdict(LEFT_OUT, LEFT_OUT)
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connections
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.graph import MigrationGraph
    from django.db.migrations.questioner import NonInteractiveMigrationQuestioner
    from django.db.migrations.state import ProjectState

    def apply(database: Database, before: Any, after: Any, *, back: bool = False) -> Any:
        detector = MigrationAutodetector(
            before, after, NonInteractiveMigrationQuestioner(verbosity=0)
        )
        changes = detector.changes(MigrationGraph(), trim_to_apps={"shop"})
        with database.dedicated() as opened:
            info = opened.info
            place = {
                "NAME": info.dbname,
                "HOST": info.host,
                "PORT": str(info.port),
                "USER": info.user,
            }
        connection = connections["default"]
        connection.settings_dict.update(place)
        connection.close()
        state = before.clone()
        try:
            for migration in changes.get("shop", []):
                with connection.schema_editor(atomic=migration.atomic) as editor:
                    state = migration.apply(state, editor)
        finally:
            connection.close()
        return changes.get("shop", [])

    empty = ProjectState()
    try:
        before = django_models(case.django[0])
        after = django_models(case.django[1])
    except ImproperlyConfigured as error:
        return Verdict(NO, NO, said(error))
    trial = Trial(server, lambda code: [])
    with trial.made("", "changes_a") as one, trial.made("", "changes_b") as two:
        apply(one, empty, before)
        apply(two, empty, after)
        start, goal = nameless(read(one)), nameless(read(two))
        try:
            apply(one, before, after)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return Verdict(NO, NO, said(error) if str(error) else "asks")
        if changes := compare(nameless(read(one)), goal):
            return Verdict(NO, NO, f"{changes[0].what} {changes[0].aspect or changes[0].kind}")
        try:
            apply(one, after, before)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return Verdict(YES, NO, said(error))
        return Verdict(YES, NO if compare(nameless(read(one)), start) else YES)


def nameless(schema: m.Schema) -> m.Schema:
    """The catalog with constraints and indexes called after what they are."""
    tables = []
    for table in schema.tables:
        constraints = tuple(
            sorted(
                (replace(c, name=f"{c.kind} {c.definition}") for c in table.constraints),
                key=lambda c: c.name,
            )
        )
        indexes = tuple(
            sorted(
                (replace(i, name=f"{i.keys} {i.where} {i.method}") for i in table.indexes),
                key=lambda i: i.name,
            )
        )
        tables.append(replace(table, constraints=constraints, indexes=indexes))
    return replace(schema, tables=tuple(tables))


def unchanged(server: Database) -> int:
    """How many models have a change proposed although they did not change, with ours."""
    trial = Trial(server, written)
    wrong = 0
    for case in CASES:
        with trial.made(case.after, "changes_a") as one, trial.made(case.after, "changes_b") as two:
            wrong += bool(compare(read(one), read(two)))
    return wrong


def main(word: str = "") -> int:
    """Print the table; 0 if ours has all."""
    url = os.environ.get("MANTICORE_TEST_POSTGRES_URL")
    with nullcontext(url) if url else local.scratch(engine="postgresql") as found:
        server = Database.from_url(found)
        chosen = [case for case in CASES if word in case.name]
        totals = {"ours": 0, "alembic": 0, "django": 0}
        forward = dict(totals)
        possible = sum(case.django is not None for case in chosen)
        print("| change | manticore | Alembic | Django |\n|---|---|---|---|")
        for case in chosen:
            row = {
                "ours": ours(case, server),
                "alembic": alembic(case, server),
                "django": django(case, server),
            }
            for name, verdict in row.items():
                totals[name] += str(verdict) == YES
                forward[name] += verdict.right == YES
            print(f"| {case.name} | {' | '.join(map(str, row.values()))} |", flush=True)
        print(
            f"| **{len(chosen)} changes, right both ways** | **{totals['ours']}** |"
            f" **{totals['alembic']}** | **{totals['django']} of {possible}** |\n"
            f"| right, whatever the way back | {forward['ours']} | {forward['alembic']} |"
            f" {forward['django']} of {possible} |"
        )
        wrong = unchanged(server)
        print(f"\nModels that did not change and have a change proposed by manticore: {wrong}.")
        server.close()
    return 0 if totals["ours"] == len(chosen) and not wrong else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
