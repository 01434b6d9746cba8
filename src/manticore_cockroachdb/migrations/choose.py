"""Which migrations a command is about, from files, history and journal alone.

`resolve` gives each version its state (`migrations.states`); `choose_up` and `choose_down` pick
from them what runs, or raise the one error that says what stands in the way. Nothing has been
run when they do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..errors import (
    ChangedFile,
    ConfigError,
    HistoryError,
    MissingFile,
    OutOfOrder,
    PartialMigration,
)
from .file import MAX_VERSION, MigrationFile
from .states import Move, Rule, State, VersionFacts, rule_for

if TYPE_CHECKING:
    from .results import JournalRow, Problem


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the history says of one version."""

    version: int
    description: str
    checksum: str | None


@dataclass(frozen=True, slots=True)
class Allowances:
    """What a user has decided to let pass."""

    out_of_order: bool = False
    changed: bool = False
    missing: bool = False


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version with everything known of it."""

    version: int
    description: str
    file: MigrationFile | None
    row: Recorded | None
    rule: Rule

    @property
    def state(self) -> State:
        return self.rule.state


def resolve(
    files: Iterable[MigrationFile],
    rows: Iterable[Recorded],
    journal: Iterable[JournalRow],
    environment: str | None,
) -> tuple[VersionStatus, ...]:
    """The status of every version that a file, the history or the journal knows, in order."""
    by_file = {f.version: f for f in files}
    by_row = {r.version: r for r in rows}
    directions: dict[int, Literal["up", "down"]] = {j.version: j.direction for j in journal}
    newest = max(by_row, default=-1)
    found = []
    for version in sorted({*by_file, *by_row, *directions}):
        file, row = by_file.get(version), by_row.get(version)
        facts = VersionFacts(
            file=file is not None,
            row=row is not None,
            journal=directions.get(version),
            same=file is None
            or row is None
            or row.checksum is None
            or row.checksum == file.checksum,
            here=file is None or file.belongs_to(environment),
            newer_applied=version < newest,
        )
        description = file.description if file else row.description if row else ""
        found.append(VersionStatus(version, description, file, row, rule_for(facts)))
    return tuple(found)


def parse_version(value: int | str | None, what: str = "target version") -> int | None:
    """A version given as number or text. Raises ConfigError for anything else."""
    if value is None:
        return None
    try:
        version = int(value)
    except (TypeError, ValueError):
        version = -1
    if isinstance(value, bool | float) or not 0 <= version <= MAX_VERSION:
        raise ConfigError(
            f"The {what} {value!r} is not a version.",
            hint="a version is a whole number of at most 64 bits, such as 20230101120000",
        )
    return version


def _passes(state: State, allow: Allowances) -> bool:
    """Whether a user has decided to let this state pass."""
    return (
        (state is State.CHANGED and allow.changed)
        or (state is State.MISSING and allow.missing)
        or (state is State.OUT_OF_ORDER and allow.out_of_order)
    )


def choose_up(
    statuses: Sequence[VersionStatus], target: int | None, allow: Allowances
) -> tuple[MigrationFile, ...]:
    """What `migrate` runs, in order. Raises HistoryError or PartialMigration."""
    chosen = []
    for one in statuses:
        move = one.rule.on_migrate
        if move is Move.PASS:
            continue
        passes = _passes(one.state, allow)
        if move is Move.STOP and not passes:
            raise obstacle(one, statuses)
        due = target is None or one.version <= target
        runs = move in (Move.RUN, Move.RESUME) or (one.state is State.OUT_OF_ORDER and passes)
        if runs and due and one.file is not None:
            chosen.append(one.file)
    return tuple(chosen)


def choose_down(
    statuses: Sequence[VersionStatus], count: int, target: int | None
) -> tuple[VersionStatus, ...]:
    """What `rollback` reverts, newest first. Raises PartialMigration or HistoryError."""
    chosen: list[VersionStatus] = []
    for one in reversed(statuses):
        if one.rule.on_rollback is Move.STOP:
            raise obstacle(one, statuses)
        if one.row is None:
            continue
        if one.version <= target if target is not None else len(chosen) >= count:
            break
        chosen.append(one)
    return tuple(chosen)


def obstacle(
    one: VersionStatus, statuses: Sequence[VersionStatus]
) -> HistoryError | PartialMigration:
    """The error for a migration that stops a command."""
    version, path = one.version, one.file.path if one.file else None
    newest = max((s.version for s in statuses if s.row is not None), default=None)
    match one.state:
        case State.CHANGED:
            return ChangedFile(
                f"Migration {version} was changed after it was applied.",
                version=version,
                path=path,
                hint="undo the change and write a new migration; if the change means nothing,"
                f" `manticore repair {version}` accepts the file as it is",
            )
        case State.MISSING:
            return MissingFile(
                f"Migration {version} ({one.description}) is applied and has no file.",
                version=version,
                hint="bring the file back; or go on with --allow-missing (allow_missing=True),"
                f" as when an older image runs; or `manticore repair {version}` forgets it",
            )
        case State.OUT_OF_ORDER:
            return OutOfOrder(
                f"Migration {version} is pending, but the newer {newest} is already applied.",
                version=version,
                path=path,
                hint="give it a new version, or apply it out of order with --allow-out-of-order"
                " (allow_out_of_order=True)",
            )
        case State.REVERTING:
            return PartialMigration(
                f"The rollback of migration {version} stopped half way.",
                version=version,
                path=path,
                hint="run `manticore rollback` again to finish it",
            )
        case State.PARTIAL:
            return PartialMigration(
                f"Migration {version} stopped half way and is not applied.",
                version=version,
                path=path,
                hint="run `manticore migrate` again to finish it first",
            )
        case _:
            return PartialMigration(
                f"Migration {version} stopped half way and its file is gone.",
                version=version,
                hint=f"bring the file back, or `manticore repair {version} --not-applied`",
            )


def problems(statuses: Sequence[VersionStatus], allow: Allowances) -> tuple[Problem, ...]:
    """Everything that would stop `migrate`, for a status that shows it all at once."""
    from .results import Problem

    found = []
    for one in statuses:
        if one.rule.on_migrate is Move.STOP and not _passes(one.state, allow):
            error = obstacle(one, statuses)
            found.append(Problem(one.version, one.state, error.message, error.hint or ""))
    return tuple(found)
