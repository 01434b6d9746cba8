"""Numbers for Prometheus: of a run, for node_exporter's textfile collector; of backfills.

Names and units are Prometheus's conventions: https://prometheus.io/docs/practices/naming/. Labels
are few by design: the database, the command, and the names of backfills, of which `MOST` are told
of singly, unfinished ones first and then the newest; how many there are in each state is told of
all. The file is written beside its place and moved there, so that nobody reads half of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from ...errors import ConfigError

if TYPE_CHECKING:
    from ...backfill.results import BackfillStatus
    from ..terminal.console import Console

MOST = 100
EVERY = 10.0
"""Seconds between two writings while a backfill goes on."""
STATES = ("registered", "running", "paused", "failed", "cancelled", "complete")

Sample = tuple[dict[str, str], float]
Family = tuple[str, str, str, list[Sample]]
"""Kind ("gauge", "counter"), name, help, samples."""


def _library() -> Any:
    try:
        import prometheus_client
    except ImportError as error:
        raise ConfigError(
            "Prometheus's text needs its client library, which is not installed here.",
            hint="pip install 'manticore-cockroachdb[prometheus]'",
        ) from error
    return prometheus_client


class Families:
    """What prometheus_client collects: families of our own making."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Any]:
        """Yield families."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for kind, name, text, samples in self._families:
            labels = list(samples[0][0]) if samples else []
            made = GaugeMetricFamily if kind == "gauge" else CounterMetricFamily
            family = made(name, text, labels=labels)
            for values, number in samples:
                family.add_metric([values[label] for label in labels], number)
            yield family


def text(families: Iterable[Family]) -> str:
    """Families in Prometheus's text format."""
    library = _library()
    written: bytes = library.generate_latest(Families(families))
    return written.decode()


def of_backfills(found: Sequence[BackfillStatus], database: str) -> list[Family]:
    """What is told of backfills."""
    order = sorted(found, key=lambda one: one.created_at, reverse=True)
    chosen = sorted(order, key=lambda one: one.complete)[:MOST]
    base = {"database": database}

    def samples(number: Any) -> list[Sample]:
        return [
            ({**base, "backfill": one.name}, float(number(one)))
            for one in chosen
            if number(one) is not None
        ]

    states: list[Sample] = [
        ({**base, "state": state}, float(sum(one.state == state for one in found)))
        for state in STATES
    ]
    families: list[Family] = [
        ("gauge", "manticore_backfills", "Backfills by their state.", states),
        (
            "counter",
            "manticore_backfill_rows",
            "Rows that a backfill has done.",
            samples(lambda one: one.rows),
        ),
        (
            "gauge",
            "manticore_backfill_estimated_rows",
            "Rows that there are about, when it was registered.",
            samples(lambda one: one.estimate),
        ),
        (
            "counter",
            "manticore_backfill_batches",
            "Batches that a backfill has done.",
            samples(lambda one: one.batches),
        ),
        (
            "gauge",
            "manticore_backfill_failed_rows",
            "Rows that could not be changed.",
            samples(lambda one: one.failed),
        ),
        (
            "gauge",
            "manticore_backfill_workers",
            "Workers whose lease has not expired.",
            samples(lambda one: sum(worker.remaining > 0 for worker in one.workers)),
        ),
        (
            "gauge",
            "manticore_backfill_rows_per_second",
            "How fast rows are done, by the batches under way.",
            samples(lambda one: one.rate),
        ),
        (
            "gauge",
            "manticore_backfill_complete",
            "Whether every row is done.",
            samples(lambda one: one.complete),
        ),
    ]
    return [family for family in families if family[3]]


class Textfile:
    """The file of one run, written at its end, and meanwhile as backfills go on."""

    def __init__(self, path: str, command: str, console: Console) -> None:
        _library()
        place = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120
        if not os.access(place, os.W_OK):
            raise ConfigError(
                f"--metrics {path}: {place} is no directory that can be written.",
                hint="The file is written beside its place and moved there.",
            )
        self._path = path
        self._console = console
        self._base = {"command": command, "database": ""}
        self._counts = {"migrations": 0, "retries": 0, "reconnections": 0}
        self._version: int | None = None
        self._backfills: dict[str, dict[str, Any]] = {}
        self._written = monotonic()
        self._began = time()
        self._ended: dict[str, Any] | None = None

    def hear(self, line: dict[str, Any]) -> None:
        """Count."""
        event = line["event"]
        if event == "run_started":
            self._base["database"] = str(line["database"]).rpartition("/")[2]
            self._try()
        elif event == "migration_finished":
            self._counts["migrations"] += 1
            if line["direction"] == "up" and "target" not in line:
                self._version = line["version"]
        elif event == "retrying":
            self._counts["retries"] += 1
        elif event == "recovered":
            self._counts["reconnections"] += 1
        elif event == "backfill_progress" and "target" not in line:
            if line["name"] in self._backfills or len(self._backfills) < MOST:
                self._backfills[line["name"]] = line
            if monotonic() - self._written > EVERY:
                self._try()
        elif event == "run_finished":
            self._ended = line
            self._try()

    def close(self) -> None:
        """Nothing is left to do."""

    def _try(self) -> None:
        self._written = monotonic()
        try:
            self._write()
        except OSError as error:
            self._console.warn(
                f"The metrics are not written: {self._path}: {error.strerror}. The run goes on."
            )

    def _write(self) -> None:
        library = _library()
        library.write_to_textfile(self._path, Families(list(self._families())))

    def _families(self) -> Iterator[Family]:
        base = self._base

        def one(name: str, text: str, value: float) -> Family:
            return "gauge", f"manticore_run_{name}", text, [(base, float(value))]

        yield one("start_timestamp_seconds", "When the last run began.", self._began)
        if self._ended is not None:
            ended = self._ended
            yield one("end_timestamp_seconds", "When the last run ended.", time())
            yield one("duration_seconds", "How long the last run took.", ended["seconds"])
            yield one("success", "Whether the last run ended with exit code 0.", ended["success"])
            yield one("exit_code", "The exit code of the last run.", ended["exit_code"])
        for name, text in (
            ("migrations", "Migrations that the last run applied or rolled back."),
            ("retries", "Times that the last run tried something again."),
            ("reconnections", "Times that the last run had its connection again."),
        ):
            yield one(name, text, self._counts[name])
        if self._version is not None:
            version = ({"database": base["database"]}, float(self._version))
            help = "The last migration that the last run applied."
            yield "gauge", "manticore_migration_version", help, [version]
        for kind, name, field, text in (
            ("counter", "rows", "rows", "Rows that a backfill has done."),
            ("gauge", "estimated_rows", "estimate", "Rows that there are about."),
            ("gauge", "failed_rows", "failed", "Rows that could not be changed."),
            ("gauge", "rows_per_second", "rate", "How fast this run does rows."),
        ):
            samples: list[Sample] = [
                ({"database": base["database"], "backfill": key}, float(line[field]))
                for key, line in self._backfills.items()
                if line[field] is not None
            ]
            if samples:
                yield kind, f"manticore_backfill_{name}", text, samples
