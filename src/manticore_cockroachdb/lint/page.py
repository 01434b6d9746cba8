"""A rule's page of documentation, from its file: for docs/lint, ``--explain`` and SARIF."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import cleandoc
from itertools import chain

from ..dialect import STEPS, Server, capabilities
from ..parser.split import split
from .index import GROUPS, load
from .model import Case, Rule

_ENGINES = (("cockroachdb", "CockroachDB"), ("postgresql", "PostgreSQL"))
_LONG = 800


def page(rule: Rule) -> str:
    """The page as Markdown."""
    parts = [
        f"# {rule.name}",
        rule.summary,
        _table(("server", "level"), levels(rule)),
        "## The problem",
        cleandoc(rule.problem),
        "## The safe way",
        cleandoc(rule.solution),
        "## Reported",
        *_cases(rule.bad),
        "## Not reported",
        *_cases(rule.ok),
        "## If it is right here",
        f"```sql\n-- @allow {rule.name}: why\n```",
    ]
    if rule.name in GROUPS["Files and allowances"]:
        parts = parts[:-2]
    return "\n\n".join(parts) + "\n"


def levels(rule: Rule) -> list[tuple[str, str]]:
    """On which servers it looks, and its level there."""
    found: list[tuple[str, str]] = []
    for engine, title in _ENGINES:
        level = rule.cockroachdb if engine == "cockroachdb" else rule.postgresql
        if level is not None:
            found.append((title + (_since(rule) if engine == "cockroachdb" else ""), level))
    return found


def _since(rule: Rule) -> str:
    """`` from 26.1`` or `` before 25.1``, as the capabilities have it."""
    versions = [step.version for step in STEPS if step.engine == "cockroachdb"]
    applies = {
        version: rule.level(capabilities(Server("cockroachdb", version))) is not None
        for version in versions
    }
    if all(applies.values()):
        return ""
    first = next((v for v in versions if applies[v]), None)
    if first is not None and not applies[versions[0]]:
        return f" from {first[0]}.{first[1]}"
    last = next(v for v in versions if not applies[v])
    return f" before {last[0]}.{last[1]}"


def index_table() -> str:
    """Every rule with its levels and its summary, by group, as Markdown."""
    parts = []
    for title, names in GROUPS.items():
        rows = []
        for name in names:
            rule = load(name).rule
            link = f"[{name}]({name}.md)"
            rows.append((link, rule.cockroachdb or "", rule.postgresql or "", rule.summary))
        head = ("rule", "CockroachDB", "PostgreSQL", "says")
        parts += [f"### {title}", _table(head, rows)]
    return "\n\n".join(parts)


def _cases(cases: Iterable[Case]) -> list[str]:
    """Code blocks, those for one server or after another file under a line that says so."""
    return list(chain.from_iterable(_case(case) for case in cases))


def _case(case: Case) -> list[str]:
    notes = []
    if case.target is not None:
        notes.append(f"on {_title(case.target)}")
    if case.before:
        notes.append("after an older migration")
    if case.facts is not None:
        rows = [f"{name} with {count:,} rows" for name, count in case.facts.tables.items()]
        if case.facts.objects:
            rows.append(f"{case.facts.objects:,} objects")
        notes.append("where the server has " + " and ".join(rows))
    if case.name != Case.__dataclass_fields__["name"].default:
        notes.append(f"in `{case.name}`")
    note = ", ".join(notes)
    heading = [f"{note[:1].upper()}{note[1:]}:"] if note else []
    before = [_sql(case.before), "then:"] if case.before else []
    code = _python(case.sql) if case.name.endswith(".py") else _sql(case.sql)
    return [*heading, *before, code]


def _python(text: str) -> str:
    return f"```python\n{text.strip()}\n```"


def _title(target: str) -> str:
    engine, _, version = target.partition(":")
    return f"{dict(_ENGINES)[engine]} {version}"


def _sql(sql: str) -> str:
    sql = sql.strip().replace("\0", "\\0")
    if "\n" not in sql and "'never" not in sql:
        sql = "\n".join(f"{sql[start:end]};" for start, end in split(sql)) or sql
    if len(sql) > _LONG:
        sql = f"{sql[:_LONG].rpartition(' ')[0]} …"
    return f"```sql\n{sql}\n```"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)
