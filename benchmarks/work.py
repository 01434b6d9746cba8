"""The work that every tool does: the same tables, made one migration at a time."""

from __future__ import annotations

from pathlib import Path


def table(number: int) -> str:
    """A table's name."""
    return f"t{number:05d}"


def create(number: int) -> str:
    """The SQL of one migration, without a semicolon."""
    return (
        f"CREATE TABLE {table(number)} (\n"
        "    id BIGINT PRIMARY KEY,\n"
        "    name VARCHAR(100) NOT NULL,\n"
        "    amount BIGINT NOT NULL,\n"
        "    noted TEXT\n"
        ")"
    )


def drop(number: int) -> str:
    """What undoes it."""
    return f"DROP TABLE {table(number)}"


def write_ours(directory: Path, count: int, *, start: int = 1) -> None:
    """Write migrations in this package's format."""
    directory.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        text = f"{create(number)};\n\n-- @UNDO\n\n{drop(number)};\n"
        (directory / f"{number:05d}_create_{table(number)}.sql").write_text(text)
