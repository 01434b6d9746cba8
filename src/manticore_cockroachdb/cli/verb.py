"""verb: makes a click command of a function that takes a `Call` and returns a `Result`.

Everything that is the same for every command happens here, once: shared options become the call,
the result is written, an error is told and becomes an exit code, a signal likewise. A command
itself neither prints nor catches.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from typing import Any

import click

from ..suggest import nearest
from .call import Call, Declined
from .index import Exit
from .options import Group
from .result import Result, emit, plain
from .settings import FleetGiven, Given
from .signals import Signals, exit_code
from .terminal.console import Console

_REPORTS = ("events", "on_event", "metrics")
_GIVEN = frozenset(Given.__dataclass_fields__)
_FLEET = frozenset(FleetGiven.__dataclass_fields__)
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Verb(click.Command):
    """A click command whose function returns a `Result`."""

    def invoke(self, ctx: click.Context) -> int:
        """Run the function, write its result or tell its error, and return the exit code."""
        parameters = dict(ctx.params)
        as_json = bool(parameters.pop("as_json", False))
        quiet = bool(parameters.pop("quiet", False))
        console = Console(quiet=quiet, verbose=bool(parameters.pop("verbose", False)))
        yes = bool(parameters.pop("yes", False))
        given = Given(**{k: parameters.pop(k) for k in list(parameters) if k in _GIVEN})
        fleet = FleetGiven(**{k: parameters.pop(k) for k in list(parameters) if k in _FLEET})
        call = Call(given, console, as_json=as_json, yes=yes, fleet=fleet)
        asked = {name: parameters.pop(name, None) for name in _REPORTS}
        if any(value is not None for value in asked.values()):
            return self._reported(ctx, call, asked, parameters, quiet)
        return self._run(ctx, call, parameters, quiet)

    def _reported(
        self,
        ctx: click.Context,
        call: Call,
        asked: dict[str, str | None],
        parameters: dict[str, Any],
        quiet: bool,
    ) -> int:
        """Run the function, and tell programs of it."""
        from .reports import Reports

        if call.as_json and asked["events"] == "-":
            raise click.UsageError("--events - and --json both write to stdout; choose one.", ctx)
        command = ctx.command_path.partition(" ")[2]
        try:
            reports = call.reports = Reports(command, call.console, **asked)
        except Exception as error:  # noqa: BLE001 - as below
            return _failed(error, call)
        code = int(Exit.ERROR)
        try:
            code = self._run(ctx, call, parameters, quiet)
        finally:
            reports.finish(code)
        return code

    def _run(self, ctx: click.Context, call: Call, parameters: dict[str, Any], quiet: bool) -> int:
        console = call.console
        signals = ctx.find_object(Signals)
        if signals is not None:
            signals.announce = call.announce_stop
        assert self.callback is not None
        try:
            try:
                call.fleet.check()
                # A Python migration may print, and stdout is for one program's JSON.
                machine = call.as_json or (call.reports is not None and call.reports.on_stdout)
                with redirect_stdout(sys.stderr) if machine else nullcontext():
                    result: Result = self.callback(call, **parameters)
            finally:
                if call.began:
                    call.progress.close()
        except KeyboardInterrupt as stop:
            if signals is not None:
                signals.announced()
            console.clear()
            if call.began:
                console.line(call.progress.summary(stopped=True))
                console.hint("manticore status shows where it stands")
            else:
                console.line("stopped")
            return exit_code(stop)
        except Declined as no:
            console.line(no.message)
            return Exit.ERROR
        except click.ClickException:
            raise
        except Exception as error:  # noqa: BLE001 - this is where every error is told
            return _failed(error, call)
        if call.reports is not None and call.reports.on_stdout:
            for line in () if quiet and result.quiet else result.lines:
                console.line(line)
            return result.code
        return emit(result, as_json=call.as_json, quiet=quiet)


def _failed(error: Exception, call: Call) -> int:
    from .failure import failure, tell

    told, code = failure(error)
    if call.reports is not None:
        call.reports.failure = told
    if call.console.verbose:
        import traceback

        call.console.debug("".join(traceback.format_exception(error)).rstrip())
    tell(told, call.console)
    if call.began and call.progress.finished:
        call.console.info(f"note: {call.progress.summary(passive=True)} before that")
    if call.as_json:
        return emit(Result({"error": plain(told)}, code=code), as_json=True)
    return code


def verb(
    *groups: Group, name: str | None = None, kind: type[Verb] = Verb
) -> Callable[[Callable[..., Result]], click.Command]:
    """Make a command of a function; the options of these groups stand after its own.

    The function's docstring is the command's help, its name or ``name`` the command's.
    """

    def make(function: Callable[..., Result]) -> click.Command:
        made = click.command(name, cls=kind, context_settings=_CONTEXT)(function)
        made.params += [option for group in groups for option in group]
        return made

    return make


class Family(click.Group):
    """Commands under one name; a slip in theirs is answered with the nearest."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("no_args_is_help", False)
        kwargs.setdefault("context_settings", _CONTEXT)
        super().__init__(*args, **kwargs)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one is near."""
        name, known = args[0], self.list_commands(ctx)
        if name in known or ctx.resilient_parsing or name.startswith("-"):
            return super().resolve_command(ctx, args)
        error = click.UsageError(f"There is no command {name!r}.", ctx)
        near = nearest(name, known)
        error.possibilities = [near] if near else []  # type: ignore[attr-defined]
        raise error


def usage_exit(error: click.ClickException, console: Console, *, as_json: bool = False) -> int:
    """Tell a wrong use of the command line and return its exit code."""
    context = getattr(error, "ctx", None)
    # click, too, suggests what is near, each version of it in other words
    message, *_ = re.split(r"\s*\(?(?:Did you mean|Possible)", error.format_message())
    console.error(message)
    near: list[str] = getattr(error, "possibilities", None) or []
    if isinstance(error, click.NoSuchOption) and len(near) > 1:
        best = nearest(error.option_name, near)
        near = [best] if best else near
    hint = None
    if near:
        hint = f"did you mean {' or '.join(sorted(near)[:3])}?"
    elif context is not None and context.parent is None and isinstance(error, click.NoSuchOption):
        hint = "options stand after the command, as in manticore migrate --url local:"
    elif context is not None:
        hint = f"{context.command_path} --help shows how"
    console.hint(hint)
    if as_json:
        from .failure import Failure

        told = Failure("UsageError", message, hint)
        return emit(Result({"error": plain(told)}, code=Exit.USAGE), as_json=True)
    return Exit.USAGE
