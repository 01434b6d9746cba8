"""Liquibase, formatted SQL: change sets in files that begin with ``--liquibase formatted sql``.

Read in Liquibase's sources (FormattedSqlChangeLogParser, StringUtil) and documentation. Which
files, and in which order, the master changelog says: an XML, YAML or JSON file with ``include`` and
``includeAll``. Changes that are themselves XML, YAML or JSON are no SQL; ``liquibase update-sql``
prints theirs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from ..model import (
    Applied,
    Files,
    Findings,
    Ledger,
    Old,
    Options,
    Part,
    Reader,
    Rows,
    Values,
    described,
    whole_number,
)

_FIRST = re.compile(r"\s*--[ \t]*liquibase[ \t]+formatted[ \t]+sql", re.IGNORECASE)
_CHANGESET = re.compile(
    r"[ \t]*--[ \t]*changeset[ \t]+(\"[^\"]+\"|[^:]+):[ \t]*(\"[^\"]+\"|\S+)(.*)", re.IGNORECASE
)
_ATTRIBUTE = re.compile(r"(\w+):[ \t]*(\"[^\"]*\"|'[^']*'|\S+)")
_LINE = re.compile(
    r"[ \t]*--[ \t]*(rollback|comment|preconditions?(?:-[\w-]+)?|validCheckSums?|ignoreLines"
    r"|property|ignore)(?:[ \t:]+(.*)|)$",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"/\*[ \t]*liquibase[ \t]+rollback[ \t]*\r?\n(.*?)\*/", re.DOTALL | re.I)
_NO_ROLLBACK = re.compile(r"(?:empty|not[ \t]+required);?", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_PLAIN_CONTEXTS = re.compile(r"[\w.-]+(?:\s*,\s*[\w.-]+)*")
_DELIMITERS = {
    ";": None,
    "/": "/",
    "\\n/": "/",
    "\\n/\\s*\\n|\\n/\\s*$": "/",
    "go": "go",
    "\\ngo": "go",
}
_HARMLESS = frozenset(
    {
        "stripcomments",
        "splitstatements",
        "enddelimiter",
        "runintransaction",
        "logicalfilepath",
        "rollbacksplitstatements",
        "rollbackenddelimiter",
        "labels",
        "context",
        "contextfilter",
        "dbms",
        "created",
        "changesetid",
        "changesetauthor",
        "objectquotingstrategy",
        "rollbackpath",
    }
)
_OURS = ("postgresql", "cockroachdb", "cockroach", "all", "postgres")
_UPDATE_SQL = "let `liquibase update-sql` print its SQL, and make a formatted SQL change of it"


@dataclass(slots=True)
class _ChangeSet:
    name: str
    line: int
    author: str
    id: str
    attributes: Mapping[str, str]
    lines: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    back_line: int = 0


def read(files: Files, options: Options, found: Findings) -> list[Old]:
    """The change sets, in the order of the master changelog."""
    values = Values(options.variables)
    sets: list[_ChangeSet] = []
    for name in _in_order(files, found):
        sets += _change_sets(name, found.text(files, name), values, found)
    olds = []
    for one in sets:
        old = _old(one, values, found)
        if old is not None:
            olds.append(old)
    if isinstance(options.variables, Values):
        options.variables.used |= values.used
    return _distinct(olds, found)


def _distinct(olds: list[Old], found: Findings) -> list[Old]:
    seen: dict[str, Old] = {}
    for old in olds:
        if old.key in seen:
            found.refuse(
                old.up.name,
                old.up.line,
                f"the change set {old.key} is there twice",
            )
        seen[old.key] = old
    return list(seen.values())


# --- which files ---------------------------------------------------------------------------------


def _in_order(files: Files, found: Findings) -> list[str]:
    formatted = [n for n in files.names if n.endswith(".sql") and _FIRST.match(_start(files, n))]
    masters = [
        name
        for name in files.names
        if name.endswith((".xml", ".yaml", ".yml", ".json"))
        and b"databaseChangeLog" in files.data(name)
    ]
    included: dict[str, None] = {}
    inner: set[str] = set()
    includes = {name: list(_includes(files, name, found)) for name in masters}
    for name, targets in includes.items():
        for target in targets:
            inner.update(n for n in masters if n != name and _is(target, n))
    for name in masters:
        if name not in inner:
            _follow(files, name, includes, formatted, included, set())
    if not masters:
        if len(formatted) > 1:
            found.note("", None, "there is no master changelog, so the files are in order of name")
        return formatted
    for name in formatted:
        if name not in included:
            found.note(name, None, "is in no changelog, and was left")
    return list(included)


def _start(files: Files, name: str) -> str:
    return files.data(name)[:400].decode("utf-8-sig", "replace")


def _is(target: str, name: str) -> bool:
    """Whether an include means a file; where the search path begins is not known here."""
    target = target.removeprefix("classpath:").lstrip("./")
    return name == target or name.endswith(f"/{target}") or target.endswith(f"/{name}")


def _follow(
    files: Files,
    name: str,
    includes: Mapping[str, list[str]],
    formatted: Sequence[str],
    result: dict[str, None],
    above: set[str],
) -> None:
    for target in includes[name]:
        if target.endswith("/"):
            folder = target.removeprefix("classpath:").lstrip("./")
            for one in formatted:
                here = one.rpartition("/")[0] + "/"
                if here.endswith(f"/{folder}") or here == folder or folder.endswith(f"/{here}"):
                    result.setdefault(one)
            continue
        for one in includes:
            if _is(target, one) and one not in above:
                _follow(files, one, includes, formatted, result, above | {one})
        for one in formatted:
            if _is(target, one):
                result.setdefault(one)


def _includes(files: Files, name: str, found: Findings) -> Iterator[str]:
    """What a changelog includes; what it changes by itself is refused. A folder ends in ``/``."""
    text = found.text(files, name)
    if name.endswith(".xml"):
        yield from _includes_of_xml(name, text, found)
    elif name.endswith(".json"):
        try:
            data = json.loads(text)
        except ValueError as error:
            found.refuse(name, None, f"is no JSON: {error}")
            return
        yield from _includes_of_data(name, data.get("databaseChangeLog", []), found)
    else:
        yield from _includes_of_yaml(name, text, found)


def _includes_of_xml(name: str, text: str, found: Findings) -> Iterator[str]:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        found.refuse(name, None, "defines entities, which is not read")
        return
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        found.refuse(name, error.position[0], f"is no XML: {error}")
        return
    for element in root:
        tag = element.tag.rpartition("}")[2]
        if tag == "include":
            yield element.get("file", "")
        elif tag == "includeAll":
            yield element.get("path", "").rstrip("/") + "/"
        elif tag not in ("property", "preConditions"):
            label = element.get("id")
            line = _line_of(text, f'id="{label}"') if label else None
            found.refuse(name, line, f"holds a {tag} in XML", _UPDATE_SQL)


def _includes_of_data(name: str, entries: Any, found: Findings) -> Iterator[str]:
    for entry in entries if isinstance(entries, list) else []:
        for tag, value in entry.items() if isinstance(entry, dict) else ():
            if tag == "include":
                yield str(value.get("file", ""))
            elif tag == "includeAll":
                yield str(value.get("path", "")).rstrip("/") + "/"
            elif tag not in ("property", "preConditions"):
                found.refuse(name, None, f"holds a {tag} in JSON", _UPDATE_SQL)


def _includes_of_yaml(name: str, text: str, found: Findings) -> Iterator[str]:
    """Includes are simple enough in YAML to be read line by line; all else is refused."""
    tag = ""
    for number, line in enumerate(text.splitlines(), 1):
        if entry := re.match(r"\s*-\s+(\w+)\s*:\s*(.*)$", line):
            tag = entry[1]
            if tag not in ("include", "includeAll", "property", "preConditions", "file", "path"):
                found.refuse(name, number, f"holds a {tag} in YAML", _UPDATE_SQL)
                return
            line = entry[2]
            if tag in ("include", "includeAll") and line.startswith("{"):
                line = line.strip("{} ")
        if tag == "include" and (one := re.match(r"\s*file\s*:\s*['\"]?([^'\",}]+)", line)):
            yield one[1].strip()
        if tag == "includeAll" and (one := re.match(r"\s*path\s*:\s*['\"]?([^'\",}]+)", line)):
            yield one[1].strip().rstrip("/") + "/"


def _line_of(text: str, wanted: str) -> int | None:
    at = text.find(wanted)
    return None if at < 0 else text.count("\n", 0, at) + 1


# --- change sets ---------------------------------------------------------------------------------


def _change_sets(name: str, text: str, values: dict[str, str], found: Findings) -> list[_ChangeSet]:
    sets: list[_ChangeSet] = []
    # A rollback in a block comment becomes lines of its own, at their places.
    text = _BLOCK.sub(
        lambda block: (
            "--rollback \n" + "\n".join(f"--rollback {line}" for line in block[1].splitlines())
        ),
        text,
    )
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if started := _CHANGESET.fullmatch(line):
            attributes = {
                key.lower(): value.strip("\"'") for key, value in _ATTRIBUTE.findall(started[3])
            }
            sets.append(
                _ChangeSet(name, number, started[1].strip('" '), started[2].strip('"'), attributes)
            )
            continue
        special = _LINE.fullmatch(line)
        if special is None:
            if sets:
                sets[-1].lines.append(line)
            elif line.strip() and not line.strip().startswith("--"):
                found.refuse(name, number, "has SQL before its first change set")
            continue
        word, rest = special[1].lower(), (special[2] or "").strip()
        if word == "property":
            given = {key.lower(): value.strip("\"'") for key, value in _ATTRIBUTE.findall(rest)}
            if "context" in given or "dbms" in given:
                found.refuse(name, number, "a property for some contexts or servers only")
            values.setdefault(given.get("name", ""), given.get("value", ""))
            continue
        if not sets:
            continue
        sets[-1].lines.append("")
        if word == "rollback":
            sets[-1].back_line = sets[-1].back_line or number
            sets[-1].back.append(special[2] or "")
        elif word.startswith("precondition"):
            found.refuse(name, number, "has preconditions, and ours has none")
        elif word == "ignorelines":
            found.refuse(name, number, "leaves lines out, which only Liquibase does")
    return sets


def _old(one: _ChangeSet, values: Mapping[str, str], found: Findings) -> Old | None:
    name, line, given = one.name, one.line, one.attributes

    def refuse(message: str, hint: str | None = None) -> None:
        found.refuse(name, line, f"{one.author}:{one.id} {message}", hint)

    servers = [word.strip().lower() for word in given.get("dbms", "all").split(",")]
    if not any(word in _OURS for word in servers) and not all(w.startswith("!") for w in servers):
        found.note(name, line, f"{one.author}:{one.id} is for {given['dbms']} only, and was left")
        return None
    if any(f"!{server}" in servers for server in _OURS):
        refuse("is not for one of the two servers")
    if given.get("runalways", "").lower() == "true":
        refuse("runs every time, and a migration of ours runs once")
    if given.get("runonchange", "").lower() == "true":
        refuse(
            "runs again whenever it changes, and a migration of ours runs once",
            "make an ordinary change set of it, and of each later change a new one",
        )
    if given.get("failonerror", "true").lower() == "false":
        refuse("goes on when it fails, and ours does not")
    for key in given:
        if key not in _HARMLESS and key not in ("runalways", "runonchange", "failonerror"):
            refuse(f"has the attribute {key}, which has nothing like it here")
    contexts = given.get("contextfilter", given.get("context", ""))
    if contexts and not _PLAIN_CONTEXTS.fullmatch(contexts):
        refuse(f"is for the contexts {contexts!r}; ours are a plain list of environments")
    if given.get("labels"):
        found.note(name, line, f"the labels {given['labels']} of {one.id} are left out")
    delimiter = given.get("enddelimiter", ";").lower()
    if delimiter not in _DELIMITERS:
        refuse(f"ends its statements with {delimiter!r}")
    up = _filled("\n".join(one.lines), values, name, line, found)
    mark = _DELIMITERS.get(delimiter)
    if mark is not None:
        up = re.sub(rf"(?im)^[ \t]*{mark}[ \t]*$", ";", up)
    down = "\n".join(one.back).strip()
    if re.match(r"changesetid\s*:", down, re.IGNORECASE):
        found.refuse(name, one.back_line, "its way back is another change set")
    if _NO_ROLLBACK.fullmatch(down):
        down = ""
    return Old(
        key=f"{one.author}:{one.id}",
        version=whole_number(one.id),
        title=f"{one.author}:{one.id}",
        description=described(re.sub(r"^\d+[_-]*", "", one.id), "change"),
        up=Part(up, name, line + 1),
        down=Part(_filled(down, values, name, one.back_line, found), name, one.back_line)
        if down
        else None,
        transaction=False if given.get("runintransaction", "").lower() == "false" else None,
        environments=tuple(word.strip() for word in contexts.split(",")) if contexts else (),
        origin=(name,),
    )


def _filled(text: str, values: Mapping[str, str], name: str, line: int, found: Findings) -> str:
    """The text with its properties; Liquibase leaves unknown ones as they are."""

    def value(match: re.Match[str]) -> str:
        if match[1] in values:
            found.note(name, line, f"{match[0]} is {values[match[1]]!r} for good now")
            return values[match[1]]
        found.note(name, line, f"{match[0]} has no value, and stays as it is")
        return match[0]

    return _PLACEHOLDER.sub(value, text)


def _applied(rows: Rows, olds: Sequence[Old], found: Findings) -> list[Applied]:
    paths = {old.key: old.origin[0] for old in olds}
    applied = []
    for row in rows:
        key = f"{row['author']}:{row['id']}"
        kind = str(row["exectype"])
        if kind not in ("EXECUTED", "RERAN", "MARK_RAN"):
            continue
        if kind == "MARK_RAN":
            found.note("", None, f"{key} was marked as run, not run")
        there = str(row["filename"])
        if key in paths and not _is(there, paths[key]):
            found.note(paths[key], None, f"{key} was run as {there}")
        applied.append(Applied(key, row["at"]))
    return applied


READER = Reader(
    "liquibase",
    read,
    Ledger(
        lambda table: (
            "SELECT id, author, filename, exectype, dateexecuted::TIMESTAMPTZ AS at"
            f" FROM {table} ORDER BY orderexecuted, dateexecuted"
        ),
        _applied,
        tables=("databasechangelog", "databasechangeloglock"),
        held={"databasechangeloglock": "locked"},
    ),
    "SQL that begins with --liquibase formatted sql",
)
