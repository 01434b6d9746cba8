"""The rules, a file each; `manticore_cockroachdb.migrations.lint.index` lists them."""
