"""The statements that make what SQLAlchemy's models say, as SQLAlchemy itself compiles them.

``create_all`` runs against a mock engine: no database, no driver. What listens to the creation of
tables (``event.listen(…, DDL(…))``) is heard too.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def metadata_of(module: Any, name: str) -> Any:
    """The metadata that a name means: itself, or that of a declarative base."""
    if name:
        found = module
        for part in name.split("."):
            found = getattr(found, part)
        found = getattr(found, "metadata", found)
        if not hasattr(found, "sorted_tables"):
            raise SystemExit(f"{name} is neither a MetaData nor a declarative base")
        return found
    every = {}
    for thing in vars(module).values():
        metadata = getattr(thing, "metadata", thing)
        if hasattr(metadata, "sorted_tables") and hasattr(metadata, "create_all"):
            every[id(metadata)] = metadata
    if len(every) != 1:
        raise SystemExit(
            f"{module.__name__} has {len(every)} sets of tables; write {module.__name__}:NAME"
        )
    return next(iter(every.values()))


def compiled(metadata: Any, dialect: str) -> dict[str, Any]:
    """The statements that make some tables, and the schemas that these are in."""
    statements: list[str] = []

    def emitted(construct: Any, *_: Any, **__: Any) -> None:
        text = str(construct.compile(dialect=engine.dialect)).strip()
        # A percent sign is doubled for a driver that is not there.
        if getattr(engine.dialect.identifier_preparer, "_double_percents", False):
            text = text.replace("%%", "%")
        statements.append(text)

    engine = import_module("sqlalchemy").create_mock_engine(f"{dialect}://", emitted)
    schemas = {table.schema for table in metadata.tables.values() if table.schema}
    metadata.create_all(engine, checkfirst=False)
    return {"statements": statements, "schemas": sorted(schemas)}


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a request: ``module``, ``name`` in it, ``dialect``."""
    module = import_module(request["module"])
    return compiled(metadata_of(module, request["name"]), request["dialect"])


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    sys.path.insert(0, "")
    Path(asked["answer"]).write_text(json.dumps(main(asked)), encoding="utf-8")
