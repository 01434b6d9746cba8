"""The rows of the list of bars, in its order: each module measures one and returns a Section."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from ..bench import Bench
from ..findings import Section

ROWS: Mapping[str, str] = {
    "trips": "round trips to apply migrations, counted on the wire",
    "far": "100 migrations, beside the server and behind 40 ms",
    "beside": "1,000 migrations beside the server, against psql",
    "steps": "200 migrations step by step, beside the server and behind 40 ms",
    "nothing": "nothing to do, with 10 and 10,000 applied",
    "start": "--version and --help",
    "pending": "10,000 pending: plan and status",
    "fresh": "a fresh database for tests on CockroachDB",
    "client": "insert, select, execute and batch_insert against psycopg",
    "backfill": "a backfill against a keyset loop, one UPDATE and an OFFSET loop",
    "fleet": "1,000 schemas and databases, against loops and django-tenants",
    "backfill_large": "a backfill of 10,000 ranges, at 20 ms, and going on",
    "reading": "splitting, parsing, and a 50 MB seed file",
}


def row(name: str) -> Callable[[Bench], Section]:
    """The function that measures a row."""
    function: Callable[[Bench], Section] = import_module(f".{name}", __package__).measure
    return function
