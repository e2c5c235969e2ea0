"""``fdl-harness completion``: what makes a shell complete commands, options and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete the commands and options of fdl-harness.

    \b
    bash:  fdl-harness completion bash >> ~/.bashrc
    zsh:   fdl-harness completion zsh >> ~/.zshrc
    fish:  fdl-harness completion fish > ~/.config/fish/completions/fdl-harness.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, "click completes in these shells"
    click.echo(kind(context.find_root().command, {}, "fdl-harness", "_FDL_HARNESS_COMPLETE").source())
