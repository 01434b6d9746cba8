"""TLS: certificates that are right, wrong and missing, and answers of every size."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from manticore_cockroachdb import ConnectionFailed
from tests.support.tls import tls

# psycopg issue 1107: answers of some sizes left something in the TLS layer and waited for ever.
SIZES = [2**power + more for power in range(10, 22) for more in (-29, 0, 1)]


class Authority:
    """A certificate authority, with the files that libpq wants."""

    def __init__(self, directory: Path) -> None:
        self.ca = trustme.CA()
        self.root = directory / "ca.crt"
        self.ca.cert_pem.write_to_path(self.root)
        self.directory = directory

    def server(self, name: str = "localhost", *, days: int = 30) -> ssl.SSLContext:
        """Return what a server presents; with ``days`` below 0 it has expired."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        now = datetime.now(UTC)
        self.ca.issue_cert(
            name, not_before=now - timedelta(days=90), not_after=now + timedelta(days=days)
        ).configure_cert(context)
        return context

    def client(self) -> dict[str, str]:
        """Return libpq's keywords for a certificate of a client."""
        cert = self.ca.issue_cert("root@example.org", common_name="root")
        paths = {"sslcert": self.directory / "client.crt", "sslkey": self.directory / "client.key"}
        cert.cert_chain_pems[0].write_to_path(paths["sslcert"])
        cert.private_key_pem.write_to_path(paths["sslkey"])
        paths["sslkey"].chmod(0o600)
        return {name: str(path) for name, path in paths.items()}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def full(authority: Authority) -> dict[str, str]:
    """What verifies everything."""
    return {"sslmode": "verify-full", "sslrootcert": str(authority.root)}


@pytest.fixture
def encrypted(url: str, authority: Authority, full: dict[str, str]) -> Iterator[str]:
    """The URL of the database through TLS."""
    with tls(url, authority.server()) as gate:
        yield gate.url(url, **full)


async def test_answers_of_every_size_arrive(colour: Any, encrypted: str) -> None:
    db = colour.database(encrypted)
    async with db.connection() as connection:
        assert connection.pgconn.ssl_in_use
    for size in SIZES:
        assert len(await db.value("SELECT repeat('x', %s) AS x", (size,))) == size
    text = "y" * SIZES[-1]
    assert await db.value("SELECT length(%s::TEXT)", (text,)) == len(text)
    total = 0
    async for row in db.stream("SELECT repeat('x', n * 1000) AS x FROM generate_series(1, 100) n"):
        total += len(row["x"])
    assert total == 5_050_000


@pytest.mark.parametrize("wrong", ["name", "expired", "authority"])
async def test_a_wrong_certificate_is_refused(
    colour: Any, url: str, authority: Authority, full: dict[str, str], tmp_path: Path, wrong: str
) -> None:
    presents = {
        "name": lambda: authority.server("elsewhere.example"),
        "expired": lambda: authority.server(days=-1),
        "authority": lambda: Authority(tmp_path).server(),
    }[wrong]()
    with tls(url, presents) as gate:
        db = colour.database(gate.url(url, **full))
        with pytest.raises(ConnectionFailed) as error:
            await db.value("SELECT 1")
        assert error.value.hint
        assert "TLS" in str(error.value) or "certificate" in str(error.value)


async def test_a_certificate_of_the_client(
    colour: Any, url: str, authority: Authority, full: dict[str, str]
) -> None:
    context = authority.server()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(str(authority.root))
    with tls(url, context) as gate:
        db = colour.database(gate.url(url, **full, **authority.client()))
        assert await db.value("SELECT 5") == 5
        without = colour.database(gate.url(url, **full, sslcert="/none", sslkey="/none"))
        with pytest.raises(ConnectionFailed):
            await without.value("SELECT 5")
