"""Begin a lint rule: its file, its line in the index, its page.

    python tools/newrule.py drop-thing                     in the group Good practice
    python tools/newrule.py drop-thing --group Tables

The file has a case that the rule must report and one that it must not, and a check that reports
nothing yet: ``python -m pytest tests/lint -k drop-thing`` fails until it does. Whatever the page
is to say stands in the file; ``python tools/lintdocs.py`` writes the page anew.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

from manticore_cockroachdb.lint.index import GROUPS, NAMES

ROOT = Path(__file__).resolve().parent.parent
LINT = Path("src/manticore_cockroachdb/lint")

SKELETON = '''\
"""One line: what the rule looks for."""

from __future__ import annotations

from collections.abc import Iterator

from ..context import Context
from ..model import Case, Finding, Rule

RULE = Rule(
    name="{name}",
    cockroachdb="warning",
    postgresql="warning",
    summary="One sentence: what is dangerous.",
    help="what to do instead",
    problem="""
        What happens, when, and how long it hurts; with its source.
    """,
    solution="""
        1. The safe way, step by step:
           ```sql
           SELECT 1;
           ```
    """,
    ok=(Case("SELECT 1;"),),
    bad=(Case("SELECT 2;"),),
)


def check(context: Context) -> Iterator[Finding]:
    """What is reported, and what is not."""
    yield from ()
'''


def begin(name: str, group: str, root: Path = ROOT) -> list[Path]:
    """Write the rule's file and its line in the index; return the files written.

    Raises SystemExit for a name that is taken or is none, and for a group that is not there.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise SystemExit(f"{name!r} is no name of a rule: write words-with-hyphens")
    if group not in GROUPS:
        raise SystemExit(f"There is no group {group!r}: {', '.join(GROUPS)}")
    rule = root / LINT / "rules" / f"{name.replace('-', '_')}.py"
    if name in NAMES or rule.exists():
        raise SystemExit(f"The rule {name} is there already: {rule}")
    index = root / LINT / "index.py"
    text = index.read_text(encoding="utf-8")
    last = f'        "{GROUPS[group][-1]}",\n'
    if text.count(last) != 1:
        raise SystemExit(f"{index} does not list {GROUPS[group][-1]} on one line of its own")
    rule.write_text(SKELETON.format(name=name), encoding="utf-8")
    index.write_text(text.replace(last, f'{last}        "{name}",\n'), encoding="utf-8")
    return [rule, index]


def main() -> int:
    """Begin a rule, and write its page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", help="such as drop-thing")
    parser.add_argument("--group", default="Good practice", help=" | ".join(GROUPS))
    given = parser.parse_args()
    for path in begin(given.name, given.group):
        print(f"wrote: {path.relative_to(ROOT)}")
    return subprocess.run([sys.executable, ROOT / "tools/lintdocs.py"], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
