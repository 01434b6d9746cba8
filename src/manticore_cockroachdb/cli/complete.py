"""What a shell is offered for the values of options: environments, versions, rules.

Files are looked at, by name alone, and nothing is connected to; where a configuration or a
directory cannot be read, nothing is offered, since a shell has nowhere to show an error.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ManticoreError
from .call import configuration
from .settings import Given, RunSettings, resolve

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def environments(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The environments of the configuration."""
    found = _settings(context)
    return [n for n in found.environments if n.startswith(incomplete)] if found else []


def fleets(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The fleets of the configuration."""
    found = _settings(context)
    table = found.tables.get("fleets") if found else None
    names = table if isinstance(table, dict) else {}
    return [name for name in names if name.startswith(incomplete)]


def versions(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The versions of the directory, newest last, each with its description."""
    from click.shell_completion import CompletionItem

    from ..migrations.file import parse_name

    found = []
    settings = _settings(context)
    try:
        names = os.listdir(settings.dir) if settings else []  # noqa: PTH208 - for names alone
    except OSError:
        return []
    for name in names:
        try:
            version, description = parse_name(name, name)
        except ManticoreError:
            continue
        if str(version).startswith(incomplete):
            found.append((version, description))
    return [CompletionItem(str(version), help=text or None) for version, text in sorted(found)]


def rules(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The names of lint's rules; of several after commas, the last."""
    from ..lint.index import NAMES

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in NAMES if name.startswith(last)]


def schemas(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """What has a schema: environments, and files and directories."""
    from click.shell_completion import CompletionItem

    named = environments(context, parameter, incomplete)
    return [*map(CompletionItem, named), CompletionItem(incomplete, type="file")]


def _settings(context: click.Context) -> RunSettings | None:
    """What the command would run with, by the options before this word."""
    said = context.params
    given = Given(dir=said.get("dir"), env=said.get("env"), config=said.get("config"))
    try:
        return resolve(given, os.environ, configuration(given, os.environ, Path.cwd()))
    except (ManticoreError, OSError):
        return None
