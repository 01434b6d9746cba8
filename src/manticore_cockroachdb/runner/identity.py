"""Who this runner is, as the lease, the history and failed attempts name it.

An owner's name also says on which boot of which machine, and among which processes, its pid means
something. So another runner there can see that it is dead, killed with -9 perhaps, and need not
wait until the lease expires. Where that cannot be known (another machine, another container,
another system than Linux) nobody is taken for dead. Should the judgement be wrong all the same,
the fence stops the one who was: it can record nothing, and says so.
"""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from pathlib import Path

HOST = socket.gethostname()
_PLACE_DIGITS = 6
_RANDOM_DIGITS = 8


def new_owner() -> str:
    """A name for one run that no other run shares: host, process, and digits that say where the
    process lives and which run it is."""
    return f"{HOST}:{os.getpid()}:{_place()}{uuid.uuid4().hex[:_RANDOM_DIGITS]}"


def is_dead(owner: str) -> bool:
    """Whether the run of this name was one of this machine's processes, and that is gone."""
    host, _, rest = owner.rpartition(":")[0].rpartition(":")
    digits = owner.rpartition(":")[2]
    place = _place()
    if not place or host != HOST or not rest.isdecimal():
        return False
    if len(digits) != _PLACE_DIGITS + _RANDOM_DIGITS or not digits.startswith(place):
        return False
    return not _lives(int(rest))


def _place() -> str:
    """Six digits for this boot of this machine and this namespace of processes; "" if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        processes = Path("/proc/self/ns/pid").readlink()
    except (OSError, ValueError):
        return ""
    return hashlib.sha256(f"{boot} {processes}".encode()).hexdigest()[:_PLACE_DIGITS]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # it is another user's
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    # A process that was killed stays as a zombie until its parent has heard of it.
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
