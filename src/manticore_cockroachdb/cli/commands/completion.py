"""manticore completion"""

from __future__ import annotations

import click

from ..call import Call
from ..result import Result
from ..verb import verb


@verb()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(call: Call, shell: str) -> Result:
    """Print the completion script for a shell.

    \b
    bash  eval "$(manticore completion bash)"   in ~/.bashrc
    zsh   eval "$(manticore completion zsh)"    in ~/.zshrc, after compinit
    fish  manticore completion fish > ~/.config/fish/completions/manticore.fish
    """
    from click.shell_completion import get_completion_class

    from ..app import root

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(root, {}, "manticore", "_MANTICORE_COMPLETE").source()
    return Result({"script": script}, [script])
