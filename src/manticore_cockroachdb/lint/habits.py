"""What is found again and again, said once.

Some rules are about how a team writes its migrations: whether it names its database, builds
indexes without blocking, sets a lock timeout. Where such a rule speaks in many files of a
directory, that is one decision and not many mistakes, so it is one finding: at the newest place,
with the number of the others, and with the line of configuration that settles it. Whatever rule
speaks many times in one file is said once for the file.

Pure, like all of `lint`. `LintConfig.every` leaves everything as it was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from .index import load
from .model import Finding

FILES, FEW, SHARE = 5, 3, 8
"""What a rule with ``habit`` finds is a habit in `FILES` files of a directory, or in `FEW` that
are one of `SHARE` of all its files."""
TIMES = 3
"""So many findings of one rule in one file are said together."""
# What is wrong with a file, or with an allowance, is different each time.
_APART = frozenset(("invalid-file", "refused", "unknown-allow", "unused-allow"))


def gathered(found: Mapping[int, Sequence[Finding]], files: int) -> dict[int, list[Finding]]:
    """The findings of one directory's files, by place of the file in order of version.

    ``files`` is how many there are, with those that are not reported on.
    """
    once = {place: _in_file(findings) for place, findings in found.items()}
    habits: dict[str, list[tuple[int, Finding]]] = {}
    for place, findings in once.items():
        for one in findings:
            if load(one.rule).rule.habit:
                habits.setdefault(one.rule, []).append((place, one))
    for told in habits.values():
        places = dict(reversed(told))
        if len(places) < FILES and (len(places) < FEW or len(places) * SHARE < files):
            continue
        newest = max(places)
        times = sum(one.times for _, one in told)
        said = _habit(places[newest], times, len(places))
        for place in places:
            once[place] = [one for one in once[place] if one.rule != said.rule]
        once[newest] = sorted([*once[newest], said], key=lambda one: one.start)
    return once


def _in_file(findings: Iterable[Finding]) -> list[Finding]:
    """Those of one file, with what is repeated said at its first place."""
    by_rule: dict[str, list[Finding]] = {}
    for one in findings:
        by_rule.setdefault(one.rule, []).append(one)
    kept: list[Finding] = []
    for rule, those in by_rule.items():
        if len(those) < TIMES or rule in _APART:
            kept += those
        else:
            gravest = max(those, key=lambda one: (one.level == "error", one.level == "warning"))
            more = f" So it is {len(those) - 1:,} more times in this file."
            kept.append(
                replace(gravest, message=gravest.message + more, times=len(those), fix=None)
            )
    return sorted(kept, key=lambda one: one.start)


def _habit(one: Finding, times: int, files: int) -> Finding:
    message = one.message.partition(" So it is ")[0]
    more = f" It is a habit here: {times:,} times in {files:,} files, of which this is the newest."
    settle = f'; if it is decided, [tool.manticore.lint.rules] {one.rule} = "off" settles it'
    return replace(
        one, message=message + more, help=one.help + settle, times=times, files=files, fix=None
    )
