"""The linter: what is dangerous in migrations, seen before they run.

Theory of operation
-------------------
A rule is one file in `rules`: what it finds and why, the safe way, cases that it must and must
not report, and a pure ``check(context)`` that yields findings. Its page in docs/lint is written
from the same file, and its cases are run as tests, so that a rule is said once. `index` lists the
rules; each is imported when it is asked for.

    files -> read -> statements as nodes, catalog -> Context -> check of each rule -> Finding
                                                               engine: levels, allowances, facts

Three levels. An *error* will fail, or harm, on the target. A *warning* is dangerous on a table
that is in use: an ordinary migration has none, which `tests/lint` holds against a collection of
ordinary ones. *info* is good to know.

What must stay out: disk, network and clock. Files come in as text, a server's sizes as
`ServerFacts`; the terminal's ``manticore lint`` and the migrators' ``lint()`` fetch them.
"""

from .config import LintConfig, parse_config
from .engine import lint_files
from .model import Edit, Finding, Fix, Level, ServerFacts, at_least
from .read import Source

__all__ = [
    "Edit",
    "Finding",
    "Fix",
    "Level",
    "LintConfig",
    "ServerFacts",
    "Source",
    "at_least",
    "lint_files",
    "parse_config",
]
