"""An import in memory: a tool's files in, what became of them out."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from manticore_cockroachdb.importing.convert import Conversion
from manticore_cockroachdb.importing.model import Files, Options
from manticore_cockroachdb.importing.read import read_directory
from manticore_cockroachdb.importing.tools import reader_of


def files_of(texts: Mapping[str, str | bytes]) -> Files:
    """Files in memory; a text loses its common indentation."""
    data = {
        name: text if isinstance(text, bytes) else textwrap.dedent(text).lstrip("\n").encode()
        for name, text in texts.items()
    }
    return Files("old", data, data.__getitem__)


def imported(
    tool: str, texts: Mapping[str, str | bytes], *, partial: bool = False, **options: object
) -> Conversion:
    """What becomes of a tool's files. ``options`` are those of `Options`."""
    chosen = Options(**options)  # type: ignore[arg-type]
    return read_directory(files_of(texts), reader_of(tool), chosen, partial=partial)


def made(tool: str, texts: Mapping[str, str | bytes], **options: object) -> dict[str, str]:
    """The files that come out, by name; nothing may be refused."""
    found = imported(tool, texts, **options)
    assert not found.refused, found.refused
    return {one.name: one.text for one in found.files}


def refused(tool: str, texts: Mapping[str, str | bytes], **options: object) -> list[str]:
    """What is refused, as ``name:line: message``; then nothing may come out."""
    found = imported(tool, texts, **options)
    assert found.refused
    assert not found.files
    return [f"{one.name}:{one.line}: {one.message}" for one in found.refused]
