"""The SQL of each of Django's migrations, both ways, as ``sqlmigrate`` prints it."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def operations(migration: Any) -> list[str]:
    """What of a migration is no SQL: a description of each such operation."""
    found = []
    for operation in migration.operations:
        code = getattr(operation, "code", None)
        if operation.reduces_to_sql or getattr(code, "__name__", "") == "noop":
            continue
        found.append(operation.describe())
    return found


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a request: ``database`` is the alias of a connection of the project's."""
    import_module("django").setup()
    connection = import_module("django.db").connections[request["database"]]
    loaders = import_module("django.db.migrations.loader")
    executor = import_module("django.db.migrations.executor").MigrationExecutor(connection)
    # As if nothing were applied; replaced migrations give way to the squashed one.
    loader = loaders.MigrationLoader(None, replace_migrations=True)
    executor.loader = loader
    answer = []
    plan = executor.migration_plan(loader.graph.leaf_nodes(), clean_start=True)
    state = None
    for migration, _ in plan:
        before = state or loader.project_state((migration.app_label, migration.name), at_end=False)
        row: dict[str, Any] = {
            "app": migration.app_label,
            "name": migration.name,
            "path": getattr(sys.modules.get(migration.__module__), "__file__", None),
            "module": migration.__module__,
            "atomic": migration.atomic,
            "replaces": [list(one) for one in migration.replaces],
            "opaque": operations(migration),
            "error": None,
        }
        try:
            with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
                state = migration.apply(before.clone(), editor, collect_sql=True)
            row["up"] = editor.collected_sql
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            row["error"] = f"{type(error).__name__}: {error}".split("\n")[0]
            state = migration.mutate_state(before.clone())
        try:
            with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
                migration.unapply(before.clone(), editor, collect_sql=True)
            row["down"] = editor.collected_sql
        except Exception:  # noqa: BLE001 - irreversible, or it reads what is not there
            row["down"] = None
        answer.append(row)
    return {"migrations": answer}


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    Path(asked["answer"]).write_text(json.dumps(main(asked)), encoding="utf-8")
