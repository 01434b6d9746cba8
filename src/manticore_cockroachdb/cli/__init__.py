"""``manticore``, the command line.

Theory of operation
-------------------
A command is one file, ``commands/<name>.py``, and one line in `index.COMMANDS`. It takes its
arguments and returns a `result.Result`: data for programs, lines for people, an exit code. It
never prints, except for progress; so each is a function that a test can call.

    argv -> main -> app (click) -> verb -> commands/<name> -> Result -> stdout
                                    |
                                    +-- settings: options, variables, configuration -> RunSettings
                                    +-- console: progress, warnings and errors -> stderr

What must stay cheap: ``--version`` and ``--help`` are answered here, from the standard library
alone. A command's module is imported when it is called; click comes with the first command,
psycopg with the first that needs a database, rich with the first progress bar on a terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``manticore`` with these arguments and return its exit code, see `index.EXIT_CODES`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments and "_MANTICORE_COMPLETE" not in os.environ:
        arguments = ["--help"]
    if len(arguments) == 1 and arguments[0] in ("--version", "-V"):
        from .._version import __version__

        return _print(f"manticore {__version__}\n")
    if len(arguments) == 1 and arguments[0] in ("--help", "-h", "help"):
        from .index import root_help

        return _print(root_help())
    import gc

    # What a command imports and loads lives as long as it does; looking through it again and
    # again for garbage is a tenth of the time of a run that finds nothing to do.
    gc.set_threshold(500_000, 50, 50)
    from .app import run

    code = run(arguments)
    if argv is None:  # the process ends now, and need not look through it once more either
        gc.freeze()
    return code


def _print(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0
