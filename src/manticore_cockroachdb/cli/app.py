"""The tree of commands: each found by its name in `index`, imported when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from .index import Exit, names, root_help
from .signals import exit_code, handled
from .terminal.console import Console
from .terminal.stream import forgiving
from .verb import Family, usage_exit


class Tree(Family):
    """``manticore`` itself."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands; none is imported."""
        return list(names())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in names():
            return None
        module = import_module(f".commands.{cmd_name.replace('-', '_')}", __package__)
        command = module.command
        assert isinstance(command, click.Command)
        command.name = cmd_name
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[object]:  # type: ignore[override]
        """Complete names without importing the commands."""
        from click.shell_completion import CompletionItem

        return [
            CompletionItem(name, help=line)
            for name, line in names().items()
            if name.startswith(incomplete)
        ]

    def get_help(self, ctx: click.Context) -> str:
        """Return what ``manticore --help`` prints."""
        return root_help().rstrip("\n")


root = Tree(
    name="manticore",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run(arguments: Sequence[str], command: click.Command = root, program: str = "manticore") -> int:
    """Run a command line and return its exit code."""
    forgiving(sys.stdout, sys.stderr)
    with handled() as signals:
        console = Console()
        try:
            code = command.main(
                list(arguments), prog_name=program, standalone_mode=False, obj=signals
            )
        except click.ClickException as error:
            return usage_exit(error, console, as_json="--json" in arguments)
        except click.Abort as abort:
            stop = abort.__cause__
            return exit_code(stop) if isinstance(stop, KeyboardInterrupt) else Exit.ERROR
        except KeyboardInterrupt as stop:
            return exit_code(stop)
        return int(code or 0)
