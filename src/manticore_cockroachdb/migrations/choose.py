"""Which migrations a command is about, from files, history and journal alone.

`resolve` gives each version its state (`migrations.states`); `choose_up` and `choose_down` pick
from them what runs, or raise the one error that says what stands in the way. Nothing has been
run when they do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from ..errors import (
    ChangedFile,
    ConfigError,
    HistoryError,
    MissingFile,
    OutOfOrder,
    PartialMigration,
    UnknownVersion,
    raise_all,
)
from ..suggest import meant
from .file import MAX_VERSION, MigrationFile
from .states import Move, Rule, State, VersionFacts, rule_for

if TYPE_CHECKING:
    from .results import JournalRow, Problem
    from .squash import Cover


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the history says of one version."""

    version: int
    description: str
    checksum: str | None
    token: int | None = None
    applied_at: datetime | None = None

    def is_before(self, other: Recorded) -> bool:
        """Whether this was certainly applied before another: by an earlier run, and earlier.

        Within one run the order is that of the versions. A token alone can mislead, since they
        begin anew with a new lease table, and so can a clock.
        """
        if None in (self.token, other.token, self.applied_at, other.applied_at):
            return False
        assert self.token is not None and other.token is not None
        assert self.applied_at is not None and other.applied_at is not None
        return self.token < other.token and self.applied_at < other.applied_at


@dataclass(frozen=True, slots=True)
class Allowances:
    """What a user has decided to let pass."""

    out_of_order: bool = False
    changed: bool = False
    missing: bool = False


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version with everything known of it; `cover` where its file is a squash."""

    version: int
    description: str
    file: MigrationFile | None
    row: Recorded | None
    rule: Rule
    cover: Cover | None = None

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
    directions: dict[int, Literal["up", "down"]] = {
        j.version: j.direction
        for j in journal
        if j.version >= 0  # below are scripts that are no migrations
    }
    newest = max(by_row, default=-1)
    covers: dict[int, Cover] = {}
    squashed: frozenset[int] = frozenset()
    if squashes := [f for f in by_file.values() if f.squashes]:
        from .squash import cover, squashed_versions

        covers = {f.version: cover(f, by_row) for f in squashes}
        squashed = squashed.union(*map(squashed_versions, squashes))
    found = []
    for version in sorted({*by_file, *by_row, *directions}):
        file, row = by_file.get(version), by_row.get(version)
        has = covers.get(version)
        facts = VersionFacts(
            file=file is not None,
            row=row is not None,
            journal=directions.get(version),
            same=(
                file is None or row is None or row.checksum is None or row.checksum == file.checksum
            )
            if has is None
            else not has.changed,
            here=file is None or file.belongs_to(environment),
            newer_applied=version < newest,
            squashed=version in squashed,
            half=has is not None and has.has == "some",
        )
        description = file.description if file else row.description if row else ""
        found.append(VersionStatus(version, description, file, row, rule_for(facts), has))
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


def check_known(version: int, known: Iterable[int], directory: object) -> None:
    """Raise UnknownVersion for one that neither files nor history know, with the nearest.

    A version one digit short is a number too, and as a rollback's target it would revert
    everything.
    """
    versions = set(known)
    if version not in versions:
        raise UnknownVersion(
            f"No migration has version {version}.",
            path=str(directory),
            hint=meant(str(version), map(str, versions), otherwise="manticore status lists them"),
        )


def passes(state: State, allow: Allowances) -> bool:
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
    obstacles = []
    for one in statuses:
        move = one.rule.on_migrate
        if move is Move.PASS:
            continue
        passed = passes(one.state, allow)
        if move is Move.STOP and not passed:
            obstacles.append(obstacle(one, statuses))
        due = target is None or one.version <= target
        runs = move in (Move.RUN, Move.RESUME) or (one.state is State.OUT_OF_ORDER and passed)
        if runs and due and one.file is not None:
            chosen.append(one.file)
    raise_all(obstacles)
    if target is not None:
        for one in statuses:
            if one.row is None and one.file is not None and one.file.squashes:
                _check_apart(one.file, target)
    return tuple(chosen)


def choose_down(
    statuses: Sequence[VersionStatus], count: int, target: int | None, allow: Allowances
) -> tuple[VersionStatus, ...]:
    """What `rollback` reverts, in its order. Raises PartialMigration or HistoryError.

    Last applied, first reverted: who rolls back means what has just been done, and a migration
    that came late, under a lower version than others, must not cost the tables of those. Only
    with a target do versions say *which* ones go, since "as it was at 3" is about versions; the
    order is still that of applying, backwards.
    """
    applied = last_applied_first(statuses)
    if target is None:
        chosen = applied[:count]
    else:
        chosen = [one for one in applied if one.version > target]
        for one in chosen:
            if one.file is not None and one.file.squashes:
                _check_apart(one.file, target)
    going = {one.version for one in chosen}
    staying = max((one.version for one in applied if one.version not in going), default=-1)
    lowest = min(staying + 1, *going) if going else staying + 1
    for one in reversed(statuses):
        concerns = one.version in going if one.row is not None else one.version >= lowest
        if concerns and one.rule.on_rollback is Move.STOP and not passes(one.state, allow):
            raise obstacle(one, statuses, down=True)
    return tuple(chosen)


def _check_apart(file: MigrationFile, target: int) -> None:
    """Raise UnknownVersion where a target would have to split a squash."""
    from .squash import squashed_versions

    if target in squashed_versions(file):
        raise UnknownVersion(
            f"Version {target} is a part of the squashed migration {file.version}, which is applied"
            " and reverted as a whole.",
            version=target,
            path=file.path,
            hint="name that version, or one outside of it; nothing has been done",
        )


def last_applied_first(statuses: Sequence[VersionStatus]) -> list[VersionStatus]:
    """The applied ones, those first that were applied last.

    That is the order of versions, but for those that certainly came late.
    """
    found: list[VersionStatus] = []  # first applied first
    for one in statuses:
        if (row := one.row) is None or one.state is State.SQUASHED:
            continue
        place = len(found)
        while place and (other := found[place - 1].row) is not None and row.is_before(other):
            place -= 1
        found.insert(place, one)
    return found[::-1]


def as_shown(chosen: Sequence[VersionStatus], shown: Sequence[int] | None) -> None:
    """Raise HistoryError where others would be reverted than somebody was shown."""
    now = [one.version for one in chosen]
    if shown is not None and now != list(shown):
        raise HistoryError(
            "The history has changed meanwhile:"
            f" {', '.join(map(str, now)) or 'nothing'} would be rolled back,"
            f" not {', '.join(map(str, shown))}.",
            hint="nothing has been rolled back; look at `manticore status` and begin again",
        )


def obstacle(
    one: VersionStatus, statuses: Sequence[VersionStatus], *, down: bool = False
) -> HistoryError | PartialMigration:
    """The error for a migration that stops `migrate`, or with ``down`` `rollback`."""
    version, path = one.version, one.file.path if one.file else None
    newest = max((s.version for s in statuses if s.row is not None), default=None)
    if one.cover is not None and (error := _of_squash(one, one.cover)) is not None:
        return error
    match one.state:
        case State.CHANGED:
            return ChangedFile(
                f"Migration {version} was changed after it was applied.",
                version=version,
                path=path,
                hint="undo the change and write a new migration; if the change means nothing,"
                f" `manticore repair {version}` accepts the file as it is",
            )
        case State.MISSING if down:
            return MissingFile(
                f"Migration {version} ({one.description}) has no file here, so it may be another"
                " program's.",
                version=version,
                hint="nothing has been rolled back; is this the right database and directory? If"
                " it is, --allow-missing (allow_missing=True) reverts it by the undo part that was"
                " stored when it was applied",
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


_SHOWN = 5  # names in a sentence


def _of_squash(one: VersionStatus, cover: Cover) -> HistoryError | None:
    """The error for a squash that a database has in part, or from other texts."""
    from .squash import folder_of

    assert one.file is not None
    if cover.missing and one.state is State.HALF_SQUASHED:
        named = ", ".join(map(str, cover.missing[:_SHOWN]))
        more = f" and {len(cover.missing) - _SHOWN:,} more" if len(cover.missing) > _SHOWN else ""
        folder = folder_of(one.file)
        return HistoryError(
            f"Migration {one.version} squashes others, of which this database has only a part:"
            f" {named}{more} not applied.",
            version=one.version,
            path=one.file.path,
            hint=f"apply the old files first: `manticore migrate --dir {folder}`, where squash put"
            " them, or a release from before it; if the database has what they make,"
            f" `manticore repair {one.version} --applied` says so",
        )
    if cover.changed and one.state is State.CHANGED:
        named = ", ".join(map(str, cover.changed[:_SHOWN]))
        return ChangedFile(
            f"Migration {one.version} squashes {named}, which was applied from another text.",
            version=one.version,
            path=one.file.path,
            hint="compare the database with the files: `manticore drift`; if the difference means"
            f" nothing, `manticore repair {one.version}` accepts the squashed file",
        )
    return None


def problems(statuses: Sequence[VersionStatus], allow: Allowances) -> tuple[Problem, ...]:
    """Everything that would stop `migrate`, for a status that shows it all at once."""
    from .results import Problem

    found = []
    for one in statuses:
        if one.rule.on_migrate is Move.STOP and not passes(one.state, allow):
            error = obstacle(one, statuses)
            found.append(Problem(one.version, one.state, error.message, error.hint or ""))
    return tuple(found)
