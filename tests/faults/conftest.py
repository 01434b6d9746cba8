"""The server behind the proxy: PostgreSQL, since the proxy knows only the protocol."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers import Server


@pytest.fixture(scope="module")
def server_url(server: Server) -> Iterator[str]:
    """A database that the tests of a module share."""
    with server.fresh_database() as url:
        yield url
