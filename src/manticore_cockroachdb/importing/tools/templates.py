"""Go templates in SQL, as tern and pop have them: plain values are filled in, the rest is refused.

A template can do anything, and only its own tool renders it. What is no more than a name that
somebody gives a value for is the same in both.
"""

from __future__ import annotations

import re

from ..model import Findings, Options, Part

_ACTION = re.compile(r"\{\{(?:-\s)?\s*(.*?)\s*(?:\s-)?\}\}", re.DOTALL)
_VALUE = re.compile(r"\.(\w+)|index\s+\.\w+\s+\"([^\"]+)\"")


def rendered(part: Part, options: Options, found: Findings) -> Part:
    """The part with the values that somebody gave; anything else is refused with its line."""

    def value(match: re.Match[str]) -> str:
        line = part.line_of(match.start())
        plain = _VALUE.fullmatch(match[1])
        key = plain and (plain[1] or plain[2])
        if key and key in options.variables and match[0][2] != "-" and match[0][-3] != "-":
            found.note(part.name, line, f"{match[0]} is {options.variables[key]!r} for good now")
            return options.variables[key]
        hint = f"give it a value: --var {key}=VALUE" if key else None
        found.refuse(
            part.name, line, f"{match[0]} is a Go template, which only the old tool renders", hint
        )
        return match[0]

    text = _ACTION.sub(value, part.text)
    return Part(text, part.name, part.line, part.sent)
