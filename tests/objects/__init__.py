"""Repeatable files, hooks and variables: what runs beside the migrations."""
