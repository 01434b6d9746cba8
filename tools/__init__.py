"""What writes generated files, builds the site, and tries the tests: not part of the package."""
