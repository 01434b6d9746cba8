"""A verification as a result: one verdict, and what it rests on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..dialect import Engine
from ..schema.report import as_text
from ..shadow.verification import Failing, Verification, Verified
from .index import Exit
from .render import Result, count, plain, safe, took
from .terminal import columns, one_line

if TYPE_CHECKING:
    from .present import Page

_COLOURS = {"+": "green", "-": "red", "~": "yellow"}


def engine(name: str | None) -> Engine | None:
    """The engine of an option that only has engines to choose from."""
    return "cockroachdb" if name == "cockroachdb" else "postgresql" if name else None


def result(found: Verification, page: Page) -> Result:
    """The verification as a command's result."""
    data = {
        "ok": found.ok,
        "irreversible": plain(found.irreversible),
        "migrations": plain(found.migrations),
        "failures": plain(found.failures),
        "skipped": plain(found.skipped),
        "notes": plain(found.notes),
        "strict": found.strict,
        "server": found.server,
        "seconds": found.seconds,
    }
    code = Exit.OK if found.ok else Exit.FINDINGS
    return Result(data, [*_lines(found, page)], code)


def _lines(found: Verification, page: Page) -> Iterator[str]:
    style = page.style
    yield from _table(found, page)
    for note in found.notes:
        yield style(safe(f"note: {note}"), "dim")
    if found.skipped:
        numbers = ", ".join(map(str, found.skipped))
        yield style(f"note: left out, for other environments: {numbers}", "dim")
    for one in found.migrations:
        for note in one.notes:
            yield style(safe(f"note: {one.version}: {note}"), "dim")
        for failing in one.failures:
            yield from ("", *_failing(f"{one.version} {one_line(one.description)}", failing, page))
    for failing in found.failures:
        yield from ("", *_failing("all", failing, page))
    if found.migrations:
        yield ""
    yield from _verdict(found, page)


def _table(found: Verification, page: Page) -> Iterator[str]:
    if not found.migrations:
        return
    head = ("", "version", "up", "down", "again", "crashes", "description")
    rows = [_row(one, strict=found.strict) for one in found.migrations]
    first, *rest = columns([head, *rows], limit=page.width, indent="")
    yield page.style(first, "dim")
    for one, line in zip(found.migrations, rest, strict=True):
        if one.failures or (found.strict and not one.reversible):
            yield page.style(line, "red")
        else:
            yield page.style(line, *(() if one.reversible else ("yellow",)))


def _row(one: Verified, *, strict: bool) -> Sequence[str]:
    failed = one.failures or (strict and not one.reversible)
    crashes = f"{one.crashes} in {took(one.resume)}" if one.crashes else ""
    return (
        "FAILED" if failed else "ok" if one.reversible else "no undo",
        str(one.version),
        took(one.up) if one.up else "",
        took(one.down) if one.down else "",
        took(one.again) if one.again else "",
        crashes,
        one.description,
    )


def _failing(what: str, failing: Failing, page: Page) -> Iterator[str]:
    yield f"{page.style(safe(what), 'bold')}  {page.style(f'{failing.stage} failed', 'red')}"
    yield f"  {safe(one_line(failing.message))}"
    if failing.hint:
        yield f"  {page.style('hint:', 'cyan')} {safe(one_line(failing.hint))}"
    if failing.changes:
        for line in as_text(failing.changes).split("\n"):
            colour = _COLOURS.get(line.lstrip()[:1])
            yield "    " + page.style(safe(line), *((colour,) if colour else ()))


def _verdict(found: Verification, page: Page) -> Iterator[str]:
    number = count(len(found.migrations), "migration")
    where = f"{one_line(found.server)}, {took(found.seconds)}"
    if not found.migrations:
        yield "Nothing to verify: there are no migrations."
        return
    lasting = len(found.irreversible)
    without = f"; {lasting} without undo part" if lasting else ""
    if found.ok:
        yield page.style(f"Verified: {number} ({where}){without}.", "green")
        return
    failed = sum(bool(m.failures) for m in found.migrations)
    yield page.style(f"Not verified: {failed} of {number} failed ({where}){without}.", "red")
