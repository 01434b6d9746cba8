"""Write docs/api.md, the reference of the client, the migrators and fleets, from their docstrings.

    python tools/api.py            write it
    python tools/api.py --check    change nothing; exit 1 when it is stale

The classes are those of `CLASSES`, the methods those that do not begin with an underscore, in the
order of their source. The asynchronous half stands for both: the other has the same names.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "api.md"

# Module, class, and what it is called for a reader.
CLASSES = (
    ("async_database", "AsyncDatabase", "AsyncDatabase, Database"),
    (
        "async_pooled",
        "AsyncPooledConnection",
        "What is lent: AsyncPooledConnection, PooledConnection",
    ),
    ("async_table", "AsyncTable", "AsyncTable, Table"),
    ("async_migration", "AsyncMigrator", "AsyncMigrator, Migration"),
    ("fleet.async_fleet", "AsyncFleet", "AsyncFleet, Fleet"),
    ("fleet.report", "FleetReport", "FleetReport"),
    ("fleet.report", "Outcome", "Outcome"),
    ("fleet.report", "FleetStatus", "FleetStatus"),
    ("rows", "Rows", "Rows"),
    ("retry", "RetryPolicy", "RetryPolicy"),
    ("limits", "Limits", "Limits"),
    ("feed", "Change", "Change"),
    ("feed", "Resolved", "Resolved"),
)
# What only the pool and its neighbours call.
INTERNAL = ("wait", "give_back", "within", "lost", "capabilities")
WIDTH = 88
HEAD = """# The Python API

<!-- Written by tools/api.py from the docstrings; do not edit. -->

Each class exists twice, and each method in both: `await db.select(…)` of `AsyncDatabase` is
`db.select(…)` of `Database`, `async with` is `with`, `async for` is `for`. The asynchronous half is
shown. [The client's page](client.md) has examples of everything; [errors](#errors) come last.
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for module, name, title in CLASSES:
        kind = getattr(import_module(f"manticore_cockroachdb.{module}"), name)
        parts.append(f"## {title}\n\n{text(kind)}\n")
        parts += (
            f"### {n}\n\n```python\n{signature(n, m)}\n```\n\n{text(m)}\n" for n, m in methods(kind)
        )
    errors = import_module("manticore_cockroachdb.errors")
    parts.append(f"## Errors\n\n```text\n{inspect.cleandoc(errors.__doc__ or '')}\n```\n")
    return "\n".join(parts)


def methods(kind: type) -> Iterator[tuple[str, object]]:
    """Yield public methods of ours, those of the class itself before those of its bases."""
    seen: set[str] = set()
    for base in kind.__mro__:
        if not base.__module__.startswith("manticore_cockroachdb"):
            continue
        for name, member in vars(base).items():
            member = getattr(member, "__func__", member)
            if name.startswith("_") or name in seen or not inspect.isfunction(member):
                continue
            if name in INTERNAL:
                continue
            seen.add(name)
            yield name, member


def signature(name: str, member: object) -> str:
    assert callable(member)
    signature = inspect.signature(member)
    # What a method is called on is written before its name, and not in it.
    mine = [one for one in signature.parameters.values() if one.name not in ("self", "cls")]
    text = _plain(f"{name}{signature.replace(parameters=mine)}")
    if len(text) <= WIDTH:
        return text
    # One a line, as a formatter would.
    lines, starred = [], False
    for one in mine:
        if one.kind is one.KEYWORD_ONLY and not starred:
            lines.append("*")
            starred = True
        starred = starred or one.kind is one.VAR_POSITIONAL
        lines.append(_plain(str(one)))
    returns = _plain(str(signature.replace(parameters=[]))).removeprefix("()")
    return "\n".join([f"{name}(", *(f"    {line}," for line in lines), f"){returns}"])


def _plain(text: str) -> str:
    # A default that is a function prints with its address, which is another one each time.
    return re.sub(r"<function .*? at 0x[0-9a-f]+>", "…", text).replace("'", "")


def text(member: object) -> str:
    text = inspect.getdoc(member) or ""
    # ``code`` and `name` are both code in Markdown.
    return text.replace("``", "`")


def main() -> int:
    """Write the page, or say whether it is stale."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args().check
    text = page()
    stale = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text
    if check:
        if stale:
            print(f"stale: {PAGE.name}; run python tools/api.py", file=sys.stderr)
        return int(stale)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
