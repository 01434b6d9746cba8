"""``python -m manticore_cockroachdb.forge``: see the package."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from urllib.error import HTTPError, URLError

from ..cli import main as manticore
from ..cli.index import Exit
from .comment import comment, mark
from .notes import commit_of, notes_of, refused

PLANNED = (Exit.OK, Exit.PENDING, Exit.DANGEROUS, Exit.PERSON)


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Plan, and say so; return 0 where there is a plan, else what `plan` ended with.

    What it says is also in the variables of ``GITHUB_OUTPUT``: ``code`` and ``dangerous``.
    """
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = manticore(["plan", "--exit-code", *arguments])
    sys.stdout.write(out.getvalue())
    sys.stderr.write(err.getvalue())
    about = _about(arguments, environ)
    text = comment(about, out.getvalue(), code, commit=commit_of(environ), error=err.getvalue())
    _append(environ.get("GITHUB_STEP_SUMMARY"), text)
    dangerous = "true" if code == Exit.DANGEROUS else "false"
    _append(environ.get("GITHUB_OUTPUT"), f"code={code}\ndangerous={dangerous}\n")
    notes = notes_of(environ)
    if notes is None:
        print("comment: none, this job is for no pull or merge request, or has no token")
        return Exit.OK if code in PLANNED else code
    try:
        print(f"comment: {notes.put(mark(about), text)}")
    except HTTPError as error:
        if not refused(error):
            raise
        print(f"comment: not allowed here ({error.code}); the plan is above", file=sys.stderr)
    except URLError as error:
        print(f"comment: not written: {error.reason}", file=sys.stderr)
    return Exit.OK if code in PLANNED else code


def _about(arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """The directory and the environment that a plan is about."""
    found = {"--dir": environ.get("MANTICORE_DIR", ""), "--env": environ.get("MANTICORE_ENV", "")}
    for name, value in zip(arguments, [*arguments[1:], ""], strict=False):
        key, equals, inline = name.partition("=")
        if key in found:
            found[key] = inline if equals else value
    return " ".join(filter(None, (found["--dir"] or "migrations", found["--env"])))


def _append(path: str | None, text: str) -> None:
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
