"""Carrying out the fixes of findings, as text."""

from __future__ import annotations

from collections.abc import Iterable

from .model import Edit, Finding


def fixed(text: str, findings: Iterable[Finding]) -> tuple[str, tuple[Finding, ...]]:
    """The text of a file with the fixes of its findings, and those that were carried out.

    A fix that overlaps an earlier one is left for another time.
    """
    done: list[Finding] = []
    edits: list[Edit] = []
    for finding in sorted(findings, key=lambda finding: finding.start):
        fix = finding.fix
        if fix is None or any(_overlap(one, other) for one in fix.edits for other in edits):
            continue
        done.append(finding)
        edits += [edit for edit in fix.edits if edit not in edits]
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text, tuple(done)


def _overlap(one: Edit, other: Edit) -> bool:
    if one == other:
        return False
    if one.start == one.end or other.start == other.end:
        return one.start <= other.end and other.start <= one.end
    return one.start < other.end and other.start < one.end
