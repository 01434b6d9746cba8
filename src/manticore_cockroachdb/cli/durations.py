"""Times on a command line: ``90``, ``90s``, ``10m``, ``1h30m``, or a moment in ISO 8601."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from datetime import datetime

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|min|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def seconds(text: str) -> float | None:
    """The seconds that a text means, without a unit seconds; None where it is no duration."""
    text = text.strip().lower().replace(" ", "")
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    if not _WHOLE.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def duration(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """An option's value as seconds."""
    if value is None:
        return None
    found = seconds(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no duration; write for example 90s, 10m or 1h30m.")
    return found


def deadline(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | datetime | None:
    """An option's value as seconds from now, or as a moment."""
    if value is None:
        return None
    if (found := seconds(value)) is not None:
        return found
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is neither a duration, such as 10m, nor a moment, such as"
            " 2026-01-31T12:00:00Z."
        ) from None
    if moment.tzinfo is None:
        raise click.BadParameter(f"{value!r} has no time zone; end it in Z for UTC.")
    return moment
