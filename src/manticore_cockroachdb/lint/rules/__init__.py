"""The rules, a file each; `manticore_cockroachdb.lint.index` lists them."""
