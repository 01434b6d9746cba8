"""The Python client and migration system for CockroachDB and PostgreSQL."""
