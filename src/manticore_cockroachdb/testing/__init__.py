"""Fixtures and ready-made tests for projects whose database is made by migrations.

pytest finds `plugin` by itself, through its entry point. It imports nothing but pytest until a
fixture is asked for; a test session that asks for none starts no server and pays a few
milliseconds. Ready-made tests are switched on with one line in a test file::

    from manticore_cockroachdb.testing.checks import *

Every test gets a database of its own. On PostgreSQL it is a copy of a template that was migrated
once; CockroachDB has no templates, so there the migrations run for each, in few transactions.
"""
