"""The version, alone in a module so that `manticore --version` imports nothing else."""

__version__ = "1.0.0.dev0"
