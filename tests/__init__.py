"""The test suite; see README.md here for how a test is written."""
