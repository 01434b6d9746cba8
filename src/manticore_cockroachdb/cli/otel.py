"""OpenTelemetry for commands, by its own variables and without a word in the configuration.

Where a variable says that something is to be exported (``OTEL_TRACES_EXPORTER``,
``OTEL_METRICS_EXPORTER``, ``OTEL_EXPORTER_OTLP_ENDPOINT`` and those for one signal), and
``OTEL_SDK_DISABLED`` does not forbid it, the command tells what it does. Providers that
``opentelemetry-instrument`` has set up are used; otherwise they are made here, from the SDK and
the exporters that are installed. ``TRACEPARENT`` and ``TRACESTATE`` say what
the command is a part of, as a pipeline's step tells its children.

Without these variables nothing is imported. Telemetry that cannot be set up stops nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .terminal.console import Console

_EXPORTERS = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER")
_ENDPOINTS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether something is to be exported."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    named = [environ[name] for name in _EXPORTERS if environ.get(name)]
    if named and all(name == "none" for name in named):
        return False
    return bool(named) or any(environ.get(name) for name in _ENDPOINTS)


def begin(console: Console, environ: MutableMapping[str, str] = os.environ) -> bool:
    """Set telemetry up, once a process; return whether it is on."""
    try:
        from opentelemetry import context, trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            _configure(environ)
    except Exception as error:  # noqa: BLE001 - whatever it is, the run is worth more
        console.debug(f"telemetry is off: {type(error).__name__}: {error}")
        if not isinstance(error, ImportError):  # set for a whole pod, and not meant for us
            console.warn(
                f"Telemetry is off: {error}. The run goes on.",
                "OTEL_SDK_DISABLED=true says that it is meant to be",
            )
        return False
    carrier = {
        name: environ[name.upper()]
        for name in ("traceparent", "tracestate")
        if environ.get(name.upper())
    }
    if carrier:
        context.attach(TraceContextTextMapPropagator().extract(carrier))
    return True


def _configure(environ: MutableMapping[str, str]) -> None:
    """Make the process's providers as the variables say, an exporter that is not named OTLP's."""
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    environ.setdefault("OTEL_SERVICE_NAME", "manticore")
    spans = [made() for made in _exporters("traces", environ)]
    readers = [PeriodicExportingMetricReader(made()) for made in _exporters("metrics", environ)]
    if spans:
        provider = TracerProvider()
        for exporter in spans:
            provider.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
    if readers:
        metrics.set_meter_provider(MeterProvider(readers))


def _exporters(signal: str, environ: Mapping[str, str]) -> Iterator[Any]:
    """The exporters of a signal, as they are registered by packages."""
    from importlib.metadata import entry_points

    said = environ.get(f"OTEL_{signal.upper()}_EXPORTER", "")
    if not said and any(environ.get(name) for name in (_ENDPOINTS[0], _of(signal))):
        said = "otlp"
    for name in filter(None, (name.strip() for name in said.split(","))):
        if name == "none":
            continue
        there = entry_points(group=f"opentelemetry_{signal}_exporter")
        found = [e for also in _names(name, signal, environ) for e in there if e.name == also]
        if not found:
            raise LookupError(f"no package that is installed has the {signal} exporter {name!r}")
        yield found[0].load()


def _names(name: str, signal: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The names under which an exporter may be registered, that of its protocol first."""
    if name != "otlp":
        return (name,)
    said = environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL")
    said = said or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    both = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
    return (both[said],) if said in both else ("otlp", *both.values())


def _of(signal: str) -> str:
    return f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
