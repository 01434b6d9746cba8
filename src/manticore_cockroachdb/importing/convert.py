"""From a tool's migrations to our files, each proven against what the tool would have sent.

Three things are changed, and each is said:

* comments that we would take for directives (``-- @word``) or another tool's markers become
  ``-- (was) …``;
* a ``BEGIN`` and ``COMMIT`` around the whole of a part goes, since a migration of ours has a
  transaction anyway, and so does a ``COMMIT`` at the end that nothing opened; any other statement
  about transactions is refused, because it would not mean the same;
* a part without a statement, and a way back that says only ``SELECT 1``, is no undo part; a way
  forward without one becomes ``SELECT 1``, so that the version stays.

The rest is the proof. The statements of the file that was made are read back and compared, byte by
byte, with those that the tool would send. Where the two cut the text differently, at a marker in a
string for example, the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ..dialect import Server, capabilities
from ..errors import FileError, Refused
from ..migrations import foreign
from ..migrations.file import MigrationFile, file_name, parse_file, render, statements
from ..migrations.plan import plan_script
from ..migrations.repeatable import Repeatable
from ..migrations.script import script_of
from ..parser.nodes import TransactionControl
from ..parser.parse import parse
from ..parser.split import Unterminated, directives, split
from .model import Finding, Findings, Old, Part

EMPTY = "SELECT 1;"
BASELINE = "baseline"
_CONTROL = re.compile(
    r"(?:begin|start|commit|end|rollback|abort|prepare)\b(?!\s*\()", re.IGNORECASE
)
_OPENS = re.compile(r"begin(?:\s+(?:transaction|work))?|start\s+transaction", re.IGNORECASE)
_CLOSES = re.compile(r"(?:commit|end)(?:\s+(?:transaction|work))?", re.IGNORECASE)
_NOTHING = re.compile(r"select\s+1", re.IGNORECASE)
# Both engines, as new as we know them: what neither takes is no migration anywhere.
_SERVERS = (Server("postgresql", (18, 0)), Server("cockroachdb", (26, 1)))


@dataclass(frozen=True, slots=True)
class Converted:
    """A file of ours, not yet written, and what it was."""

    name: str
    text: str
    file: MigrationFile
    old: Old


@dataclass(frozen=True, slots=True)
class Conversion:
    """All that became of a directory. ``refused`` is empty when everything was carried over.

    ``files`` are those before the first refusal where somebody asked for that part.
    """

    tool: str
    files: tuple[Converted, ...]
    refused: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    repeatable: tuple[Repeatable, ...] = ()

    def renamed(self) -> list[dict[str, object]]:
        """The table of old names to new ones, for programs."""
        return [
            {
                "was": one.old.key,
                "from": list(one.old.origin),
                "version": one.file.version,
                "file": one.name,
            }
            for one in self.files
        ]


def convert(
    tool: str, olds: Sequence[Old], found: Findings, *, partial: bool = False
) -> Conversion:
    """Our files for a tool's migrations, which are in its order.

    With ``partial`` those before the first refusal; otherwise all or none.
    """
    olds = numbered(olds, found)
    made: list[Converted] = []
    stopped = False
    for old in olds:
        known = {one.name for one in found.refused}
        if known.intersection(old.origin):
            stopped = True
            continue
        before = len(found.refused)
        one = _converted(old, found)
        if one is None or len(found.refused) > before:
            stopped = True
        elif not stopped:
            made.append(one)
    # What is refused without being a migration of its own (a program, a seed) stops everything.
    strays = {one.name for one in found.refused} - {n for old in olds for n in old.origin}
    whole = not found.refused
    files = made if whole or (partial and not strays) else []
    repeatable = found.repeatable if files or whole else []
    return Conversion(
        tool, tuple(files), tuple(found.refused), tuple(found.notes), tuple(repeatable)
    )


def numbered(olds: Sequence[Old], found: Findings) -> list[Old]:
    """The migrations with versions that rise in the tool's order.

    Those that they have, if they do; else 1, 2, 3, each with its old name in a remark.
    """
    versions = [old.version for old in olds]
    if all(version is not None for version in versions) and all(
        one < two for one, two in pairwise(v for v in versions if v is not None)
    ):
        return list(olds)
    if olds:
        found.note(
            "",
            None,
            "the old names are no numbers that rise in the old order, so the files are numbered"
            f" from 1 to {len(olds)}; each says in its first line what it was",
        )
    return [
        replace(old, version=number, remarks=old.remarks or (f"was {old.title}",))
        for number, old in enumerate(olds, 1)
    ]


def with_baseline(
    tool: str,
    olds: Sequence[Old],
    found: Findings,
    applied: Collection[str],
    version: int,
    sql: str,
) -> Conversion:
    """One file with ``sql``, the schema as it is, for all that is applied; then what is not.

    What stands in the way of files that are applied does not matter then. What is no migration of
    its own, such as a repeatable one, is in the schema as it is, and only said.
    """
    left = [old for old in olds if old.key not in applied]
    theirs = {name for old in left for name in old.origin}
    ours = Findings()
    ours.notes += found.notes
    ours.repeatable += found.repeatable
    for one in found.refused:
        if not one.name or one.name in theirs:
            ours.refused.append(one)
        else:
            ours.notes.append(
                Finding(one.name, one.line, f"is only in the baseline: {one.message}")
            )
    part = Part(sql, "baseline")
    first = Old(BASELINE, version, BASELINE, "baseline", part, origin=(BASELINE,))
    for old in left:
        if old.version is not None and old.version <= version:
            ours.refuse(
                old.origin[0],
                None,
                f"is not applied, and its version is not above that of the baseline, {version}",
                "name a version between the newest that is applied and the oldest that is not",
            )
    if any(old.version is None for old in left):
        left = [
            replace(old, version=version + number, remarks=old.remarks or (f"was {old.title}",))
            for number, old in enumerate(left, 1)
        ]
    return convert(tool, [first, *left], ours)


# --- one file ------------------------------------------------------------------------------------


def _converted(old: Old, found: Findings) -> Converted | None:
    assert old.version is not None
    up = _part(old, old.up, found)
    down = None if old.down is None else _part(old, old.down, found)
    if up is None or (old.down is not None and down is None):
        return None
    up_text, wrapped = up
    down_text = "" if down is None else down[0]
    if not _has_statement(up_text):
        found.note(old.up.name, None, "has no statement to go forward with; it became SELECT 1")
        up_text = f"{up_text.rstrip()}\n{EMPTY}\n".lstrip("\n")
    if down is not None and not _goes_back(down_text):
        down_text = ""
    head = [f"-- {_one_line(remark)}" for remark in old.remarks]
    if old.transaction is False and not wrapped:
        head.append("-- @transaction off")
    if old.environments:
        head.append(f"-- @environments {', '.join(old.environments)}")
    if head or old.before:
        up_text = "".join(f"{line}\n" for line in head) + old.before + up_text.lstrip("\n")
    try:
        name = file_name(old.version, old.description)
    except FileError as error:
        found.refuse(old.up.name, None, error.message, error.hint)
        return None
    text = _neutral(name, render(up_text, down_text or None), old, found)
    return _proven(name, text, old, (up_text, down_text), found)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _has_statement(text: str) -> bool:
    return next(split(text), None) is not None


def _goes_back(text: str) -> bool:
    spans = list(split(text))
    if len(spans) == 1:
        start, end = spans[0]
        return _NOTHING.fullmatch(text[start:end]) is None
    return bool(spans)


def _part(old: Old, part: Part, found: Findings) -> tuple[str, bool] | None:
    """A part as ours will have it, and whether a transaction of its own was taken off.

    None when it is refused.
    """
    text = part.text
    nul = text.find("\0")
    if nul >= 0:
        found.refuse(part.name, part.line_of(nul), "holds the character NUL")
        return None
    try:
        spans = list(split(text))
        if part.sent is not None and not _same_cut(part, spans, found):
            return None
        marks = directives(text)
    except Unterminated as error:
        found.refuse(
            part.name,
            part.line_of(error.offset),
            f"a {error.kind} that begins here does not end in this part",
            "is a marker of the old tool inside of it? the old tool cuts there all the same",
        )
        return None
    if spans and not _spells_sql(part, spans, found):
        return None
    bare = _unwrapped(part, spans, found)
    if bare is None or not marks:
        return bare
    return _without_directives(bare[0], part, found), bare[1]


def _spells_sql(part: Part, spans: Sequence[tuple[int, int]], found: Findings) -> bool:
    """Refuse lines for psql here, where the place in the old file is known."""
    for start, _ in spans:
        if part.text[start] == "\\":
            found.refuse(
                part.name,
                part.line_of(start),
                "a line that begins with a backslash is for psql, not SQL",
                "put the SQL that it stands for into the file",
            )
            return False
    return True


def _same_cut(part: Part, spans: Sequence[tuple[int, int]], found: Findings) -> bool:
    """Whether the tool's statements are ours. Several of ours in one of the tool's are sent
    together by it, which is the same."""
    assert part.sent is not None
    ours = [part.text[start:end] for start, end in spans]
    theirs: list[str] = []
    for sent in part.sent:
        try:
            theirs += [sent[start:end] for start, end in split(sent)]
        except Unterminated:
            theirs.append(sent)
    if ours == theirs:
        return True
    same = 0
    while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
        same += 1
    where = spans[same][0] if same < len(spans) else (spans[-1][1] if spans else 0)
    found.refuse(
        part.name,
        part.line_of(where),
        "the old tool cuts the statements here otherwise than a server would read them",
        "what it sends is not what the file seems to say; correct the file, or leave it out",
    )
    return False


def _unwrapped(
    part: Part, spans: list[tuple[int, int]], found: Findings
) -> tuple[str, bool] | None:
    """The text without a transaction around all of it, and whether there was one; None when another
    one is in it."""
    text = part.text
    opened, closed = _frame([text[start:end] for start, end in spans])
    for start, end in spans[opened : len(spans) - closed]:
        if _CONTROL.match(text, start) and isinstance(parse(text[start:end]), TransactionControl):
            verb = _words(text, (start, end)).split()[0].upper()
            found.refuse(
                part.name,
                part.line_of(start),
                f"{verb} stands neither first nor last, so this part is not one transaction",
                "make several migrations of it, one for each transaction",
            )
            return None
    if not closed:
        return text, False
    last, last_end = spans[-1]
    if not opened:
        found.note(
            part.name, part.line_of(last), "the COMMIT at the end, which nothing opened, went"
        )
        return text[:last] + _after_semicolon(text, last_end, len(text)), False
    found.note(
        part.name, part.line_of(spans[0][0]), "the BEGIN and COMMIT around the whole part went"
    )
    first, first_end = spans[0]
    return (
        text[:first]
        + _after_semicolon(text, first_end, last)
        + _after_semicolon(text, last_end, len(text)),
        True,
    )


def _frame(statements: Sequence[str]) -> tuple[int, int]:
    """How many statements at the beginning and the end only frame the others: a transaction around
    all of them, or a COMMIT at the end that nothing opened, where the tool itself begins one."""
    ends = bool(statements) and _CLOSES.fullmatch(" ".join(statements[-1].split())) is not None
    begins = len(statements) > 1 and _OPENS.fullmatch(" ".join(statements[0].split())) is not None
    return int(begins and ends), int(ends)


def _words(text: str, span: tuple[int, int]) -> str:
    return " ".join(text[slice(*span)].split())


def _after_semicolon(text: str, start: int, end: int) -> str:
    """What follows the `;` of a statement that ended at ``start``, up to ``end``."""
    rest = text[start:end]
    stripped = rest.lstrip()
    return stripped.removeprefix(";").lstrip(" \t") if stripped.startswith(";") else rest


def _without_directives(text: str, part: Part, found: Findings) -> str:
    """Comments of another tool's that we would take for directives, made plain comments."""
    for one in reversed(directives(text)):
        inside = text[one.start + 2 : one.end].strip()
        found.note(
            part.name, None, f"the comment -- @{one.name} would be a directive; it is -- (was) now"
        )
        text = f"{text[: one.start]}-- (was) {inside}{text[one.end :]}"
    return text


def _neutral(name: str, text: str, old: Old, found: Findings) -> str:
    """The text without comments that would be another tool's markers to us."""
    while True:
        undo = next((one.start for one in directives(text) if one.name == "undo"), None)
        trace = foreign.in_file(name, text, undo)
        if trace is None or trace.marker is None:
            return text
        found.note(old.up.name, None, f"the comment {trace.marker} is -- (was) … now")
        rest = text[trace.start + 2 :].lstrip(" \t")
        text = f"{text[: trace.start]}-- (was) {rest}"


# --- the proof -----------------------------------------------------------------------------------


def _proven(
    name: str, text: str, old: Old, parts: tuple[str, str], found: Findings
) -> Converted | None:
    """The file, read back and compared with what it was made of; None when it is refused."""
    try:
        file = parse_file(name, text, name)
        forward, back = statements(file), statements(file, down=True)
    except FileError as error:
        found.refuse(old.up.name, None, f"{error.message} (in the file that it became)", error.hint)
        return None
    expected = _texts(old.before, split(old.before))
    expected += _statements_of(old.up, (EMPTY.removesuffix(";"),))
    undone = () if old.down is None or not parts[1] else _statements_of(old.down, ())
    if _texts(text, forward) != expected or _texts(text, back) != undone:
        found.refuse(old.up.name, None, "the file that it became would not send the same")
        return None
    if (refusal := _refused_everywhere(file)) is not None:
        line = _line_in(old.up, text, refusal)
        found.refuse(old.up.name, line, refusal.message, refusal.hint)
        return None
    return Converted(name, text, file, old)


def _texts(text: str, spans: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    return tuple(text[start:end] for start, end in spans)


def _statements_of(part: Part, empty: tuple[str, ...]) -> tuple[str, ...]:
    """What the tool sends of a part, without a transaction around all of it."""
    sent = _texts(part.text, split(part.text))
    opened, closed = _frame(sent)
    return sent[opened : len(sent) - closed] or empty


def _refused_everywhere(file: MigrationFile) -> Refused | None:
    """Why neither engine could run a file; None if one can."""
    refusal: Refused | None = None
    for server in _SERVERS:
        try:
            plan_script(script_of(file), capabilities(server))
        except Refused as error:
            refusal = refusal or error
        else:
            return None
    return refusal


def _line_in(part: Part, text: str, refusal: Refused) -> int | None:
    """Where a line of the new file is in the old one, if it is there as it was."""
    if refusal.line is None:
        return None
    lines = text.split("\n")
    wanted = lines[refusal.line - 1] if refusal.line <= len(lines) else ""
    at = part.text.find(wanted) if wanted.strip() else -1
    return None if at < 0 else part.line_of(at)
