"""Asking a person. Where there is nobody to ask, the answer has to be on the command line."""

from __future__ import annotations

import select
import sys
from collections.abc import Sequence

from ..errors import ConfigError
from .call import Call, Declined
from .terminal.stream import is_interactive


def permission(call: Call, lines: Sequence[str], question: str, *, refused: str) -> None:
    """Show some lines and ask; return when the answer is yes.

    Raises Declined when it is not, ConfigError with the message ``refused`` when nobody is there.
    """
    if call.yes:
        return
    if not is_interactive():
        raise ConfigError(refused, hint="--yes answers; here is no terminal to ask on")
    for line in lines:
        call.console.line(line)
    call.console.write(f"{call.console.style(question, 'bold')} [y/N] ")
    answer = _line()
    if not answer.endswith("\n"):
        call.console.write("\n")
    if answer.strip().lower() not in ("y", "yes"):
        raise Declined("Nothing was done.")


def _line() -> str:
    """Read a line. A signal that comes just before a read begins does not end it, hence the wait:
    it is over from time to time, and then the signal is seen."""
    if sys.platform != "win32":
        while not select.select([sys.stdin], [], [], 0.2)[0]:
            pass
    return sys.stdin.readline()
