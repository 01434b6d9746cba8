"""Write what was measured of another tool into its page of docs/compare.

    python tools/compare.py            write the tables
    python tools/compare.py --check    change nothing; exit 1 when one is stale

A figure stands in docs/performance.md and docs/models.md, which programs wrote; here it is only
picked out, so that a comparison cannot say what was not measured. A tool that was not measured has
no table.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN, END = "<!-- measured: written by tools/compare.py -->", "<!-- end of measured -->"
OURS = "manticore"

# Page, the tool's name in docs/performance.md without its version, and its command there.
TOOLS = (
    ("alembic", "Alembic", "alembic --version"),
    ("django", "Django", "django-admin --version"),
    ("dbmate", "dbmate", "dbmate --version"),
)

# Chapter of docs/performance.md, its columns that are compared, and how each is called here.
CHAPTERS = (
    (
        "Round trips to apply N migrations",
        {"N = 1": "round trips for 1 migration", "N = 100": "round trips for 100 migrations"},
    ),
    (
        "100 migrations, beside the server and behind 40 ms",
        {"0 ms": "100 migrations beside the server", "40 ms": "100 migrations behind 40 ms"},
    ),
    (
        "Nothing to do",
        {
            "10, 0 ms": "nothing to do, 10 applied, beside the server",
            "10, 40 ms": "nothing to do, 10 applied, behind 40 ms",
            "10,000, 0 ms": "nothing to do, 10,000 applied, beside the server",
        },
    ),
)
ENGINES = ("PostgreSQL", "CockroachDB")

Table = tuple[list[str], list[list[str]]]


def tables(page: str, chapter: str) -> Iterator[Table]:
    """Yield the tables of a chapter: their heads, and their rows of cells."""
    match = re.search(rf"^## {re.escape(chapter)}\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    if match is None:
        raise SystemExit(f"docs/performance.md has no chapter {chapter!r}")
    for block in re.findall(r"(?:^\|.*\|\n)+", match[1], re.M):
        rows = [
            [cell.strip() for cell in line.strip("|\n").split("|")] for line in block.split("\n")
        ]
        yield rows[0], [row for row in rows[2:] if row != [""]]


def measured(tool: str, command: str) -> list[tuple[str, str, str, str]]:
    """What was measured of a tool and of us: what, on which engine, ours, theirs."""
    page = (DOCS / "performance.md").read_text(encoding="utf-8")
    found = []
    for chapter, columns in CHAPTERS:
        for head, rows in tables(page, chapter):
            for engine in ENGINES:
                of_engine = [row for row in rows if "on" not in head or row[1] == engine]
                if head[0] in ENGINES and head[0] != engine:
                    continue
                if "on" not in head and head[0] not in ENGINES:
                    continue
                ours = next((row for row in of_engine if row[0] == OURS), None)
                theirs = next((row for row in of_engine if _is(tool, row[0])), None)
                if ours is None or theirs is None:
                    continue
                for column, name in columns.items():
                    at = head.index(column)
                    found.append((name, engine, ours[at], theirs[at]))
    for _, rows in tables(page, "`--version` and `--help`"):
        times = {row[0]: row[1] for row in rows}
        found.append(("start, `--version`", "", times["manticore --version"], times[command]))
    return found


def _is(tool: str, name: str) -> bool:
    return re.fullmatch(rf"{tool} [\d.]+", name) is not None


def version(tool: str) -> str:
    """The tool's name with the version that was measured."""
    page = (DOCS / "performance.md").read_text(encoding="utf-8")
    match = re.search(rf"^\| ({tool} [\d.]+) +\|", page, re.M)
    assert match is not None
    return match[1]


def models(tool: str) -> list[tuple[str, str, str, str]]:
    """How many changes of models the tool finds, where docs/models.md says so."""
    page = (DOCS / "models.md").read_text(encoding="utf-8")
    match = re.search(r"^\| change \|(.*)\|\n.*?^(\| \*\*.*\|)\n(\| right.*\|)$", page, re.M | re.S)
    assert match is not None
    heads = [cell.strip() for cell in match[1].split("|")]
    if tool not in heads:
        return []
    found = []
    for line in (match[2], match[3]):
        name, *cells = (cell.strip(" *") for cell in line.strip("|").split("|"))
        name = f"changes of models, of 98: {name.removeprefix('98 changes, ')}"
        found.append((name, "PostgreSQL", cells[heads.index(OURS)], cells[heads.index(tool)]))
    return found


def section(tool: str, command: str) -> str:
    """Return what stands between the marks of a page."""
    rows = [*measured(tool, command), *models(tool)]
    lines = [f"| | on | manticore | {version(tool)} |", "|---|---|---:|---:|"]
    lines += [f"| {what} | {engine} | {ours} | {theirs} |" for what, engine, ours, theirs in rows]
    return "\n".join(lines)


def page(name: str, tool: str, command: str) -> tuple[Path, str]:
    """A page as it should be."""
    path = DOCS / "compare" / f"{name}.md"
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"docs/compare/{name}.md has no place for the figures: {BEGIN} … {END}")
    return path, f"{before}{BEGIN}\n\n{section(tool, command)}\n\n{END}{after}"


def main() -> int:
    """Compare and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = False
    for path, text in (page(*tool) for tool in TOOLS):
        if path.read_text(encoding="utf-8") == text:
            continue
        stale = True
        if check:
            print(f"stale: docs/compare/{path.name}; run python tools/compare.py", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote: docs/compare/{path.name}")
    return int(check and stale)


if __name__ == "__main__":
    raise SystemExit(main())
