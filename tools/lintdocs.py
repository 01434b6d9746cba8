"""Write docs/lint from the lint rules: a page a rule, and the table in its README.

    python tools/lintdocs.py            write what is stale
    python tools/lintdocs.py --check    change nothing; exit 1 when something is stale

What a rule says is in its file only, `manticore_cockroachdb.lint.rules`; this makes the
pages that people read in a browser. A page whose rule is gone is removed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from manticore_cockroachdb.lint.index import NAMES, load
from manticore_cockroachdb.lint.page import index_table, page

DOCS = Path(__file__).resolve().parent.parent / "docs" / "lint"
BEGIN, END = "<!-- rules: written by tools/lintdocs.py -->", "<!-- end of rules -->"


def pages(readme: str) -> dict[str, str]:
    """Every file of docs/lint by name, as it should be; ``readme`` is the README as it is."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"docs/lint/README.md has no place for the rules: {BEGIN} … {END}")
    found = {f"{name}.md": page(load(name).rule) for name in NAMES}
    found["README.md"] = f"{before}{BEGIN}\n\n{index_table()}\n\n{END}{after}"
    return found


def main() -> int:
    """Compare and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    wanted = pages((DOCS / "README.md").read_text(encoding="utf-8"))
    there = {file.name: file.read_text(encoding="utf-8") for file in DOCS.glob("*.md")}
    stale = sorted(name for name in wanted if there.get(name) != wanted[name])
    gone = sorted(there.keys() - wanted.keys())
    for name in stale:
        print(f"{'stale' if check else 'wrote'}: docs/lint/{name}")
        if not check:
            (DOCS / name).write_text(wanted[name], encoding="utf-8")
    for name in gone:
        print(f"{'without a rule' if check else 'removed'}: docs/lint/{name}")
        if not check:
            (DOCS / name).unlink()
    return int(check and bool(stale or gone))


if __name__ == "__main__":
    raise SystemExit(main())
