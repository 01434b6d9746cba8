"""Every command and every exit code, as data: help, completion and the docs' test read it.

A command's module is ``commands/<name>.py`` (``-`` in the name becomes ``_``); it holds the click
command under the name ``command``. To add one: the file, a line here, a section in docs/cli.md.
"""

from __future__ import annotations

COMMANDS: dict[str, dict[str, str]] = {
    "Start": {
        "demo": "See it work, on a database of its own that is dropped again",
        "new": "Write a new migration file",
        "import": "Take over another tool's migrations and history, with proof",
        "local": "Start, stop and ask after a database server of your own",
    },
    "Migrate": {
        "migrate": "Apply pending migrations",
        "backfill": "Work on backfills, and see how far they are",
        "rollback": "Revert applied migrations, last applied first",
    },
    "Look": {
        "lint": "Find what is dangerous in migrations before they run",
        "plan": "Show what migrate would run, what it costs and what it destroys",
        "verify": "Prove on a scratch database that migrations apply, undo and resume",
        "wait": "Wait until the database has what this build's files need",
        "status": "Show what is applied, what is pending and what is wrong",
        "current": "Print the newest applied version",
        "history": "List applied migrations, or failed attempts",
    },
    "Schema": {
        "dump": "Print the schema as SQL, always the same text for the same schema",
        "drift": "Compare the database with what its applied migrations make",
        "diff": "Compare two schemas: databases, dumps or directories of migrations",
        "docs": "Write documentation of the schema, with a diagram",
    },
    "Care": {
        "lock": "See or take the right to migrate",
        "repair": "Settle one migration after you have looked",
        "squash": "Put one file in place of many migrations, proven to make the same",
        "baseline": "Record migrations as applied without running them",
    },
    "Shell": {
        "completion": "Print the completion script for bash, zsh or fish",
    },
}


class Exit:
    """What ``manticore`` ends with; `EXIT_CODES` says it in words. Plain numbers: an enum would
    cost every start of the program a millisecond."""

    OK = 0
    ERROR = 1
    USAGE = 2
    PENDING = 3
    DANGEROUS = 4
    FINDINGS = 5
    PERSON = 6
    LEASE = 7
    DEADLINE = 8
    HUNG_UP = 129
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


EXIT_CODES: dict[int, str] = {
    Exit.OK: "done, or nothing to do",
    Exit.ERROR: "an error; when a migration failed, nothing of it remains",
    Exit.USAGE: "wrong usage or configuration; nothing was done",
    Exit.PENDING: "migrations or backfills are pending, where that was asked or required",
    Exit.DANGEROUS: "dangerous changes are pending (plan --exit-code)",
    Exit.FINDINGS: "findings or differences",
    Exit.PERSON: "somebody has to look: stopped half way, or files and history disagree",
    Exit.LEASE: "another runner has the right to migrate",
    Exit.DEADLINE: "stopped because the time was up (--deadline); the state is recorded",
    Exit.HUNG_UP: "stopped because the terminal went away; the state is recorded",
    Exit.INTERRUPTED: "stopped by Ctrl-C (SIGINT); the state is recorded",
    Exit.BROKEN_PIPE: "the reader of the output went away",
    Exit.TERMINATED: "stopped by SIGTERM; the state is recorded",
}


def names() -> dict[str, str]:
    """Each command with its line of help, in the order of the help."""
    return {name: line for group in COMMANDS.values() for name, line in group.items()}


def root_help() -> str:
    """What ``manticore --help`` prints."""
    lines = [
        "Usage: manticore COMMAND [OPTIONS]",
        "",
        "Migrations for CockroachDB and PostgreSQL: each exactly once, whatever dies.",
        "",
    ]
    for title, group in COMMANDS.items():
        lines.append(f"{title}:")
        lines += [f"  {name:<11} {line}" for name, line in group.items()]
        lines.append("")
    lines += [
        "Options:",
        "  -h, --help     Show this, or after a command its options",
        "  -V, --version  Show the version",
        "",
        "The database is --url, else MANTICORE_URL, DATABASE_URL, the url in",
        "[tool.manticore] of pyproject.toml (or in manticore.toml), or the PG* variables;",
        "local: is one of your own. The directory is --dir, else MANTICORE_DIR, the",
        "configuration's, or ./migrations.",
        "",
        "Exit codes:",
        *(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items()),
    ]
    return "\n".join(lines) + "\n"
