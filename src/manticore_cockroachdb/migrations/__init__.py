"""Migrations: a pure core that decides, and thin halves that do its input and output."""
