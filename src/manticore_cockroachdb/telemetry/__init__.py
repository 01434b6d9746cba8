"""Telemetry: spans and metrics by OpenTelemetry's stable database conventions.

Off unless asked for, and then nothing of OpenTelemetry is imported and nothing is in the way of a
statement: what is measured is measured by classes that take the place of psycopg's cursors where it
is on (`async_cursors`), chosen once, when a connection is made.

    Database(…, telemetry=True)     this one, by the process's providers
    telemetry.enable()              every database that is made from here on
    opentelemetry-instrument …      the same, without a change to the program

This module is what a database asks; `handle` is the one that imports OpenTelemetry. What a
statement is called, and that no literal of it is ever told, decides `summary`. A run of migrations
becomes spans in `runner.traced`, from its events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ConfigError

if TYPE_CHECKING:
    from .handle import Telemetry

__all__ = ["Instrumentor", "chosen", "disable", "enable"]

_default: Telemetry | None = None
_shared: Telemetry | None = None


def enable(tracer_provider: Any = None, meter_provider: Any = None) -> Telemetry:
    """Let every database that is made from here on tell what it does; return the handle.

    The providers are OpenTelemetry's, by default the process's own. Raises `ConfigError` where
    OpenTelemetry is not installed.
    """
    global _default
    if tracer_provider is None and meter_provider is None:
        _default = _global()
    else:
        _default = _made(tracer_provider, meter_provider)
    return _default


def disable() -> None:
    """Let databases that are made from here on tell nothing, unless they say ``telemetry=True``."""
    global _default
    _default = None


def chosen(given: object) -> Telemetry | None:
    """Return the handle for a database's setting: True, False, a handle, or None, the default."""
    if given is None:
        return _default
    if isinstance(given, bool):
        return _global() if given else None
    return given  # type: ignore[return-value]


def _global() -> Telemetry:
    global _shared
    if _shared is None:
        _shared = _made(None, None)
    return _shared


def _made(tracer_provider: Any, meter_provider: Any) -> Telemetry:
    try:
        from .handle import Telemetry
    except ImportError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise ConfigError(
            "Telemetry needs OpenTelemetry, which is not installed here.",
            hint="pip install 'manticore-cockroachdb[otel]'",
        ) from error
    return Telemetry(tracer_provider, meter_provider)


class Instrumentor:
    """What ``opentelemetry-instrument`` finds by its entry point, and calls."""

    def instrument(self, **options: Any) -> None:
        """Enable, by ``tracer_provider`` and ``meter_provider`` if they are given."""
        enable(options.get("tracer_provider"), options.get("meter_provider"))

    def uninstrument(self, **options: Any) -> None:
        """Disable."""
        disable()

    def instrumentation_dependencies(self) -> tuple[str, ...]:
        """Return what has to be installed besides: nothing."""
        return ()
