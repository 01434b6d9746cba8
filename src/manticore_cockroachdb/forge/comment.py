"""A plan's text as Markdown: what the comment says, and nothing that writes it."""

from __future__ import annotations

import re

from ..cli.index import Exit

SHOWN = 60_000
"""Characters of a plan that are shown: GitHub takes 65,536 in a comment."""

_HEADS = {
    Exit.OK: "nothing to apply",
    Exit.PENDING: "migrations to apply",
    Exit.DANGEROUS: "⚠️ dangerous changes",
    Exit.PERSON: "⛔ would be refused",
}


def mark(about: str) -> str:
    """What a comment begins with; `about` tells directories and environments apart."""
    return (
        f"<!-- manticore plan: {re.sub(r'[^A-Za-z0-9_./ -]', '_', about).replace('--', '__')} -->"
    )


def comment(about: str, plan: str, code: int, *, commit: str = "", error: str = "") -> str:
    """The comment for what ``manticore plan --exit-code`` printed and ended with."""
    head = _HEADS.get(code, "⛔ there is no plan")
    shown = _body(plan) if code in _HEADS else error.strip()
    left = len(shown) - SHOWN
    if left > 0:
        shown = shown[:SHOWN].rpartition("\n")[0]
    lines = [mark(about), f"### Migrations: {head}", ""]
    if shown:
        fence = "`" * (max([2, *map(len, re.findall(r"`+", shown))]) + 1)
        lines += [f"{fence}text", shown, fence, ""]
    if left > 0:
        lines += ["The rest of the plan is in the log of the job.", ""]
    if commit:
        lines.append(f"<sub>For {commit[:12]}; this comment is kept up to date.</sub>")
    return "\n".join(lines).rstrip() + "\n"


def _body(plan: str) -> str:
    """A plan without its head, which says where the database is."""
    head, blank, rest = plan.partition("\n\n")
    return (rest if blank and head.startswith("database") else plan).strip("\n")
