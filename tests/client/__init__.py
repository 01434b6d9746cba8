"""Tests of Database and AsyncDatabase, and of what decides for them."""
