"""Every rule: its file, its page, and the cases that it carries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from manticore_cockroachdb.dialect import capabilities, parse_target
from manticore_cockroachdb.errors import ConfigError
from manticore_cockroachdb.lint import Finding, Source, lint_files
from manticore_cockroachdb.lint.fix import fixed
from manticore_cockroachdb.lint.index import NAMES, load, suggestion
from manticore_cockroachdb.lint.model import Case, Rule

HERE = Path(__file__).parents[2]
RULES = HERE / "src/manticore_cockroachdb/lint/rules"
# Old and new ones of both engines.
TARGETS = (
    "cockroachdb:23.2",
    "cockroachdb:24.3",
    "cockroachdb:25.4",
    "cockroachdb:26.3",
    "postgresql:14",
    "postgresql:18",
)


def find(case: Case, target: str) -> tuple[Finding, ...]:
    files = [Source("m/1_before.sql", case.before, context=True)] if case.before else []
    return lint_files([*files, Source(f"m/{case.name}", case.sql)], target, facts=case.facts)


def targets(rule: Rule, case: Case) -> list[str]:
    if case.target is not None:
        return [case.target]
    return [t for t in TARGETS if rule.level(capabilities(parse_target(t))) is not None]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_bad_is_reported_and_what_is_ok_is_not(name: str) -> None:
    rule = load(name).rule
    assert rule.ok
    assert rule.bad
    for case in rule.bad:
        assert targets(rule, case)
        for target in targets(rule, case):
            rules = {one.rule for one in find(case, target)}
            assert name in rules, f"{target}: not reported: {case.sql}"
    for case in rule.ok:
        for target in targets(rule, case):
            rules = {one.rule for one in find(case, target)}
            assert name not in rules, f"{target}: reported: {case.sql}"


@pytest.mark.parametrize("name", NAMES)
def test_a_fix_mends_what_was_found_and_nothing_new_is_wrong(name: str) -> None:
    rule = load(name).rule
    for case in rule.bad:
        for target in targets(rule, case):
            found = find(case, target)
            own = [one for one in found if one.rule == name and one.fix is not None]
            if not own:
                continue
            text, done = fixed(case.sql, own)
            assert len(done) == len(own)
            after = find(Case(text, before=case.before, name=case.name, facts=case.facts), target)
            assert len([f for f in after if f.rule == name]) == len(
                [f for f in found if f.rule == name and f.fix is None]
            )
            before = {(one.rule, one.level) for one in found}
            fresh = {(f.rule, f.level) for f in after if f.level != "info"} - before
            assert not fresh, f"{target}: {fresh} after {text}"


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_is_one_small_file_that_says_all_of_it(name: str) -> None:
    rule = load(name).rule
    assert rule.name == name
    assert rule.cockroachdb or rule.postgresql
    text = (RULES / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
    assert text.count("\n") <= 120
    for said in (rule.summary, rule.problem, rule.solution, rule.help):
        assert said.strip()
    assert rule.summary.endswith(".")
    assert not rule.help.endswith(".")
    assert "```" in rule.solution or name in ("psql-command", "refused", *_TABLES)


_TABLES = ("unsupported-on-cockroachdb", "unsupported-on-postgresql", "unused-allow")


def test_every_file_is_a_rule_that_is_listed() -> None:
    files = {path.stem.replace("_", "-") for path in RULES.glob("[a-z]*.py")}
    assert files == set(NAMES)
    assert len(NAMES) == len(set(NAMES))


def solution(rule: Rule) -> list[str]:
    """The migrations that a solution consists of, oldest first."""
    blocks = [part.partition("```")[0] for part in rule.solution.split("```sql")[1:]]
    return ["\n".join(line.strip() for line in block.splitlines()) for block in blocks]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_solution_shows_is_understood_and_not_what_its_rule_reports(name: str) -> None:
    rule = load(name).rule
    files = [Source(f"m/{i}_change_it.sql", sql) for i, sql in enumerate(solution(rule), 1)]
    reported = False
    for target in targets(rule, Case("")):
        found = lint_files(files, target)
        assert not [one for one in found if one.rule in ("unparsed", "invalid-file", "refused")]
        reported = reported or any(one.rule == name for one in found)
    assert reported is (name in AT_A_BETTER_TIME)


# Their safe way is the same statement: alone, off-peak, after a look, or told more plainly.
AT_A_BETTER_TIME = {
    "add-unique",
    "alter-primary-key",
    "drop-enum-value",
    "drop-index",
    "index-backfill",
    "set-locality",
}


def test_a_name_that_is_none_is_an_error_that_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        load("drop_colum")
    assert caught.value.hint == "did you mean drop-column?"
    assert suggestion("qqqq") == "manticore lint --rules lists them"


def test_the_pages_are_those_that_the_rules_make() -> None:
    done = subprocess.run(
        [sys.executable, HERE / "tools/lintdocs.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, f"run python tools/lintdocs.py\n{done.stdout}{done.stderr}"
