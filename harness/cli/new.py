"""``fdl-harness new``: a commented scenario to begin with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

__all__ = ["new"]


@click.command()
@click.argument("name")
def new(name: str) -> None:
    """Write a commented scenario called NAME to begin with, which runs as it is.

    NAME is its title or its file: "lost slots" goes to lost_slots.toml. A file that is there is not touched.
    """
    path = Path(name)
    title = path.stem.replace("_", " ")
    if path.suffix != ".toml":
        path = Path(f"{name.replace(' ', '_')}.toml")
        title = Path(name).name
    if '"' in title or "\\" in title or not title.isprintable():
        raise click.BadParameter(f"found {name!r}, expected a name without quotes and backslashes.", param_hint="NAME")
    text = (files("harness") / "starter.toml").read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text.replace("TITLE", title).replace("FILE", str(path)))
    except FileExistsError:
        raise click.UsageError(f"{path} is there already; give another name") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror or error}") from None
    click.echo(f"wrote {path}; run it with: fdl-harness run {path}")
