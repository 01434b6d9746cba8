"""What a statement does: what it makes, removes, alters, empties; its lock, its work, its effect.

Pure, from nodes of `parser` and capabilities of `dialect`; planner, plan, linter and runner ask
here.
"""
