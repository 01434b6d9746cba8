"""manticore current"""

from __future__ import annotations

from ..call import Call
from ..options import DATABASE, OUTPUT
from ..result import Result
from ..verb import verb


@verb(*(DATABASE, OUTPUT))
def command(call: Call) -> Result:
    """Print the newest applied version, and nothing before the first migration."""
    with call.migration() as migration:
        version = migration.get_current_version()
    return Result({"current": version}, [] if version is None else [str(version)])
