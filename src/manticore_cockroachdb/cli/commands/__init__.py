"""The commands, a file each; `manticore_cockroachdb.cli.index` lists them.

    @verb(DATABASE, FILES, OUTPUT)
    @click.option("--to", metavar="VERSION", help="Stop after this one.")
    def command(call: Call, to: str | None) -> Result:
        \"\"\"What --help says.\"\"\"
        with call.migration() as migration:
            return presented(migration.something(to), call.layout())

    def presented(found: Something, layout: Layout) -> Result: ...

A command is one file: its options, its work, and how its result reads. The option groups are in
`options`; what they hold arrives in ``call``, already resolved against variables and
configuration; a command's own options arrive by name. Import what is heavy inside the function.
"""
