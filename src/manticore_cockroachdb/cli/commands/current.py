"""manticore current"""

from __future__ import annotations

from .. import present
from ..call import Call
from ..options import DATABASE, OUTPUT
from ..render import Result
from ..verb import verb


@verb(*(DATABASE, OUTPUT))
def command(call: Call) -> Result:
    """Print the newest applied version, and nothing before the first migration."""
    with call.migration() as migration:
        return present.current(migration.get_current_version())
