"""Values for made-up rows: for each column what its type, its checks and its enum allow; pure.

Nothing here understands a CHECK. It guesses: constants that a check, a bound or a condition names,
and what is next to them, stand first among plain values of the type; the server judges, and whoever
asks tries again. The draws are seeded, so that a verdict is the same each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from ..parser.lex import Unterminated, tokens, unquoted
from ..parser.quoting import literal
from ..schema import model as m

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SPANS = {"INT2": 30_000, "INT4": 2_000_000_000, "INT8": 2_000_000_000}


@dataclass(frozen=True, slots=True)
class Hints:
    """Constants that stand near a column: texts and whole numbers."""

    texts: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


def hints_of(sources: Iterable[str]) -> Hints:
    """The constants of some conditions, and the neighbours of the numbers."""
    texts: list[str] = []
    numbers: list[int] = []
    for source in sources:
        try:
            found = tokens(source)
        except Unterminated:
            continue
        for token in found:
            if token.kind == "string":
                texts.append(unquoted("string", source[token.start : token.end]))
            elif token.kind == "number" and re.fullmatch(r"\d{1,12}", token.value):
                number = int(token.value)
                numbers += [number, number + 1, number - 1, -number]
    return Hints(tuple(dict.fromkeys(texts)), tuple(dict.fromkeys(numbers)))


def mentions(source: str, name: str) -> bool:
    """Whether a condition speaks of a column."""
    try:
        return any(t.kind in ("word", "quoted") and t.value == name for t in tokens(source))
    except Unterminated:
        return False


def value_of(
    type: str, number: int, hints: Hints, enums: Sequence[m.Enum], rng: Random, *, first: bool
) -> str | None:
    """An SQL constant of a type for row `number`, or None where this knows none for it.

    `first`: the plainest one, which differs from row to row where the type has enough values.
    """
    if type.endswith("[]"):
        inner = value_of(type[:-2], number, hints, enums, rng, first=first)
        return None if inner is None else f"ARRAY[{inner}]::{type}"
    for enum in enums:
        if type in (f"{enum.schema}.{enum.name}", enum.name) and enum.labels:
            at = number if first else rng.randrange(len(enum.labels))
            return f"{literal(enum.labels[at % len(enum.labels)])}::{type}"
    base, _, rest = type.partition("(")
    sizes = [int(n) for n in re.findall(r"\d+", rest)]
    made = _plain(base.strip(), sizes, number, hints, rng, first=first)
    return None if made is None else f"{made}::{type}"


def _plain(
    base: str, sizes: Sequence[int], number: int, hints: Hints, rng: Random, *, first: bool
) -> str | None:
    guess = rng.choice(hints.texts) if hints.texts and not first and rng.random() < 0.7 else None
    match base:
        case "INT2" | "INT4" | "INT8":
            return str(_whole(number, _SPANS[base], hints, rng, first=first))
        case "NUMERIC" | "FLOAT4" | "FLOAT8":
            whole, scale = (sizes[0], sizes[1] if len(sizes) > 1 else 0) if sizes else (9, 2)
            most = int(10 ** min(whole - scale, 9))
            part = "" if not scale or first else f".{rng.randrange(10):d}"
            return f"'{_whole(number, max(most, 1), hints, rng, first=first) % most}{part}'"
        case "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "CITEXT":
            limit = sizes[0] if sizes else (1 if base == "CHAR" else None)
            text = guess if guess is not None else _text(number, hints, rng, first=first)
            if limit is not None and len(text) > limit:
                text = _short(number, limit)
            return literal(text)
        case "BOOL":
            return "true" if (number % 2 == 0 if first else rng.random() < 0.5) else "false"
        case "DATE":
            day = f"DATE '2020-01-01' + {_days(number, rng, first=first)}"
            return literal(guess) if guess is not None else f"({day})"
        case "TIMESTAMP" | "TIMESTAMPTZ":
            if guess is not None:
                return literal(guess)
            hours = _days(number, rng, first=first) * 24
            return f"(TIMESTAMP '2020-01-01 12:00:00' + INTERVAL '{hours} hours')"
        case "TIME" | "TIMETZ":
            return f"'{number // 60 % 24:02}:{number % 60:02}:00'"
        case "INTERVAL":
            return f"'{number} minutes'"
        case "UUID":
            return f"'00000000-0000-4000-8000-{number:012x}'"
        case "BYTEA":
            return literal(_short(number, 8))
        case "JSON" | "JSONB":
            return literal(guess) if guess is not None else f"'{{\"number\": {number}}}'"
        case "INET" | "CIDR":
            return f"'10.{number // 65536 % 256}.{number // 256 % 256}.{number % 256}'"
        case "BIT" | "VARBIT":
            width = sizes[0] if sizes else (1 if base == "BIT" else 16)
            return f"B'{number % 2**width:0{width}b}'"
        case _:
            return None


def _whole(number: int, most: int, hints: Hints, rng: Random, *, first: bool) -> int:
    if first:
        return number % most
    fitting = [n for n in hints.numbers if abs(n) <= most]
    if fitting and rng.random() < 0.6:
        return rng.choice(fitting)
    return rng.choice((number, rng.randrange(100), rng.randrange(most))) % most


def _days(number: int, rng: Random, *, first: bool) -> int:
    return number if first else rng.randrange(-4000, 4000)


def _text(number: int, hints: Hints, rng: Random, *, first: bool) -> str:
    if first:
        return f"text {number}"
    lengths = [n for n in hints.numbers if 0 <= n <= 200]
    if lengths and rng.random() < 0.5:
        length = rng.choice(lengths)
        return rng.choice((_short(number, length), str(number).zfill(length)[-length:])) * (
            length > 0
        )
    return rng.choice(
        (
            "",
            str(number),
            _short(number, 6),
            _short(number, 6).upper(),
            f"Text {number}",
            f"someone{number}@example.com",
            f"https://example.com/{number}",
            f"+49{number:09}",
            "DE",
        )
    )


def _short(number: int, length: int) -> str:
    """A word of this length, another for each number where there are enough."""
    word = ""
    while number:
        number, digit = divmod(number, 36)
        word = _DIGITS[digit] + word
    return word.rjust(length, "a")[-length:] if length else ""
