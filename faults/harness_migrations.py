"""The twenty migrations that the harness runs: every way a migration can run, on both engines.

Nothing in them may be done twice unnoticed. Each data change adds 1 to a row of ``counters`` that
only it touches (``version * 100 + k``), and each schema change fails or shows in the catalog when
it is done again. So a state with a counter at 2 was doubled, and one at 0 behind a history row
was lost. Every undo part takes back exactly what its migration did, counters included: rolling
back is run through the same faults, and a sweep can go up and down over one migration for ever.

After the twenty come seven short ones that one run applies at once, several in a message: as many
as it takes for messages of one, two and four. Then four that one run applies step by step, where
the end of one and the beginning of the next are one transaction. Then five of which four are
Python, with functions of both kinds: what they send is known only while they run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

STATEMENTS_OF_SEED = 14
ROWS_OF_STATEMENT = 40
BYTES_OF_ROW = 5500
COUNTERS_EACH = 4


def _up(version: int, k: int) -> str:
    return f"UPDATE counters SET n = n + 1 WHERE id = {version * 100 + k};"


def _down(version: int, k: int) -> str:
    return f"UPDATE counters SET n = n - 1 WHERE id = {version * 100 + k};"


@dataclass(frozen=True, slots=True)
class Source:
    """One migration as it is written to a directory; ``{+1}`` counts up, ``{-1}`` down.

    ``python``: ``up`` and ``down`` are the bodies of functions, which begin with this word.
    """

    name: str
    up: str
    down: str
    head: str = ""
    python: str = ""


_SOURCES = (
    Source("counters", "", "DROP TABLE counters;"),
    Source("data", "{+1}\n{+2}", "{-1}\n{-2}"),
    Source(
        "users",
        """
        CREATE TABLE users (id INT8 PRIMARY KEY, email TEXT NOT NULL, age INT8, junk INT8);
        {+1}
        INSERT INTO users VALUES (1, 'a@example.com', 30, 7), (2, 'b@example.com', 40, 7);
        CREATE INDEX users_email ON users (email);
        """,
        "{-1} DROP TABLE users;",
    ),
    Source(
        "add_column",
        "ALTER TABLE users ADD COLUMN nick TEXT;\n{+1}\nUPDATE users SET nick = 'n' || id::TEXT;",
        "ALTER TABLE users DROP COLUMN nick;\n{-1}",
    ),
    Source(
        "index_concurrently",
        "{+1}\nCREATE INDEX CONCURRENTLY users_age ON users (age);\n{+2}",
        "{-1}\nDROP INDEX CONCURRENTLY users_age;\n{-2}",
    ),
    Source(
        "unique_index",
        "CREATE UNIQUE INDEX users_nick ON users (nick);\n{+1}",
        "{-1}\nDROP INDEX users_nick CASCADE;",
    ),
    Source(
        "enum",
        """
        CREATE TYPE mood AS ENUM ('well', 'ill');
        ALTER TYPE mood ADD VALUE 'tired';
        CREATE TABLE moods (id INT8 PRIMARY KEY, mood mood);
        {+1}
        INSERT INTO moods VALUES (1, 'well');
        """,
        "DROP TABLE moods;\n{-1}\nDROP TYPE mood;",
    ),
    Source(
        "not_null",
        """
        ALTER TABLE users ALTER COLUMN nick SET DEFAULT 'nobody';
        ALTER TABLE users ALTER COLUMN nick SET NOT NULL;
        {+1}
        """,
        """
        ALTER TABLE users ALTER COLUMN nick DROP NOT NULL;
        ALTER TABLE users ALTER COLUMN nick DROP DEFAULT;
        {-1}
        """,
    ),
    Source(
        "rename_column",
        "{+1}\nALTER TABLE users RENAME COLUMN age TO years;",
        "{-1}\nALTER TABLE users RENAME COLUMN years TO age;",
    ),
    Source(
        "drop_column",
        "{+1}\nALTER TABLE users DROP COLUMN junk;",
        "{-1}\nALTER TABLE users ADD COLUMN junk INT8 DEFAULT 7;",
    ),
    Source(
        "check_validated",
        """
        ALTER TABLE users ADD CONSTRAINT users_years CHECK (years > 0) NOT VALID;
        {+1}
        ALTER TABLE users VALIDATE CONSTRAINT users_years;
        """,
        "{-1}\nALTER TABLE users DROP CONSTRAINT users_years;",
    ),
    Source("data_in_steps", "{+1}\n{+2}\n{+3}", "{-3}\n{-2}\n{-1}", "-- @transaction off"),
    Source(
        "foreign_key",
        """
        CREATE TABLE orders (id INT8 PRIMARY KEY, user_id INT8 NOT NULL REFERENCES users (id));
        {+1}
        """,
        "{-1}\nDROP TABLE orders;",
    ),
    Source(
        "index_in_steps",
        """
        {+1}
        CREATE INDEX CONCURRENTLY orders_user ON orders (user_id);
        CREATE UNIQUE INDEX CONCURRENTLY orders_both ON orders (user_id, id);
        INSERT INTO orders SELECT 1, 1 FROM users WHERE id = 1;
        """,
        """
        DELETE FROM orders WHERE id = 1;
        DROP INDEX CONCURRENTLY orders_both;
        DROP INDEX CONCURRENTLY orders_user;
        {-1}
        """,
        "-- @transaction off",
    ),
    Source(
        "view_and_sequence",
        "CREATE VIEW grown AS SELECT id, email FROM users;\n{+1}\nCREATE SEQUENCE numbers;",
        "DROP SEQUENCE numbers;\n{-1}\nDROP VIEW grown;",
    ),
    Source(
        "drop_index",
        "DROP INDEX CONCURRENTLY users_email;\n{+1}",
        "CREATE INDEX CONCURRENTLY users_email ON users (email);\n{-1}",
    ),
    Source(
        "rename_table",
        "ALTER TABLE moods RENAME TO feelings;\n{+1}",
        "{-1}\nALTER TABLE feelings RENAME TO moods;",
    ),
    Source(
        "drop_table",
        "{+1}\nDROP TABLE feelings;\n{+2}",
        """
        {-1}
        {-2}
        CREATE TABLE feelings (id INT8 PRIMARY KEY, mood mood);
        INSERT INTO feelings VALUES (1, 'well');
        """,
    ),
    Source(
        "more",
        "CREATE TABLE more (id INT8 PRIMARY KEY);\nINSERT INTO more VALUES (1);\n{+1}\n{+2}",
        "{-2}\n{-1}\nDROP TABLE more;",
    ),
    Source("seed", "", "{-1}\nDROP TABLE seed;"),
)

_SHORT = (
    Source(
        "short", "CREATE TABLE short_1 (id INT8 PRIMARY KEY);\n{+1}", "{-1} DROP TABLE short_1;"
    ),
    Source("short", "{+1}\n{+2}", "{-2}\n{-1}"),
    Source("short", "INSERT INTO short_1 VALUES (1);\n{+1}", "{-1}\nDELETE FROM short_1;"),
    Source(
        "short", "CREATE TABLE short_2 (id INT8 PRIMARY KEY);\n{+1}", "{-1} DROP TABLE short_2;"
    ),
    Source("short", "{+1}", "{-1}"),
    Source("short", "INSERT INTO short_2 VALUES (1);\n{+1}\n{+2}", "DELETE FROM short_2;{-1}{-2}"),
    Source("short", "{+1}", "{-1}"),
)

_IN_STEPS = (
    Source(
        "in_steps",
        "CREATE INDEX CONCURRENTLY steps_a ON users (nick, id);",
        "DROP INDEX CONCURRENTLY steps_a;",
    ),
    Source(
        "in_steps",
        """
        CREATE INDEX CONCURRENTLY steps_b ON orders (id, user_id);
        CREATE INDEX CONCURRENTLY IF NOT EXISTS steps_c ON users (years);
        """,
        """
        DROP INDEX CONCURRENTLY IF EXISTS steps_c;
        DROP INDEX CONCURRENTLY steps_b;
        """,
    ),
    Source(
        "in_steps",
        "{+1}\nCREATE INDEX CONCURRENTLY steps_d ON users (email, id);",
        "{-1}\nDROP INDEX CONCURRENTLY steps_d;",
    ),
    Source(
        "in_steps",
        "CREATE INDEX CONCURRENTLY steps_e ON users (years, id);\n{+1}",
        "DROP INDEX CONCURRENTLY steps_e;\n{-1}",
    ),
)

_PYTHON = (
    Source(
        "python",
        """
        connection.execute("{+1}")
        rows = connection.select("users", ["id", "email"], order_by="id")
        connection.execute("UPDATE users SET nick = %s WHERE id = 1", [rows[0]["email"]])
        connection.execute("{+2}")
        """,
        """
        connection.execute("{-2}")
        connection.execute("UPDATE users SET nick = 'n1' WHERE id = 1")
        connection.execute("{-1}")
        """,
        python="def",
    ),
    Source(
        "python",
        """
        await connection.execute("{+1}")
        for number in range(10, 14):
            await connection.insert("more", {"id": number})
        """,
        """
        await connection.execute("DELETE FROM more WHERE id BETWEEN 10 AND 13")
        await connection.execute("{-1}")
        """,
        python="async def",
    ),
    Source("python", "{+1}\n{+2}", "{-2}\n{-1}"),
    Source(
        "python",
        """
        with connection.transaction():
            connection.execute("{+1}")
        connection.execute("{+2}")
        """,
        """
        connection.execute("{-2}")
        with connection.transaction():
            connection.execute("{-1}")
        """,
        python="def",
    ),
    Source(
        "python",
        """
        await connection.execute("{+1}")
        await connection.execute("INSERT INTO more VALUES (20)")
        """,
        """
        await connection.execute("DELETE FROM more WHERE id = 20")
        await connection.execute("{-1}")
        """,
        python="async def",
    ),
)

_ALL = (*_SOURCES, *_SHORT, *_IN_STEPS, *_PYTHON)
COUNT = len(_SOURCES)
TOGETHER = COUNT + 1
IN_STEPS = COUNT + 2
PYTHON = COUNT + 3
LEGS = PYTHON
SEED = 1 + [one.name for one in _SOURCES].index("seed")


_LASTS = {
    TOGETHER: COUNT + len(_SHORT),
    IN_STEPS: COUNT + len(_SHORT) + len(_IN_STEPS),
    PYTHON: len(_ALL),
}


def last_of(leg: int) -> int:
    """The newest migration of a leg: its own, or the last of those that one run applies."""
    return _LASTS.get(leg, leg)


def first_of(leg: int) -> int:
    """The oldest migration of a leg."""
    return last_of(leg - 1) + 1


def several(leg: int) -> bool:
    """Whether a leg has more migrations than one."""
    return leg in _LASTS


def counters_of(version: int) -> dict[int, int]:
    """The counters that a migration moves, each with what it has once applied."""
    source = _ALL[version - 1]
    text = source.up if version != SEED else "{+1}"
    return {
        version * 100 + k: 1 for k in range(1, COUNTERS_EACH + 1) if "{+" + str(k) + "}" in text
    }


def write(directory: Path, count: int = COUNT) -> None:
    """Write the files of the first ``count`` legs into a directory."""
    for version, source in enumerate(_ALL[: last_of(count)], 1):
        if source.python:
            path = directory / f"{version}_{source.name}.py"
            path.write_text(_filled(_functions(source), version), encoding="utf-8")
            continue
        up = {1: _counters(), SEED: _seed(version)}.get(version, source.up)
        text = f"{source.head}\n{_filled(up, version)}\n-- @UNDO\n{_filled(source.down, version)}\n"
        (directory / f"{version}_{source.name}.sql").write_text(text, encoding="utf-8")


def _functions(source: Source) -> str:
    bodies = {"migrate": source.up, "undo": source.down}
    return "\n\n".join(
        f"{source.python} {name}(connection):\n{indent(dedent(body).strip(), '    ')}\n"
        for name, body in bodies.items()
    )


def _filled(text: str, version: int) -> str:
    for k in range(1, COUNTERS_EACH + 1):
        text = text.replace("{+" + str(k) + "}", _up(version, k))
        text = text.replace("{-" + str(k) + "}", _down(version, k))
    return text


def _counters() -> str:
    every = sorted(number for version in range(2, len(_ALL) + 1) for number in counters_of(version))
    rows = ", ".join(f"({number}, 0)" for number in every)
    return (
        "CREATE TABLE counters (id INT8 PRIMARY KEY, n INT8 NOT NULL);\n"
        f"INSERT INTO counters VALUES {rows};"
    )


def _seed(version: int) -> str:
    """Three megabytes, which travel in several messages of one transaction."""
    parts = ["CREATE TABLE seed (id INT8 PRIMARY KEY, body TEXT NOT NULL);", "{+1}"]
    for statement in range(STATEMENTS_OF_SEED):
        first = statement * ROWS_OF_STATEMENT
        rows = ",\n".join(
            f"({number}, '{chr(97 + number % 26) * BYTES_OF_ROW}')"
            for number in range(first, first + ROWS_OF_STATEMENT)
        )
        parts.append(f"INSERT INTO seed VALUES\n{rows};")
    return "\n".join(parts)
