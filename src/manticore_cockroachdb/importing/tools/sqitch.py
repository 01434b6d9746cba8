"""sqitch: ``sqitch.plan`` with ``deploy/x.sql``, ``revert/x.sql`` and ``verify/x.sql``.

Read in sqitch's documentation (sqitchchanges, sqitch-rework) and sources (App/Sqitch/Plan.pm). The
scripts are run by psql, so that commands and variables of psql may be in them; those are refused. A
change that was reworked stands in the plan twice, the old scripts as ``x@tag.sql``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

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
    described,
)

_PRAGMA = re.compile(r"%([\w-]+)\s*=\s*(.*)")
_SETTING = re.compile(r"[ \t]*(top_dir|\w+_dir|extension|plan_file)[ \t]*=[ \t]*(\S+)[ \t]*")
_CHANGE = re.compile(
    r"(?P<name>[^\s@\[]+)\s*(?:\[(?P<needs>[^\]]*)\])?\s*"
    r"(?P<when>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\s+(?P<who>[^<]*<[^>]*>)\s*(?:#\s*(?P<note>.*))?"
)
_PSQL = re.compile(
    r"^[ \t]*\\\w+|(?<![:\w]):(?:'\w+'|\"\w+\"|[A-Za-z_]\w*)(?![:\w]*:)", re.MULTILINE
)
_CODE = re.compile(
    r"(?P<kept>:'\w+')|'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|--[^\n]*|/\*.*?\*/", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class _Planned:
    name: str
    line: int
    note: str
    scripts: tuple[str, ...]  # what its files may be called: with a tag before its next rework


def read(files: Files, options: Options, found: Findings) -> list[Old]:
    """The changes, in the order of the plan."""
    shallow = sorted(files.names, key=lambda name: (name.count("/"), name))
    conf = next((n for n in shallow if n.rpartition("/")[2] == "sqitch.conf"), "")
    folder = conf.rpartition("/")[0]
    base = (f"{folder}/" if folder else "") + _top(files, conf, found)
    plan = f"{base}sqitch.plan"
    if plan not in files:
        plan = next((n for n in shallow if n.rpartition("/")[2] == "sqitch.plan"), "")
    if not plan:
        return []
    if not conf:
        base = plan.removesuffix("sqitch.plan")
    olds = []
    for number, one in enumerate(_planned(plan, found.text(files, plan), found), 1):
        script = next((s for s in one.scripts if f"{base}deploy/{s}.sql" in files), one.scripts[0])
        deploy, revert = f"{base}deploy/{script}.sql", f"{base}revert/{script}.sql"
        if deploy not in files:
            found.refuse(plan, one.line, f"the script {deploy} is not there")
            continue
        for name in (deploy, revert):
            if name in files:
                _check(files, name, found)
        if f"{base}verify/{script}.sql" in files:
            found.note(f"{base}verify/{script}.sql", None, "is a check, and was left")
        origin = tuple(name for name in (deploy, revert) if name in files)
        olds.append(
            Old(
                key=script,
                version=number,
                title=script,
                description=described(one.name, "change"),
                up=Part(found.text(files, deploy), deploy),
                down=Part(found.text(files, revert), revert) if revert in files else None,
                checksum=hashlib.sha1(files.data(deploy), usedforsecurity=False).hexdigest(),
                origin=origin,
                remarks=(f"was {script}" + (f": {one.note}" if one.note else ""),),
            )
        )
    return olds


def _top(files: Files, conf: str, found: Findings) -> str:
    """The folder that the scripts' folders are in, as the configuration says it."""
    top = ""
    for number, line in enumerate(found.text(files, conf).splitlines() if conf in files else (), 1):
        setting = _SETTING.fullmatch(line)
        if setting is None:
            continue
        if setting[1] == "top_dir":
            top = setting[2].strip("./")
        elif setting[1].endswith("_dir") or setting[1] in ("extension", "plan_file"):
            found.refuse(conf, number, f"the setting {setting[1]} is not understood here")
    return f"{top}/" if top else ""


def _planned(plan: str, text: str, found: Findings) -> list[_Planned]:
    """The changes of a plan. Of a reworked one, all but the newest have a tag in the names of their
    scripts, the last before the next rework or an earlier one (App::Sqitch::Plan::Change)."""
    changes: list[tuple[str, int, str]] = []
    tags: list[tuple[int, str]] = []  # how many changes stood before a tag
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#") or _PRAGMA.fullmatch(line):
            continue
        if line.startswith("@"):
            tags.append((len(changes), line.split()[0]))
            continue
        match = _CHANGE.match(line)
        if match is None:
            found.refuse(plan, number, f"{line[:60]!r} is no line of a plan")
            continue
        for need in (match["needs"] or "").split():
            if ":" in need:
                found.refuse(plan, number, f"depends on {need}, of another project")
        changes.append((match["name"], number, (match["note"] or "").strip()))
    result = []
    for i, (name, number, note) in enumerate(changes):
        later = next((j for j in range(i + 1, len(changes)) if changes[j][0] == name), None)
        scripts = [name]
        if later is not None:
            between = [(before, tag) for before, tag in tags if i < before <= later]
            if not between:
                found.refuse(plan, number, f"{name} is in the plan twice without a tag between")
            else:
                between.sort(key=lambda one: -one[0])
                scripts = [f"{name}{tag}" for _, tag in between]
        result.append(_Planned(name, number, note, tuple(scripts)))
    return result


def _check(files: Files, name: str, found: Findings) -> None:
    """Refuse commands and variables of psql."""
    text = found.text(files, name)
    bare = _CODE.sub(lambda m: m["kept"] or re.sub(r"[^\n]", " ", m[0]), text)
    for one in _PSQL.finditer(bare):
        line = text.count("\n", 0, one.start()) + 1
        found.refuse(name, line, f"{one[0].strip()} is for psql, which runs the script")


def _applied(rows: Rows, olds: Sequence[Old], found: Findings) -> list[Applied]:
    applied = []
    # A reworked change is there under its one name, told apart by what was run, then by its turn.
    known: dict[tuple[str, str], list[str]] = {}
    for old in olds:
        known.setdefault((old.key.partition("@")[0], old.checksum or ""), []).append(old.key)
    names = {name for name, _ in known}
    for row in rows:
        name, script = str(row["change"]), row["script_hash"]
        keys = known.get((name, script), [name])
        key = keys.pop(0) if len(keys) > 1 else keys[0]
        applied.append(Applied(key, row["committed_at"], str(row["committer_name"]), script))
        if name not in names:
            found.note("", None, f"{name} is applied, of the project {row['project']}")
    return applied


READER = Reader(
    "sqitch",
    read,
    Ledger(
        lambda table: (
            "SELECT change, project, script_hash, committed_at, committer_name"
            f" FROM {table} ORDER BY committed_at"
        ),
        _applied,
        tables=("changes",),
        schemas=("sqitch",),
    ),
    "sqitch.plan with deploy/ and revert/",
)
