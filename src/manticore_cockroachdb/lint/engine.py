"""lint_files: files in, findings out. Pure.

    files -> in order of version within a directory -> statements, catalog -> each rule's check
          -> levels (configuration, a server's facts) -> allowances -> findings

An allowance before the first statement is for the whole file; any other is for the statement that
it stands in or before. It covers the findings that start there. One that covers nothing is stale,
unless its rule did not look: for another target, or turned off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ..analysis.catalog import SimulatedCatalog
from ..dialect import Server, capabilities, parse_target
from .baseline import known
from .config import LintConfig
from .context import Context
from .habits import gathered
from .index import Loaded, load_all
from .model import SMALL, Finding, ServerFacts
from .read import Allow, LintedFile, Source, Text, day_of, directory_of, read_file, version_of

LARGE = 100_000
# Allowances themselves, and files that cannot be read: nothing can allow these.
UNREAD = ("invalid-file", "foreign-file")  # the rules about files that cannot be read
UNALLOWABLE = frozenset(("invalid-file", "allow-without-reason", "unknown-allow", "unused-allow"))


def lint_files(
    files: Iterable[Text],
    target: Server | str | None = None,
    config: LintConfig | None = None,
    facts: ServerFacts | None = None,
) -> tuple[Finding, ...]:
    """What the rules find, in order of file and place.

    ``target`` is the server that the files are meant for, else that of ``config``. Files in one
    directory are read in order of version, so that a younger one knows what an older one made;
    a `Source` with ``context`` is read but not reported on. ``facts`` are what a server of that
    kind says. Raises ConfigError for a target that is none.
    """
    config = config or LintConfig()
    server = parse_target(target) if isinstance(target, str) else target or config.server
    caps = capabilities(server)
    loaded = [one for one in load_all(config.names) if one.rule.level(caps) is not None]
    given = list(files)
    found: dict[int, list[Finding]] = {}
    for group in _directories(given):
        inside: dict[int, list[Finding]] = {}
        catalog = SimulatedCatalog()
        versions: dict[int, str] = {}
        day, first = None, 1
        for order, place in enumerate(group):
            source = given[place]
            today = day_of(version_of(source.path))
            if today is None or today != day:
                day, first = today, catalog.stamp
            file = read_file(source, catalog, first, caps.longest_name)
            twin = None if file.version is None else versions.get(file.version)
            if file.version is not None:
                versions.setdefault(file.version, file.path)
            if _reported(source, file, config, facts):
                context = Context(file, catalog, server, caps, facts, twin)
                inside[order] = list(_lint(context, loaded, config))
        if config.known:
            for order, those in inside.items():
                inside[order] = [one for one in those if known(one) not in config.known]
        told = inside if config.every else gathered(inside, len(group))
        found |= {group[order]: findings for order, findings in told.items()}
    return tuple(one for place in sorted(found) for one in found[place])


def _directories(files: Sequence[Text]) -> Iterable[list[int]]:
    """The places of the files of each directory, in order of version; then what is beside the
    migrations, which may work on all that they make."""
    groups: dict[str, list[int]] = {}
    beside: set[int] = set()
    for place, file in enumerate(files):
        home = directory_of(file.path)
        if isinstance(file, Source) and file.role != "migration" and file.home is not None:
            home = file.home.replace("\\", "/")
            beside.add(place)
        groups.setdefault(home, []).append(place)
    for group in groups.values():
        versions = {place: version_of(files[place].path) for place in group}
        yield sorted(group, key=lambda place: (place in beside, versions[place] or 0, place))


def _reported(
    source: Text, file: LintedFile, config: LintConfig, facts: ServerFacts | None
) -> bool:
    if isinstance(source, Source) and source.context:
        return False
    if file.version is None:
        return True
    return file.version >= config.since and not (facts and file.version in facts.applied)


def _lint(context: Context, loaded: Sequence[Loaded], config: LintConfig) -> Iterator[Finding]:
    """Every finding of one file that is not allowed, in order."""
    kept: list[Finding] = []
    used: set[Allow] = set()
    failed: set[int] = set()
    first = [one for one in loaded if not one.rule.fallback and one.rule.name != "unused-allow"]
    for one in (*first, *(one for one in loaded if one.rule.fallback)):
        if context.file.error is not None and one.rule.name not in UNREAD:
            continue
        if one.rule.versioned and context.is_beside:
            continue
        for found in one.check(context):
            finding = _weighed(found, one, config, context.facts)
            if finding is None:
                continue
            place = _statement_at(context.file, finding.start)
            if one.rule.fallback and place in failed:
                continue
            allows = _covering(context.file, finding)
            used.update(allows)
            if not allows:
                kept.append(finding)
                if finding.level == "error":
                    failed.add(place)
    unused = [allow for allow in context.file.allows if allow not in used]
    closing = [one for one in loaded if one.rule.name == "unused-allow"] if unused else []
    for one in closing:
        looked = {other.rule.name for other in loaded if _looked(other, context, config)}
        stale = tuple(allow for allow in unused if allow.rule in looked)
        for found in one.check(replace(context, unused=stale)):
            if (finding := _weighed(found, one, config, None)) is not None:
                kept.append(finding)
    yield from sorted(kept, key=lambda finding: finding.start)


def _looked(one: Loaded, context: Context, config: LintConfig) -> bool:
    """Whether a rule would have found what there is: facts may have hidden it, or be off here."""
    off = config.level_of(one.rule, context.file.path) == "off"
    off = off or (one.rule.versioned and context.is_beside)
    return not off and not (context.facts is not None and one.rule.scales)


def _weighed(
    finding: Finding, one: Loaded, config: LintConfig, facts: ServerFacts | None
) -> Finding | None:
    """The finding at the level that configuration and the table's size give it, if it counts."""
    level = config.level_of(one.rule, finding.path)
    if level == "off":
        return None
    if level is not None:
        finding = replace(finding, level=level)
    rows = None if facts is None or finding.table is None else facts.tables.get(finding.table)
    if rows is None or not one.rule.scales:
        return finding
    if rows < SMALL:
        return None
    if rows >= LARGE and level is None and finding.level == "info":
        finding = replace(finding, level="warning")
    message = f"{finding.message} The table has about {rows:,} rows."
    return replace(finding, message=message)


def _statement_at(file: LintedFile, offset: int) -> int:
    """Which statement an offset is in or before; -1 for what concerns the file."""
    for i, statement in enumerate(file.statements):
        if offset < statement.end:
            return i if i or offset >= statement.start else -1
    return len(file.statements)


def _covering(file: LintedFile, finding: Finding) -> list[Allow]:
    """The allowances that a finding has."""
    if finding.rule in UNALLOWABLE or not file.allows:
        return []
    place = _statement_at(file, finding.start)
    return [
        allow
        for allow in file.allows
        if allow.rule == finding.rule and _statement_at(file, allow.start) in (-1, place)
    ]
