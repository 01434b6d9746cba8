"""Findings for other programs: JSON's plain values, SARIF 2.1.0 and GitHub's annotations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from inspect import cleandoc
from typing import TypeAlias
from urllib.parse import quote

from .._version import __version__
from ..parser.split import line_column
from .index import load
from .model import Finding, Level
from .page import page

Json: TypeAlias = Mapping[str, "Json"] | Sequence["Json"] | str | int | bool | None

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_SARIF_LEVELS: dict[Level, str] = {"error": "error", "warning": "warning", "info": "note"}
_GITHUB_LEVELS: dict[Level, str] = {"error": "error", "warning": "warning", "info": "notice"}


def plain(findings: Iterable[Finding]) -> list[dict[str, Json]]:
    """Each finding as an object with rule, level, message, path, line, column and help; for one
    that is said for several, also how many ``times`` and in how many ``files`` it was found."""
    return [
        {
            "rule": one.rule,
            "level": one.level,
            "message": one.message,
            "path": one.path,
            "line": one.line,
            "column": one.column,
            "help": one.help,
            **({} if one.times == 1 else {"times": one.times, "files": one.files}),
        }
        for one in findings
    ]


def sarif(findings: Sequence[Finding], texts: Mapping[str, str]) -> dict[str, Json]:
    """A SARIF log with one run. ``texts`` are the files by path, for the places of fixes."""
    names = sorted({one.rule for one in findings})
    return {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "manticore lint",
                        "version": __version__,
                        "rules": [_sarif_rule(name) for name in names],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(one, names, texts) for one in findings],
            }
        ],
    }


def _sarif_rule(name: str) -> dict[str, Json]:
    rule = load(name).rule
    return {
        "id": name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": " ".join(cleandoc(rule.problem).split())},
        "help": {"text": rule.help, "markdown": page(rule)},
        "defaultConfiguration": {
            "level": _SARIF_LEVELS[rule.cockroachdb or rule.postgresql or "warning"]
        },
    }


def _sarif_result(one: Finding, names: Sequence[str], texts: Mapping[str, str]) -> dict[str, Json]:
    location = {"uri": quote(one.path.replace("\\", "/"))}
    result: dict[str, Json] = {
        "ruleId": one.rule,
        "ruleIndex": names.index(one.rule),
        "level": _SARIF_LEVELS[one.level],
        "message": {"text": f"{one.message} {one.help[:1].upper()}{one.help[1:]}."},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": location,
                    "region": {"startLine": one.line, "startColumn": one.column},
                }
            }
        ],
    }
    if one.fix is not None and one.path in texts:
        text = texts[one.path]
        replacements: list[Json] = [
            {
                "deletedRegion": _region(text, edit.start, edit.end),
                "insertedContent": {"text": edit.text},
            }
            for edit in one.fix.edits
        ]
        change: Json = {"artifactLocation": location, "replacements": replacements}
        result["fixes"] = [{"description": {"text": one.fix.summary}, "artifactChanges": [change]}]
    return result


def _region(text: str, start: int, end: int) -> dict[str, Json]:
    line, column = line_column(text, start)
    end_line, end_column = line_column(text, end)
    return {
        "startLine": line,
        "startColumn": column,
        "endLine": end_line,
        "endColumn": end_column,
    }


def github(findings: Iterable[Finding]) -> list[str]:
    """A workflow command a finding, which GitHub Actions shows beside the line."""
    return [
        f"::{_GITHUB_LEVELS[one.level]} file={_property(one.path)},line={one.line},"
        f"col={one.column},title={_property(one.rule)}::{_data(f'{one.message} ({one.help})')}"
        for one in findings
    ]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
