"""What a deployment runs: ``python -m scripts.<name>``, from a checkout of this repository.

Each takes the database from DATABASE_URL and the directory from MANTICORE_DIR, or as options, as
``manticore`` does; docs/cli.md has the rules and the exit codes.
"""
