"""Telemetry, the handle: the one module that imports OpenTelemetry.

A call of a verb, or a statement on a connection that was lent, is an `Operation`: a CLIENT span and
a value of ``db.client.operation.duration``, both with what the database conventions ask for. It is
begun and ended, and never current: nothing happens inside a statement that could be its child. What
a program does around statements (a transaction, a run of migrations) is an INTERNAL span that is
current meanwhile, so that what it sends stands below it.

Never told: parameters, literals (`summary`) and messages of errors, in which the server quotes
values. An error is its SQLSTATE and the name of its class.

https://opentelemetry.io/docs/specs/semconv/db/database-spans/ and …/database-metrics/, version
1.33 and later, stable but for the pool's metrics (``db.client.connection.*``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import perf_counter, time_ns
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias
from weakref import WeakKeyDictionary

from opentelemetry import context as contexts
from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from .._version import __version__
from .summary import Described, batch_of, describe

NAME = "manticore_cockroachdb"
SCHEMA = "https://opentelemetry.io/schemas/1.33.0"
BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""Seconds, as the conventions advise for a database's operations and pool."""
PORTS = {"postgresql": 5432, "cockroachdb": 26257}
KEPT = 1000
"""Attributes of statements that a target remembers."""

Attributes: TypeAlias = Mapping[str, str | int | float | bool]
Ready: TypeAlias = tuple[str, Attributes, Attributes]
"""A span's name, its attributes, and those of its duration."""


class Connected(Protocol):
    """A connection of psycopg's, as far as it matters here."""

    @property
    def pgconn(self) -> Any:
        """Return libpq's connection."""
        ...


class Pooling(Protocol):
    """A pool of psycopg_pool's, as far as it matters here."""

    @property
    def max_size(self) -> int:
        """Return how many connections it may have."""
        ...

    @property
    def min_size(self) -> int:
        """Return how many it keeps."""
        ...

    def get_stats(self) -> dict[str, int]:
        """Return its numbers."""
        ...


def state_of(error: BaseException) -> str | None:
    """Return the SQLSTATE of an error, or of what it was raised from."""
    seen: BaseException | None = error
    while seen is not None:
        state = getattr(seen, "sqlstate", None)
        if isinstance(state, str):
            return state
        seen = seen.__cause__
    return None


def error_attributes(error: BaseException) -> dict[str, str]:
    """Return ``error.type``, the SQLSTATE if there is one, and ``db.response.status_code``."""
    state = state_of(error)
    if state is None:
        kind = type(error)
        home = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        return {"error.type": f"{home}{kind.__qualname__}"}
    return {"error.type": state, "db.response.status_code": state}


class Target:
    """Where statements of a connection go, as attributes."""

    def __init__(
        self, telemetry: Telemetry, base: Attributes, peer: Attributes, pool: str = ""
    ) -> None:
        self.telemetry = telemetry
        self.base = base
        self.peer = peer
        self.pool = {"db.client.connection.pool.name": pool}
        self._kept: dict[Described, Ready] = {}

    def operation(self, sql: object) -> Operation:
        """Return the operation that sends a statement, for a ``with``."""
        return Operation(self.telemetry, _described(sql), self)

    def many(self, sql: object, count: int) -> Operation:
        """Return the operation that sends a statement so many times."""
        return Operation(self.telemetry, batch_of(_described(sql), count), self)

    def message(self, sql: str, below: Any = None) -> Operation:
        """Return the operation that sends a message, below a context other than the present."""
        return Operation(self.telemetry, describe(sql), self, below)

    def transaction(self) -> Transaction:
        """Begin to tell of a transaction."""
        return Transaction(self)

    def ready(self, one: Described) -> Ready:
        """Return what a statement's span is called, and what it and its duration have."""
        found = self._kept.get(one)
        if found is None:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            measured = {**self.base, **one.attributes}
            measured.pop("db.operation.batch.size", None)
            spanned: dict[str, Any] = {**self.base, **self.peer, **one.attributes}
            if one.text:
                spanned["db.query.text"] = one.text
            name = one.summary or str(self.base["db.system.name"])
            found = self._kept[one] = (name, spanned, measured)
        return found


_CLIENT = SpanKind.CLIENT


def _described(sql: object) -> Described:
    if isinstance(sql, bytes | str):
        return describe(sql)
    as_text = getattr(sql, "as_string", None)  # of psycopg.sql
    return describe(as_text(None)) if as_text is not None else describe("")


class Operation:
    """One call that goes to the server, retries included. ``target`` may come later, with `on`."""

    __slots__ = (
        "_below",
        "_described",
        "_failed",
        "_measured",
        "_span",
        "_started",
        "_telemetry",
        "target",
    )

    def __init__(
        self,
        telemetry: Telemetry,
        described: Described,
        target: Target | None,
        below: Any = None,
    ) -> None:
        self._below = below
        self._telemetry = telemetry
        self._described = described
        self.target = target
        self._failed: BaseException | None = None

    def __enter__(self) -> Self:
        one, target = self._described, self.target
        if target is not None:
            name, attributes, self._measured = target.ready(one)
        else:
            name, attributes = one.summary or "database", one.attributes
            self._measured = attributes
        self._span: Span = self._telemetry.start(name, self._below, _CLIENT, attributes)
        self._started = perf_counter()
        return self

    def on(self, target: Target) -> None:
        """Tell where it goes, once that is known."""
        _, attributes, self._measured = target.ready(self._described)
        self._span.set_attributes(attributes)

    def retry(self, error: BaseException, attempt: int, delay: float) -> None:
        """Tell that it is sent again after a failure."""
        self._span.add_event("retry", _retry(error, attempt, delay))

    def failed(self, error: BaseException | None) -> None:
        """Tell of an error that is not raised here."""
        self._failed = error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        seconds, measured = perf_counter() - self._started, self._measured
        error = error or self._failed
        if error is not None and not isinstance(error, GeneratorExit):
            measured = {**measured, **fail(self._span, error)}
        self._span.end()
        self._telemetry.record(seconds, measured)


class Transaction:
    """A transaction, and what is sent meanwhile below it; its COMMIT is an operation."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._commit: Operation | None = None
        self._error: BaseException | None = None
        self._current = Current(
            target.telemetry.tracer.start_span("transaction", attributes=target.base)
        )

    def committing(self) -> None:
        """Tell that COMMIT is sent now."""
        self._commit = self._target.operation("COMMIT")
        self._commit.__enter__()

    def failed(self, error: BaseException) -> None:
        """Tell what it ended with."""
        self._error = error

    def end(self) -> None:
        """Tell that it is over."""
        error = self._error
        if self._commit is not None:
            self._commit.__exit__(None, error, None)
        if error is not None and not isinstance(error, GeneratorExit):
            fail(self._current.span, error)
        self._current.end()


class Current:
    """A span that is current until `leave`.

    Generators may be ended in another context than they began in, where nothing is to be left; a
    token of `contextvars` would complain, so what was current before is set again instead.
    """

    def __init__(self, span: Span) -> None:
        self.span = span
        self._before = contexts.get_current()
        contexts.attach(trace.set_span_in_context(span))

    def leave(self) -> None:
        """Let what was current before be so again."""
        if trace.get_current_span() is self.span:
            contexts.attach(self._before)

    def end(self, at: int | None = None) -> None:
        """Leave and end it, at some nanosecond since the epoch or now."""
        self.leave()
        self.span.end(at)


def _retry(error: BaseException, attempt: int, delay: float) -> dict[str, Any]:
    return {
        **error_attributes(error),
        "manticore.retry.attempt": attempt,
        "manticore.retry.delay": delay,
    }


class Telemetry:
    """Spans and metrics by providers of OpenTelemetry's, the process's own by default."""

    def __init__(self, tracer_provider: Any = None, meter_provider: Any = None) -> None:
        self.tracer = trace.get_tracer(
            NAME, __version__, tracer_provider=tracer_provider, schema_url=SCHEMA
        )
        meter = metrics.get_meter(
            NAME, __version__, meter_provider=meter_provider, schema_url=SCHEMA
        )

        def seconds(name: str, description: str) -> metrics.Histogram:
            return meter.create_histogram(
                name, "s", description, explicit_bucket_boundaries_advisory=BUCKETS
            )

        self.duration = seconds(
            "db.client.operation.duration", "Duration of database client operations."
        )
        connection = "db.client.connection"
        # Looked up once: they are called for every statement.
        self.start, self.record = self.tracer.start_span, self.duration.record
        self.created = seconds(
            f"{connection}.create_time", "The time it took to create a new connection."
        )
        for name, unit, ask in (
            ("count", "{connection}", _count),
            ("max", "{connection}", _max),
            ("idle.min", "{connection}", _min),
            ("pending_requests", "{request}", _pending),
        ):
            meter.create_observable_up_down_counter(
                f"{connection}.{name}", [self._asking(ask)], unit
            )
        # A histogram of every wait would cost as much as telling of the statement itself; what
        # psycopg_pool counts anyway costs nothing.
        for name, unit, key, scale in (
            (f"{connection}.timeouts", "{timeout}", "requests_errors", 1),
            ("manticore.pool.requests", "{request}", "requests_num", 1),
            ("manticore.pool.waits", "{request}", "requests_queued", 1),
            ("manticore.pool.wait_time", "s", "requests_wait_ms", 1000),
            ("manticore.pool.use_time", "s", "usage_ms", 1000),
        ):
            asking = self._asking(partial(_counted, key, scale))
            meter.create_observable_counter(name, [asking], unit)
        self._pools: WeakKeyDictionary[Pooling, Attributes] = WeakKeyDictionary()
        self._targets: dict[tuple[object, ...], Target] = {}

    # --- connections ---------------------------------------------------------------------------

    def target(self, connection: Connected, hosts: Sequence[str], ports: Sequence[int]) -> Target:
        """Return where a connection goes. ``hosts`` and ``ports`` are those of the settings."""
        pgconn = connection.pgconn
        crdb = pgconn.parameter_status(b"crdb_version") is not None
        system = "cockroachdb" if crdb else "postgresql"
        peer = (pgconn.hostaddr or pgconn.host or b"").decode(errors="replace")
        peer_port = (pgconn.port or b"").decode(errors="replace")
        name = (pgconn.db or b"").decode(errors="replace")
        key = (system, name, tuple(hosts), tuple(ports), peer, peer_port)
        found = self._targets.get(key)
        if found is None:
            base: dict[str, Any] = {"db.system.name": system, "db.namespace": name}
            address, port = _address(hosts, ports)
            if address:
                base["server.address"] = address
                if port is not None and port != PORTS[system]:
                    base["server.port"] = port
            far: dict[str, Any] = {"network.peer.address": peer} if peer else {}
            if peer_port.isdecimal() and not peer.startswith("/"):
                far["network.peer.port"] = int(peer_port)
            at = f"{address}:{port}" if port else address
            found = self._targets[key] = Target(self, base, far, f"{at}/{name}")
        return found

    def watch(self, pool: Pooling, target: Target) -> None:
        """Count the connections of a pool, for as long as there is one."""
        self._pools[pool] = target.pool

    def _asking(self, ask: Any) -> Any:
        def call(options: CallbackOptions) -> Iterator[Observation]:
            for pool, attributes in list(self._pools.items()):
                for value, more in ask(pool):
                    yield Observation(value, {**attributes, **more})

        return call

    # --- what a program does -------------------------------------------------------------------

    def operation(self, sql: object, target: Target | None) -> Operation:
        """Return the operation of a verb, for a ``with``; ``target`` None while not connected."""
        return Operation(self, _described(sql), target)

    @contextmanager
    def span(self, name: str, attributes: Attributes | None = None) -> Iterator[Span]:
        """Let what is done meanwhile stand below a span."""
        current = Current(self.tracer.start_span(name, attributes=attributes))
        try:
            yield current.span
        except GeneratorExit:
            raise
        except BaseException as error:
            fail(current.span, error)
            raise
        finally:
            current.end()

    def retry(self, error: BaseException, attempt: int, delay: float) -> None:
        """Tell on the span that is current that something is done again after a failure."""
        trace.get_current_span().add_event("retry", _retry(error, attempt, delay))

    def begin(
        self, name: str, attributes: Attributes, *, start: int | None = None, below: Any = None
    ) -> Span:
        """Return a span that is not current; ``start`` in nanoseconds since the epoch."""
        return self.tracer.start_span(name, below, attributes=attributes, start_time=start)


def _address(hosts: Sequence[str], ports: Sequence[int]) -> tuple[str, int | None]:
    """The address of the settings, with the port apart where it is one for all hosts."""
    if len(set(ports)) == 1:
        return ",".join(hosts), ports[0]
    return ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=True)), None


def fail(span: Span, error: BaseException) -> Attributes:
    """Tell on a span what went wrong; return it."""
    told = error_attributes(error)
    span.set_attributes(told)
    span.set_status(Status(StatusCode.ERROR, type(error).__name__))
    return told


def now() -> int:
    """Return nanoseconds since the epoch, as spans count."""
    return time_ns()


Numbers: TypeAlias = Iterator[tuple[int | float, Mapping[str, str]]]


def _count(pool: Pooling) -> Numbers:
    said = pool.get_stats()
    idle = said.get("pool_available", 0)
    yield idle, {"db.client.connection.state": "idle"}
    yield max(0, said.get("pool_size", 0) - idle), {"db.client.connection.state": "used"}


def _max(pool: Pooling) -> Numbers:
    yield pool.max_size, {}


def _min(pool: Pooling) -> Numbers:
    yield pool.min_size, {}


def _pending(pool: Pooling) -> Numbers:
    yield pool.get_stats().get("requests_waiting", 0), {}


def _counted(key: str, scale: int, pool: Pooling) -> Numbers:
    found = pool.get_stats().get(key, 0)
    yield found if scale == 1 else found / scale, {}
