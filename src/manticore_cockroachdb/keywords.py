"""The names that say where and how to connect: libpq's keywords, the pool's, and their synonyms."""

from __future__ import annotations

from .errors import ConfigError
from .suggest import nearest

# Up to version 18. An older libpq refuses what it does not know.
# https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_KEYWORDS = """
    application_name channel_binding client_encoding connect_timeout dbname
    fallback_application_name gssdelegation gssencmode gsslib host hostaddr keepalives
    keepalives_count keepalives_idle keepalives_interval krbsrvname load_balance_hosts
    max_protocol_version min_protocol_version oauth_client_id oauth_client_secret oauth_issuer
    oauth_scope options passfile password port replication require_auth requirepeer
    scram_client_key scram_server_key service servicefile ssl_max_protocol_version
    ssl_min_protocol_version sslcert sslcertmode sslcompression sslcrl sslcrldir sslkey
    sslkeylogfile sslmode sslnegotiation sslpassword sslrootcert sslsni target_session_attrs
    tcp_user_timeout user
"""
KEYWORDS = frozenset(_KEYWORDS.split())
SECRETS = frozenset(
    {"password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"}
)
SYNONYMS = {
    "database": "dbname",
    # as 0.3.1 called them
    "min_connections": "min_size",
    "max_connections": "max_size",
}
POOL: dict[str, type[int] | type[float]] = {
    "min_size": int,
    "max_size": int,
    "timeout": float,
    "max_lifetime": float,
    "max_idle": float,
    "prepare_threshold": int,
}


def check_keyword(name: str, *, what: str = "setting") -> None:
    """Raise `ConfigError`, naming the nearest, unless ``name`` is one of libpq's keywords."""
    if name in KEYWORDS:
        return
    near = nearest(name, {*KEYWORDS, *SYNONYMS, *POOL, "create", "telemetry"} - {"dbname"})
    raise ConfigError(
        f"There is no {what} {name!r}.", hint=f"Did you mean {near!r}?" if near else None
    )
