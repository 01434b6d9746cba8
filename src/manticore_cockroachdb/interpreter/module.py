"""A Python migration as functions: its module, executed here and now.

Unlike what else this room asks for, it runs in our own interpreter: it is lent our connection, in
whose transaction the history row stands. So it sees the packages that the migrating program has,
and the current directory, as `python -m` would.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from ..errors import FileError

Function = Callable[[Any], Any]


def function_of(code: CodeType, path: str, name: str, version: int) -> Function:
    """The function of that name of a module. Raises FileError, with its place, for a module that
    does not execute, and for what is no function of one argument."""
    module = ModuleType(f"_manticore_migration_{version}")
    module.__file__ = path
    sys.modules[module.__name__] = module  # where dataclasses, for one, look their names up
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        kind = type(error).__name__
        raise FileError(
            f"The migration cannot be loaded: {kind}: {one_line(error)}",
            path=path,
            line=line_in(error, path),
            version=version,
            hint="it is loaded by the program that migrates, with the packages that one has;"
            " nothing was run",
        ) from error
    function: Any = module.__dict__.get(name)
    if not callable(function):
        what = "not defined" if function is None else f"no function but {type(function).__name__}"
        raise FileError(f"{name} is {what}.", path=path, version=version, hint=_HOW.format(name))
    line = getattr(getattr(function, "__code__", None), "co_firstlineno", None)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise FileError(
            f"{name} is a generator, which nobody runs to its end.",
            path=path,
            line=line,
            version=version,
            hint="take its yield out",
        )
    try:
        inspect.signature(function).bind(None)
    except TypeError as error:
        raise FileError(
            f"{name} does not take one argument, the connection: {one_line(error)}",
            path=path,
            line=line,
            version=version,
            hint=_HOW.format(name),
        ) from error
    except ValueError:  # of what Python knows no signature
        pass
    found: Function = function
    return found


_HOW = "write `def {0}(connection)` or `async def {0}(connection)`"


def line_in(error: BaseException, path: str) -> int | None:
    """The innermost line of a file that an error came through."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def one_line(error: BaseException) -> str:
    """What an error says, on one line, with a full stop."""
    text = " ".join(str(error).split()) or "it says nothing"
    return text if text.endswith((".", "!", "?")) else f"{text}."
