"""The guide's code blocks, read from ``blocks.txt``, and run as a reader would paste them.

A block runs as it stands, ``await`` at its top level included, in one namespace with those before
it. The only thing put in its place is the name of the database: a server of somebody's may have an
``example_db`` of its own.
"""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

TEXT = (Path(__file__).parent / "blocks.txt").read_text()
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_DATABASES = re.compile(r'database="(?:example_db|test_db)"')


@dataclass(frozen=True)
class Block:
    """A code block, the headings above it, its language."""

    chapter: str
    heading: str
    language: str
    code: str


def read(text: str = TEXT) -> list[Block]:
    """Every block in the guide's order."""
    found, chapter = [], ""
    fences = list(_FENCE.finditer(text))
    inside = [range(f.start(), f.end()) for f in fences]
    headings = [h for h in _HEADING.finditer(text) if not any(h.start() in r for r in inside)]
    for fence in fences:
        above = [h for h in headings if h.start() < fence.start()]
        chapter = next(h[1] for h in reversed(above) if h[0].startswith("## "))
        found.append(Block(chapter, above[-1][1], fence[1], fence[2]))
    return found


BLOCKS = read()


def block(chapter: str, heading: str, number: int = 0, language: str = "python") -> str:
    """The code of one block: the chapter's, under the heading, counted from 0."""
    return [
        b.code for b in BLOCKS if (b.chapter, b.heading, b.language) == (chapter, heading, language)
    ][number]


def run(code: str, names: dict[str, Any], database: str = "") -> None:
    """Run a block that awaits nothing."""
    exec(_compiled(code, database), names)


def run_async(names: dict[str, Any], *codes: str, database: str = "") -> None:
    """Run blocks with ``await`` at their top level, one after the other in one event loop."""

    async def all_of_them() -> None:
        for code in codes:
            coroutine = eval(_compiled(code, database), names)
            if coroutine is not None:
                await coroutine

    asyncio.run(all_of_them())


def _compiled(code: str, database: str) -> CodeType:
    code = _DATABASES.sub(f"database={database!r}", code)
    compiled: CodeType = compile(code, "guide", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return compiled


def variables(keywords: Mapping[str, str | int]) -> dict[str, str]:
    """The PG* variables that lead where these libpq keywords do, without the database."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    names["sslmode"] = "PGSSLMODE"
    return {names[k]: str(v) for k, v in keywords.items() if k in names}
