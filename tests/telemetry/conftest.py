"""What was told: spans and metrics, kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from manticore_cockroachdb.telemetry.handle import Telemetry
from tests.support.colour import Colour


class Told:
    """What a handle has told so far."""

    def __init__(self) -> None:
        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader])
        self.handle = Telemetry(self.tracers, self.meters)

    @property
    def spans(self) -> list[ReadableSpan]:
        """All spans, by their beginning."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    def one(self, name: str) -> ReadableSpan:
        """The only span of a name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def parent(self, span: ReadableSpan) -> str | None:
        """The name of the span that a span stands below."""
        if span.parent is None:
            return None
        return next(s.name for s in self.spans if s.context.span_id == span.parent.span_id)

    def clear(self) -> None:
        self._exporter.clear()

    def metrics(self) -> dict[str, Any]:
        """Metrics by name."""
        data = self._reader.get_metrics_data()
        return {
            metric.name: metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def everything(self) -> str:
        """All that would leave the process, as one text."""
        spans = [
            (s.name, dict(s.attributes or {}), s.status.description, s.events) for s in self.spans
        ]
        events = [(e.name, dict(e.attributes or {})) for s in self.spans for e in s.events]
        return f"{spans} {events} {[m.to_json() for m in self.metrics().values()]}"


@pytest.fixture
def told() -> Iterator[Told]:
    found = Told()
    yield found
    found.tracers.shutdown()
    found.meters.shutdown()


@pytest.fixture
def db(url: str, colour: Colour, told: Told) -> Any:
    """A database that tells."""
    return colour.database(url, telemetry=told.handle)


@pytest.fixture
def wrote(tmp_path: Any) -> Callable[..., str]:
    """Writes migrations, in order; returns their directory."""

    def write(*texts: str) -> str:
        for number, text in enumerate(texts, 1):
            (tmp_path / f"{number}_m{number}.sql").write_text(text)
        return str(tmp_path)

    return write
