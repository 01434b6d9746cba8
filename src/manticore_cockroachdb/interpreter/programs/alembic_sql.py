"""The SQL of each revision, both ways, as Alembic's offline mode makes it.

One walk up and one walk down, whatever the number of revisions. What a revision emits lies between
the moments when its function begins and ends, so nothing has to be cut out of a text.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

_READS = re.compile(r"\s*(?:SELECT|WITH|SHOW|TABLE|VALUES)\b|.*\bRETURNING\b", re.I | re.S)
_TAB_IN_STRING = re.compile(r"'[^']*\t[^']*'|\$\w*\$[^$]*\t")


class Buffer:
    """Where Alembic writes; a piece for each statement."""

    def __init__(self) -> None:
        self.items: list[str] = []

    def write(self, text: str) -> None:
        """Take a piece."""
        if text.strip():
            self.items.append(text.strip())

    def flush(self) -> None:
        """Nothing is held back."""


class Listener:
    """What happened while each revision ran."""

    def __init__(self, buffer: Buffer) -> None:
        self.buffer = buffer
        self.order: list[str] = []
        self.found: dict[str, dict[str, Any]] = {}
        self.now: dict[str, Any] = {}

    def wrapped(self, revision: Any, direction: str) -> None:
        """Have a revision's function run under watch."""
        original: Callable[..., None] | None = getattr(revision.module, direction, None)

        def run(*args: Any, **kwargs: Any) -> None:
            start = len(self.buffer.items)
            self.now = {"error": None, "line": None, "flags": []}
            if original is None:
                self.now["error"] = f"has no function {direction}"
            else:
                try:
                    original(*args, **kwargs)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is told
                    self.now["error"] = f"{type(error).__name__}: {error}".split("\n")[0]
                    for frame in traceback.extract_tb(error.__traceback__):
                        if frame.filename == revision.path:
                            self.now["line"] = frame.lineno
            self.now["sql"] = self.buffer.items[start:]
            self.found.setdefault(revision.revision, {})[direction] = self.now
            if direction == "upgrade":
                self.order.append(revision.revision)
            self.now = {}

        setattr(revision.module, direction, run)

    def flag(self, word: str) -> None:
        """Remember something of the revision that is running."""
        if self.now and word not in self.now["flags"]:
            self.now["flags"].append(word)


def _text(statement: Any) -> str:
    """A statement as SQL; "" for one that only a dialect can write, which makes a type and reads
    nothing."""
    try:
        return str(statement)
    except Exception:  # noqa: BLE001 - SQLAlchemy 2.1 raises AttributeError for CREATE TYPE
        return ""


def watch(listener: Listener) -> None:
    """Notice what cannot be seen in the text that comes out."""
    context = import_module("alembic.runtime.migration").MigrationContext
    mock = import_module("sqlalchemy.engine.mock").MockConnection
    impl = import_module("alembic.ddl.impl").DefaultImpl
    configure, autocommit = context.configure.__func__, context.autocommit_block
    execute, emit = mock.execute, impl._exec

    def configured(cls: Any, *args: Any, **kwargs: Any) -> Any:
        # Literals in the text, and no percent sign doubled for a driver that is not there.
        kwargs["dialect_opts"] = {**(kwargs.get("dialect_opts") or {}), "paramstyle": "named"}
        kwargs["opts"] = {**(kwargs.get("opts") or {}), "literal_binds": True}
        return configure(cls, *args, **kwargs)

    def alone(self: Any) -> Any:
        listener.flag("autocommit")
        return autocommit(self)

    def executed(self: Any, statement: Any, *args: Any, **kwargs: Any) -> Any:
        if _READS.match(_text(statement)):
            listener.flag("reads")
        return execute(self, statement, *args, **kwargs)

    def emitted(self: Any, construct: Any, *args: Any, **kwargs: Any) -> Any:
        text = construct if isinstance(construct, str) else getattr(construct, "text", "")
        if isinstance(text, str) and _TAB_IN_STRING.search(text):
            listener.flag("tab")
        return emit(self, construct, *args, **kwargs)

    context.configure = classmethod(configured)
    context.autocommit_block = alone
    mock.execute = executed
    impl._exec = emitted


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a request: ``config`` is the path of the ini, ``url`` a database of the right kind."""
    buffer = Buffer()
    listener = Listener(buffer)
    watch(listener)
    config = import_module("alembic.config").Config(request["config"], output_buffer=buffer)
    scripts = import_module("alembic.script").ScriptDirectory.from_config(config)
    environment = import_module("alembic.runtime.environment").EnvironmentContext
    revisions = list(scripts.walk_revisions("base", "heads"))
    for revision in revisions:
        listener.wrapped(revision, "upgrade")
        listener.wrapped(revision, "downgrade")
    heads = list(scripts.get_heads())

    def up(now: Any, _: Any) -> Any:
        return scripts._upgrade_revs("heads", now)

    def down(now: Any, _: Any) -> Any:
        return scripts._downgrade_revs("base", now)

    with environment(config, scripts, fn=up, as_sql=True, destination_rev="heads"):
        scripts.run_env()
    with environment(
        config, scripts, fn=down, as_sql=True, starting_rev=heads, destination_rev="base"
    ):
        scripts.run_env()
    by_id = {revision.revision: revision for revision in revisions}
    answer = []
    for key in listener.order:
        revision = by_id[key]
        parents = [*revision._versioned_down_revisions, *revision._resolved_dependencies]
        answer.append(
            {
                "revision": key,
                "parents": parents,
                "doc": revision.doc,
                "path": revision.path,
                **listener.found[key],
            }
        )
    return {"heads": heads, "revisions": answer}


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    Path(asked["answer"]).write_text(json.dumps(main(asked)), encoding="utf-8")
