"""How fast text becomes files, statements and a model: the inside of `rows.reading`.

    python -m benchmarks.reading [--quick]      prints one object of JSON

Runs in a process of its own, on the texts of `benchmarks.splitting`, by CPU time, the best of
four passes, in turns. Linear means that four times the text takes four times the time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from manticore_cockroachdb.errors import FileError
from manticore_cockroachdb.migrations.file import parse_file
from manticore_cockroachdb.parser.parse import parse
from manticore_cockroachdb.parser.split import Unterminated, split

from .splitting import splitting, texts

MODEL = "split and read into the model"
PASSES = 4
FUNCTION = """\
CREATE FUNCTION f{i}(a BIGINT) RETURNS BIGINT LANGUAGE plpgsql AS $body$
BEGIN
    -- don't
    IF a > 1 THEN
        RETURN a * 2;
    END IF;
    RETURN {i};
END
$body$;
"""


def seed_statement(first: int) -> str:
    """One INSERT of 500 rows, for files of seed data."""
    rows = ",\n".join(
        f"({n}, 'some text, it''s {n}', 'another text of the row {n}; it ends here')"
        for n in range(first, first + 500)
    )
    return f"INSERT INTO seed (id, first, second) VALUES\n{rows};\n"


def _many(template: str, size: int) -> str:
    return "".join(template.replace("{i}", str(i)) for i in range(size // len(template) + 1))


def _seconds(function: Callable[[str], None], text: str) -> float:
    started = time.process_time()
    function(text)
    return max(time.process_time() - started, 1e-6)


def file(text: str) -> None:
    """What loading a migration does: its parts, directives and checksum."""
    with suppress(FileError):
        parse_file("1_text.sql", text, "1_text.sql")


def model(text: str) -> None:
    """Split, and read every statement into the model that plans are made from."""
    with suppress(Unterminated):
        for start, end in split(text):
            parse(text[start:end])


WORK: Mapping[str, Callable[[str], None]] = {
    "split": splitting,
    "load as a file": file,
    MODEL: model,
}


def main() -> None:
    """Measure and print: work -> text -> [MB/s, growth, statements/s]."""
    size = 500_000 if "--quick" in sys.argv else 2_500_000
    small, large = ({**texts(n), "small functions": _many(FUNCTION, n)} for n in (size, 4 * size))
    report: dict[str, dict[str, tuple[float, float, float]]] = {name: {} for name in WORK}
    for name, text in large.items():
        try:
            statements = sum(1 for _ in split(text))
        except Unterminated:
            statements = 0
        for what, function in WORK.items():
            turns = [
                (_seconds(function, small[name]), _seconds(function, text)) for _ in range(PASSES)
            ]
            one, four = (min(times) for times in zip(*turns, strict=True))
            growth = (four / len(text)) / (one / len(small[name]))
            report[what][name] = (len(text) / 1e6 / four, growth, statements / four)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
