"""How fast SQL is split and read: ``python benchmarks/splitting.py [MEGABYTES]``.

Prints a table in MB/s of processor time, the best of three runs. The texts are made here: DDL
and seed data as people write them, then texts made to be slow.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

from manticore_cockroachdb.parser.parse import parse
from manticore_cockroachdb.parser.split import Unterminated, directives, split

DDL = """\
-- Orders of customer {i}
CREATE TABLE IF NOT EXISTS orders_{i} (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    customer_id INT8 NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    state VARCHAR(20) NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'paid', 'sent')),
    total DECIMAL(10, 2),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS orders_{i}_created_at ON orders_{i} (created_at DESC, lower(state));
ALTER TABLE orders_{i} ADD COLUMN note TEXT;
"""
ROW = "({i}, 'Customer number {i}', 'it''s (not; a) statement', '2026-01-01', {i}.50, NULL),\n"
BODY = "    INSERT INTO log VALUES ('it''s');\n"


def texts(size: int) -> dict[str, str]:
    def many(template: str) -> str:
        count = size // len(template) + 1
        return "".join(template.replace("{i}", str(i)) for i in range(count))

    def times(piece: str, part: float = 1) -> str:
        return piece * int(size * part / len(piece))

    return {
        "small DDL statements": many(DDL),
        "seed data, one INSERT": f"INSERT INTO customers VALUES\n{many(ROW)[:-2]};",
        "seed data, an INSERT a row": many("INSERT INTO customers VALUES " + ROW[:-2] + ";\n"),
        "one dollar-quoted body": f"CREATE FUNCTION f() AS $body$ {times(BODY)} $body$;",
        "comments": times("-- it's a comment; and another\n/* block ' */\n"),
        "hostile: quotes": "SELECT '" + times("''") + "';",
        "hostile: nested comments": times("/*", 0.5) + times("*/", 0.5) + "SELECT 1;",
        "hostile: near misses of a tag": f"$a${times('$b$a')}$a$;",
        "hostile: parentheses": f"SELECT {times('(', 0.5)}{times(')', 0.5)};",
    }


def best(run: Callable[[], object]) -> float:
    seconds: list[float] = []
    for _ in range(3):
        began = time.process_time()
        run()
        seconds.append(time.process_time() - began)
    return max(min(seconds), 1e-6)


def splitting(text: str) -> None:
    try:
        for _span in split(text):
            pass
    except Unterminated:
        pass


def reading(statements: list[str]) -> None:
    for statement in statements:
        parse(statement)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("megabytes", nargs="?", type=float, default=2.0)
    size = int(parser.parse_args().megabytes * 1e6)
    print(f"{'text':32}{'split':>10}{'read':>10}{'directives':>12}{'statements/s':>14}   (MB/s)")
    for name, text in texts(size).items():
        megabytes = len(text) / 1e6
        statements = [text[start:end] for start, end in split(text)]
        split_in = best(partial(splitting, text))
        read_in = best(partial(reading, statements))
        found_in = best(partial(directives, text))
        read = f"{megabytes / read_in:.0f}" if statements else "-"
        rate = f"{len(statements) / (split_in + read_in):.0f}" if len(statements) > 1 else "-"
        print(
            f"{name:32}{megabytes / split_in:10.0f}{read:>10}{megabytes / found_in:12.0f}{rate:>14}"
        )


if __name__ == "__main__":
    main()
