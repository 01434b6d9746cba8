"""Who this runner is, as the lease, the history and failed attempts name it."""

from __future__ import annotations

import os
import socket
import uuid

HOST = socket.gethostname()


def new_owner() -> str:
    """A name for one run that no other run shares: host, process and eight random digits."""
    return f"{HOST}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
